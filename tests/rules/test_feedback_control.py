"""Feedback control: a loop in plain numpy, and what must hold whatever the numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, CubaLIF, Learner, Network, controlled, feedforward, infer
from onspike.rules import (
    Control,
    DirectFeedback,
    Symmetric,
    TargetRates,
    TargetTrains,
    deep_feedback_control,
    eprop,
    feedback_control,
)
from onspike.surrogates import Triangle
from oracle import begin, draw, learn, tasklet

TICKS, DT = 120, 1e-3
TASK = tasklet(n_in=6, n_out=3, ticks=TICKS, window=TICKS - 20)
EPISODES = draw(TASK, 1, rate=0.4, seed=2)
NEURON = CubaLIF(
    tau_mem=20e-3,
    tau_syn=10e-3,
    normalised=True,
    floor=-1.0,
    surrogate=Triangle(1.0),
)
TARGET = TargetRates(150.0, 20.0)


def network(sizes=(), unit=1, per_unit=1, controller=None):
    net = feedforward(6, NEURON, sizes, 3, readout=NEURON, mean_out=0.2, unit=unit)
    controller = controller or LIF(tau_mem=50e-3, floor=-2.0)
    return controlled(net, controller, per_unit)


def by_hand(learner, control, x, label, rates):
    """The equations, tick by tick; spikes by population, and the final weights."""
    state = begin(learner)
    w = {n: np.array(a) for n, a in learner.params(state).weights.items()}
    a, a_s, a_c, a_f = np.exp(-DT / np.array([20e-3, 10e-3, 50e-3, control.tau]))
    out, hidden = np.zeros((3, 3)), np.zeros((3, 5))  # v, i, z
    c, y, q, phase = np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(3), np.full(3, 0.5)
    true = np.arange(3) == label
    slack = control.target.overshoot
    sides = np.where(true, 1, slack), np.where(true, slack, 1)
    seen = {name: [] for name in ("hidden", "out", "more", "less")}

    def step(state, current, injected):
        v, i, z = state
        i = a_s * i + current
        v = np.maximum(-1.0, a * v - z + (1 - a) * (i + injected))
        return np.stack([v, i, (v >= 1).astype(float)])

    for t, now in enumerate(x):
        q = a_f * q + sides[0] * y[0] - sides[1] * y[1]
        phase = phase + DT * np.where(true, control.target.high, control.target.low)
        target, phase = (phase >= 1).astype(float), phase % 1
        gap = control.weight * (target - out[2])
        if t < 20:
            q, gap = 0 * q, 0 * gap
        c = np.maximum(-2.0, a_c * c - y + np.stack([gap, -gap]))
        y = (c >= 1).astype(float)
        pre = now
        if "in" in w:
            hidden = step(hidden, w["in"] @ now, 0.0)
            pre = hidden[2]
        out = step(out, w["out"] @ pre, control.gain * q)
        if "in" in w:
            psi = np.maximum(0, 1 - np.abs(hidden[0] - 1))
            heard = (w["out"].T @ q) * psi * (1 - a)
            w["in"] += rates["in"] * heard[:, None] * now[None]
        w["out"] += rates["out"] * q[:, None] * pre[None]
        for name, z in zip(seen, (hidden[2], out[2], *y), strict=True):
            seen[name].append(z)
    return {name: np.array(z) for name, z in seen.items()}, w


@pytest.mark.parametrize("sizes", [(), (5,)])
@pytest.mark.parametrize("overshoot", [1.0, 0.1, 0.0])
def test_it_is_the_loop_in_numpy(sizes, overshoot):
    target = TargetRates(150.0, 20.0, overshoot)
    control = Control(
        target, gain=0.7, weight=1.1, through=Symmetric(output_slope=False)
    )
    rates = {"in": 0.05, "out": 2e-3} if sizes else {"out": 2e-3}
    learner = Learner(network(sizes), deep_feedback_control(rates, control=control))
    state, record = learn(learner, TASK, begin(learner), EPISODES)
    label = int(EPISODES.label[0])
    seen, w = by_hand(learner, control, np.asarray(EPISODES.content[0]), label, rates)
    for name, z in seen.items():
        if name in record.spikes:
            assert np.array_equal(record.spikes[name], z.sum(0)), name
    assert seen["out"].sum() > 10 and (seen["more"] + seen["less"]).sum() > 3
    before = learner.params(begin(learner)).weights
    for name, value in learner.params(state).weights.items():
        assert np.allclose(value, w[name], rtol=0, atol=1e-12)
        assert np.abs(value - before[name]).max() > 1e-3


def pull_of(target, z, ticks=80):
    """The current that controllers make of two spike trains of 3 units."""
    control, net = Control(weight=2.0), network()
    wiring, pair = net.wiring, net.populations["more"].neuron
    _, own = control.init(wiring, jax.random.key(0))
    control = eqx.tree_at(
        lambda c: c.target, control, TargetTrains(jnp.stack([target] * 3))
    )
    own = own._replace(target=control.target.init(3))
    neurons = {name: pair.init(3) for name in ("more", "less", "out")}
    sample = sample_of(jnp.eye(3)[0])
    currents = []
    for t in range(ticks):
        own, into = control.feedback((), own, sample, neurons, wiring, DT)
        neurons = {
            name: pair.inject(into[name]).step(neurons[name], jnp.zeros(3), DT)
            for name in ("more", "less")
        }
        neurons["out"] = pair.init(3)._replace(z=z[t])
        currents.append(own.current)
    return np.array(currents)


def sample_of(target):
    from onspike.types import Sample

    yes = jnp.asarray(True)
    return Sample(jnp.zeros(6), target, yes, jnp.zeros(()), yes, yes)


def trains(seed, rate, ticks=80):
    rng = np.random.default_rng(seed)
    return jnp.asarray((rng.random((ticks, 3)) < rate).astype(float))


def late(train):
    return jnp.concatenate([jnp.zeros((1, 3)), train[:-1]])


def test_swapping_target_and_output_negates_the_current_exactly():
    one, other = trains(0, 0.3), trains(1, 0.1)
    forth = pull_of(late(one), other)
    back = pull_of(late(other), one)
    assert np.abs(forth).max() > 1
    assert np.array_equal(forth, -back)


def test_an_output_on_target_feels_nothing():
    train = trains(0, 0.3)
    assert not pull_of(late(train), train).any()
    assert pull_of(train, train).any()  # one tick off is not on target


def test_without_gain_the_spikes_are_those_of_plain_inference():
    for gain in (0.0, 1.0):
        control = Control(TARGET, gain=gain, weight=2.0)
        learner = Learner(network((5,)), deep_feedback_control(0.0, control=control))
        state = begin(learner)
        _, driven = learn(learner, TASK, state, EPISODES)
        alone = infer(learner.network, TASK, learner.params(state), EPISODES)
        assert set(alone.spikes) == {"hidden", "out"} and alone.spikes["out"].sum() > 5
        same = np.array_equal(driven.spikes["out"], alone.spikes["out"])
        assert same == (gain == 0)
        assert driven.spikes["more"].sum() + driven.spikes["less"].sum() > 0


def test_neurons_of_a_unit_share_its_current_and_vote_together():
    control = Control(TARGET)
    many = network(unit=4, per_unit=2)
    assert (many.n_out, many.populations["out"].n, many.populations["less"].n) == (
        3,
        12,
        6,
    )
    single = Learner(network(), feedback_control(2e-3, control=control))
    fourfold = Learner(many, feedback_control(2e-3, control=control))
    one, four = begin(single), begin(fourfold)
    w = single.params(one).weights["out"]
    die = four.shared.store.die
    die = die._replace(weights={"out": jnp.repeat(w, 4, axis=0)})
    four = four._replace(
        shared=four.shared._replace(store=four.shared.store._replace(die=die))
    )
    one, seen = learn(single, TASK, one, EPISODES)
    four, quartet = learn(fourfold, TASK, four, EPISODES)
    assert seen.spikes["out"].sum() > 10
    assert np.array_equal(quartet.spikes["out"], np.repeat(seen.spikes["out"], 4))
    learnt = single.params(one).weights["out"]
    assert np.allclose(
        fourfold.params(four).weights["out"], np.repeat(learnt, 4, axis=0)
    )
    assert not np.allclose(learnt, w)


def test_current_reaches_hidden_neurons_when_asked():
    through = DirectFeedback(2.0)
    silent = Control(TARGET, gain=0.0, through=through)
    loud = Control(TARGET, gain=0.0, through=through, gain_hidden=1.0)
    counts = []
    for control in (silent, loud):
        learner = Learner(network((5,)), deep_feedback_control(0.0, control=control))
        _, record = learn(learner, TASK, begin(learner), EPISODES)
        counts.append(record.spikes["hidden"])
    assert not np.array_equal(*counts)


def test_inference_leaves_controllers_out():
    net = network((5,))
    assert set(net.populations) == {"hidden", "out", "more", "less"}
    assert net.wiring.hidden == ("hidden",)
    assert set(net.bare().populations) == {"hidden", "out"}
    plain = feedforward(6, NEURON, (5,), 3)
    assert plain.bare() is plain


def test_what_cannot_be_is_refused():
    plain = feedforward(6, NEURON, (), 3, readout=NEURON)
    with pytest.raises(ValueError, match="build it with onspike.controlled"):
        Learner(plain, feedback_control()).init(jax.random.key(0))
    with pytest.raises(ValueError, match="hertz above low"):
        TargetRates(5.0, 5.0)
    with pytest.raises(ValueError, match="Control.tau must be positive"):
        Control(tau=0.0)
    with pytest.raises(ValueError, match="unit must divide the 3 neurons"):
        Network(6, plain.populations, plain.projections, output="out", unit=2)
    from onspike.engine import Chunked

    rule = eprop(signal=Control())
    reason = Chunked().refuses(Learner(network(), rule), tasklet())
    assert "acts on neurons" in reason
