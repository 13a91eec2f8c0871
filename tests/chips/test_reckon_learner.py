"""ReckOn's twin as a learner: from floats to registers, and what it holds."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onspike as ons
from onspike.chips import reckon
from onspike.chips.reckon.registers import UNSET
from onspike.experiment import build, doctor, measure
from onspike.experiment.spec import resolve
from onspike.surrogates import Triangle
from onspike.tasks import CueAccumulation
from tinyrun import listed, refused, spoken, tiny


def net(n_in=40, n=100, n_out=2, **neuron):
    lif = ons.LIF(**{"tau_mem": 2.0, "v_threshold": 0.6} | neuron)
    return ons.recurrent(n_in=n_in, hidden=lif, n_hidden=n, n_out=n_out)


def test_the_published_network_becomes_the_shipped_registers():
    found = reckon.calibrate(net())
    r = found.chip.registers
    assert found.notes == ()
    assert np.all(found.chip.thr == 614)
    assert [int(getattr(r, f"thr_h_{k}")) for k in range(4)] == [205] * 4
    assert [int(getattr(r, f"h_{k}")) for k in range(5)] == [0, 0, 0, 0, 1]
    assert int(r.fp_loc_winp) == int(r.fp_loc_wout) == 3
    assert (int(r.lr_p_winp), int(r.lr_p_wout)) == (8, 14)
    assert np.asarray(found.chip.alpha)[0] / 2**15 == pytest.approx(
        np.exp(-1 / 2000), abs=2e-5
    )
    assert int(r.kappa) / 128 == pytest.approx(np.exp(-1 / 20), rel=4e-3)


def test_what_is_lost_is_said():
    found = reckon.calibrate(net(tau_mem=5e-3, v_threshold=40.0), rate=3e-5)
    text = "\n".join(found.notes)
    assert "alpha (from tau_mem): 0.8187 clipped to 0.875" in text
    assert "threshold: 40 clipped to 32" in text
    assert "rate: multiplied by 1.02" in text
    w = {"in": np.full((3, 2), 1.5), "rec": np.zeros((3, 3)), "out": np.zeros((2, 3))}
    kept, notes = reckon.stored(w, dict.fromkeys(w, 1 / 128))
    assert np.all(kept["winp"] == 127) and kept["winp"].shape == (2, 3)
    assert notes == ("weights of 'in': 1e+02 % clipped to -1 .. 0.992188",)


@pytest.mark.parametrize("tau, got", [(0.2, 127.0), (0.5, np.inf)])
def test_a_slow_readout_that_became_another_is_said(tau, got):
    lif = ons.LIF(tau_mem=2.0, v_threshold=0.6)
    slow = ons.LeakyIntegrator(tau_mem=tau)
    network = ons.recurrent(n_in=4, hidden=lif, n_hidden=5, n_out=2, readout=slow)
    (note,) = reckon.calibrate(network).notes
    assert note == f"kappa (from tau_out): {1000 * tau:.3g} ticks became {got:.3g}"


def test_segments_follow_a_pseudo_derivative():
    cut = reckon.segments(Triangle(gamma=0.3), 0.5)
    assert cut.values == (0, 1, 2, 3, 4)
    assert cut.unit == pytest.approx(0.3 / 0.5 / 4)
    assert np.allclose(cut.borders, np.array([1, 3, 5, 7]) / 8 * 0.5, atol=2e-3)


def test_a_rate_is_the_mean_step():
    """What registers say about probabilities is the rate that was asked for."""
    r = reckon.calibrate(net(n=16), rate=2.0**-17).chip.registers
    lsb, spikes, signal = 2.0**-7, 5, 3.0  # signal: error times weight
    error, w = 2048 * signal, 127
    heard = (int(error) * w << int(r.learn_sig_scale)) >> 12
    t = 8 * spikes
    share = (heard * t << int(r.lr_p_winp)) / 2**32
    wished = 2.0**-17 * signal * (w * lsb) * spikes
    assert share * lsb == pytest.approx(wished, rel=0.02)


def test_memory_is_the_published_overhead():
    full = reckon.Registers(**dict.fromkeys(UNSET, 0))
    found = reckon.bits(full)
    assert (found.traces, found.weights) == (8704, 1_081_344)
    assert found.overhead == pytest.approx(0.008, abs=1e-4)


def test_cycles_of_a_shipped_sample_are_those_of_the_simulation():
    # Of a sample of 2,250 ticks with 563 spikes and 850 events, 150 of them supervised.
    found = reckon.ReckOn(net()).clock_cycles(CueAccumulation(), 563.0, 850.0)
    assert 1.2e6 < sum(found.values()) < 1.3e6
    assert found["learning"] > found["inference"] > 2249 * 2 * 50


def test_tasks_that_it_cannot_learn_are_refused():
    learner, key = reckon.ReckOn(net(n_in=5, n=12)), jax.random.key(0)
    state = learner.init(key)
    task = listed(n=4, ticks=50, n_in=5, rate=0.4)
    learner.check(task, state, key)
    late = dataclasses.replace(task, window=1)
    with pytest.raises(ValueError, match="no valid target there"):
        learner.check(late, state, key)
    graded = dataclasses.replace(task, x=task.x / 2)
    with pytest.raises(ValueError, match=r"input of 0 or 1; this task sends 0\.5"):
        learner.check(graded, state, key)


@pytest.mark.parametrize(
    "network, why",
    [
        (dict(n=257), "257 hidden neurons; the chip has 256"),
        (dict(n_in=300), "300 input channels; the chip has 256"),
        (dict(n_out=17), "17 outputs; the chip has 16"),
        (dict(bias=0.1), "it has no bias currents"),
        (dict(floor=-1.0), "one time constant and threshold, and no more"),
    ],
)
def test_other_networks_are_refused(network, why):
    with pytest.raises(ValueError, match=f"ReckOn cannot be this network: .*{why}"):
        reckon.calibrate(net(**network))


@pytest.mark.slow
def test_it_learns_as_the_chip_does_and_answers_as_the_chip_does():
    task = listed(n=4, ticks=50, n_in=5, rate=0.4)
    network = net(5, 12, 2, tau_mem=15e-3, v_threshold=0.3)
    learner = reckon.ReckOn(network, rate=2.0**-8, rate_out=2.0**-6)
    key = jax.random.key(0)
    episodes = task.samples("train", jnp.arange(3, dtype=jnp.int32), key)
    state = learner.init(jax.random.key(1))
    alone = state.chip
    after, record = jax.jit(lambda s: learner.learn(task, s, episodes))(state)
    mask = np.asarray(task.mask())
    for i in range(3):
        episode = jax.tree.map(lambda a, i=i: a[i], episodes)
        events = np.asarray(task.block(episode, jnp.int32(0), 50)) != 0
        sample = reckon.samples(
            learner.chip.registers, events, int(episode.label), mask, mask
        )
        alone, result = reckon.run(learner.chip, alone, sample)
        assert record.answer[i] == result.label
    for mine, theirs in zip(
        jax.tree.leaves(after.chip), jax.tree.leaves(alone), strict=True
    ):
        assert np.array_equal(mine, theirs)
    assert record.written > 20 and record.spikes["hidden"].sum() > 20
    # What a run keeps is floats, and nothing is lost on the way back.
    params = learner.params(after)
    again = learner._programmed(learner.chip, params.weights)
    assert all(map(np.array_equal, again.weights, after.chip.weights))


def test_a_run_reports_the_memory_of_the_chip():
    network = net(5, 12, 2)
    task = listed(n=4, ticks=50, n_in=5, rate=0.4)
    memory = measure.memory(reckon.ReckOn(network), task)
    # No neuron is joined to itself.
    assert memory["weights"] == 8 * (5 * 12 + 12 * 11 + 12 * 2)
    assert memory["neuron_state"] == 16 * (12 + 2)
    assert memory["learning_detail"]["traces"] == 12 * 34


@pytest.mark.slow
def test_the_doctor_looks_at_a_chip():
    found = doctor.probe(tiny("reckon-chip", device="reckon"))
    assert [p.name for p in found.projections] == ["in", "rec", "out"]
    for p in found.projections:
        assert p.plastic and p.finite == 1 and p.at_bound is None
    assert any(p.changed for p in found.projections)


def test_the_recipe_for_spoken_digits_is_a_chip_without_a_loss(tmp_path):
    written = spoken(tmp_path)
    files = {path: written[path] for path in ("task.train", "task.test")}
    settings = files | {"task.n_units": 140, "task.classes": (1, 0)}
    spec = resolve("spoken-digits", rule="reckon-chip", settings=settings)
    task = spec.built("task")
    learner = build.learner(spec, task)
    r = learner.chip.registers
    assert learner.notes == ()
    assert (r.n_inp, r.n_out) == (task.n_in, task.n_out) == (140, 2)
    assert dict(learner.lsb)["in"] == 2.0**-9
    assert np.flatnonzero(task.mask()).tolist() == list(range(51, 60))
    x = task.block(task.episode("test", 0, jax.random.key(0)), jnp.int32(0), 60)
    assert set(np.unique(x)) == {0.0, 1.0}


def test_what_the_chip_lacks_is_refused():
    command = ("train", "cue-accumulation", "--rule", "reckon-chip", "--set")
    assert "no optimiser" in refused(*command, "train.optimiser=adam")
    assert "no weight decay" in refused(*command, "train.weight_decay=0.1")
    assert "8 bits" in refused(*command, "device.bits=4")
    assert "the chip's own" in refused(*command, "device.write=nearest")
