"""Neurons under given currents, a learner under given spikes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onspike as ons
from onspike import rules
from onspike.losses import SquaredError


def test_a_lif_fires_when_its_closed_form_says():
    tau, drive, dt = 20e-3, 1.5, 1e-5
    states = ons.simulate(
        ons.LIF(tau_mem=tau, normalised=True), np.full((5000, 1), drive), dt
    )
    (spikes,) = np.nonzero(np.asarray(states.z)[:, 0])
    expected = tau * np.log(drive / (drive - 1)) / dt  # ticks
    assert abs(spikes[0] - expected) < 2
    assert np.all(abs(np.diff(spikes) - expected) < 2)


def test_neurons_that_are_simulated_together_do_not_meet():
    drive = np.array([0.3, 1.2, 2.0])
    together = ons.simulate(ons.LIF(normalised=True), np.ones((100, 3)) * drive)
    for i, one in enumerate(drive):
        alone = ons.simulate(ons.LIF(normalised=True), np.full((100, 1), one))
        assert np.array_equal(together.v[:, i], alone.v[:, 0])
    assert together.z.sum() > 3


def test_what_does_not_fit_the_neurons_is_refused():
    with pytest.raises(ValueError, match="simulate.current must be"):
        ons.simulate(ons.LIF(), np.ones(10))
    with pytest.raises(ValueError, match="tau_mem"):
        ons.simulate(ons.LIF(tau_mem=jnp.full(3, 20e-3)), np.ones((10, 2)))


def one_synapse(rule):
    net = ons.feedforward(
        1, ons.LIF(), (), 1, readout=ons.LIF(), gains=(0.0,), mean_out=0.02
    )
    return ons.Learner(net, rule)


def test_a_late_reward_writes_what_the_trace_still_holds():
    # The electrode is a second input; the pair is 4 ticks apart.
    net = ons.Network(
        2,
        {"cell": ons.Population(ons.LIF(), 1)},
        {"in": ons.Projection("input", "cell", gain=0.0, mean=jnp.array([[0.1, 1.5]]))},
        output="cell",
    )
    tau, rate = 0.3, 0.01
    learner = ons.Learner(net, rules.rstdp(rate, tau=tau))
    x = np.zeros((80, 2))
    x[10, 0] = x[14, 1] = 1
    reward = np.zeros(80)
    reward[60] = 2.0
    after, look = ons.present(learner, learner.init(ons.key(0)), x, reward=reward)
    spikes = np.flatnonzero(look.neurons["cell"].z[:, 0])
    assert spikes.tolist() == [14]
    gained = rate * 2.0 * np.exp(-4e-3 / 20e-3) * np.exp(-46e-3 / tau)
    new = learner.params(after).weights["in"][0, 0]
    assert float(new - 0.1) == pytest.approx(gained, rel=1e-9)
    # The tick of the reward still computed with the old weight.
    assert np.all(look.weights["in"][:61, 0, 0] == look.weights["in"][0, 0, 0])
    assert float(look.weights["in"][61, 0, 0]) == pytest.approx(0.1 + gained)


def test_a_presentation_is_a_sample_and_stays_within_its_mask():
    learner = one_synapse(rules.eprop(0.1, eligibility=rules.PreTrace()))
    x, target = np.ones((30, 1)), np.ones((30, 1))
    start = learner.init(ons.key(0))
    mask = np.arange(30) >= 20
    after, error = ons.present(
        learner,
        start,
        x,
        target=target,
        mask=mask,
        loss=SquaredError(),
        keep=lambda look: look.teaching.error,
    )
    assert np.array_equal(np.any(np.asarray(error) != 0, axis=1), mask)
    assert learner.params(after).weights["out"][0, 0] > 0.02
    unseen, _ = ons.present(learner, start, x)
    assert np.array_equal(
        learner.params(unseen).weights["out"], learner.params(start).weights["out"]
    )


def test_arrays_that_do_not_fit_are_named():
    learner = one_synapse(rules.stdp())
    start, x = learner.init(ons.key(0)), np.zeros((5, 1))
    with pytest.raises(ValueError, match="present.x"):
        ons.present(learner, start, np.zeros((5, 2)))
    with pytest.raises(ValueError, match="present.reward"):
        ons.present(learner, start, x, reward=np.zeros(4))
    with pytest.raises(ValueError, match="give the target"):
        ons.present(learner, start, x, mask=np.ones(5, bool))


def test_samples_are_a_batch_of_sample():
    task, key = ons.tasks.CueAccumulation(n_cues=3, ticks=600), ons.key(1)
    batch = task.samples("test", jnp.arange(3), key)
    for i in range(3):
        one = task.sample("test", jnp.asarray(i), key)
        same = jax.tree.map(lambda a, b, i=i: bool(np.all(a[i] == b)), batch, one)
        assert all(jax.tree.leaves(same))
