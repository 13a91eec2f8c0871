"""What is broken on a die: neurons that send nothing, synapses that take nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Fixed, Ideal, LeakyIntegrator, Learner, RateNeuron
from onspike.devices import DeadNeurons, StuckSynapses
from onspike.layouts import feedforward
from onspike.rules import RateTarget, eprop
from onspike.types import Params
from oracle import (
    READOUT,
    Ledger,
    booked,
    draw,
    learn,
    programmed,
    small,
    tasklet,
    weigh,
    wired,
)

KEY = jax.random.key(4)
TASK = tasklet(ticks=24, window=8)
EPISODES = draw(TASK, 2, rate=0.5)
RULE = eprop(regulariser=RateTarget(0.01, 20.0, 0.1))


def cut(params, alive):
    """The parameters without the neurons that are dead."""
    keep = np.flatnonzero(alive)
    w = {n: np.asarray(a) for n, a in params.weights.items()}
    weights = {
        "in": w["in"][keep],
        "rec": w["rec"][np.ix_(keep, keep)],
        "out": w["out"][:, keep],
    }
    return {n: jnp.asarray(a) for n, a in weights.items()}


def test_a_die_with_dead_neurons_learns_as_a_net_without_them():
    net = small(n=6)
    learner = Learner(net, RULE, DeadNeurons(Ledger(), 0.5))
    params, gradient, book = booked(learner, TASK, EPISODES)
    alive = np.asarray(params.alive["hidden"])
    dead, keep = np.flatnonzero(alive == 0), np.flatnonzero(alive)
    assert 2 <= len(dead) <= 4 and set(params.alive) == {"hidden"}  # readouts live
    spikes = np.asarray(book.spikes["hidden"])
    assert not spikes[dead].any() and spikes[keep].min() >= 3
    # No gradient into the dead or out of them, whatever a regulariser would like.
    for name in ("in", "rec"):
        assert not np.any(gradient[name][dead])
        assert np.abs(gradient[name][keep]).max() > 0.01
    assert not np.any(gradient["rec"][:, dead]) and not np.any(gradient["out"][:, dead])
    fewer = Learner(small(n=len(keep)), RULE, Ledger())
    state = programmed(fewer, 2)
    store = state.shared.store
    die = store.die._replace(
        params=store.die.params._replace(weights=cut(params, alive))
    )
    state = state._replace(shared=state.shared._replace(store=store._replace(die=die)))
    after, seen = learn(fewer, TASK, state, EPISODES)
    assert np.array_equal(seen.spikes["hidden"], spikes[keep])
    assert np.array_equal(seen.answer, book.answer)
    expected = cut(Params(gradient, {}), alive)
    for name, total in after.shared.store.die.total.items():
        size = np.abs(expected[name]).max()
        assert size > 0.01 and np.abs(-total - expected[name]).max() < 1e-12 * size


def test_nothing_passes_a_dead_neuron():
    net = feedforward(2, LIF(v_threshold=0.1), (4,), 2, readout=READOUT)
    params = weigh(net)._replace(alive={"hidden": jnp.asarray([1.0, 0.0, 1.0, 0.0])})
    state = net.init()
    step = jax.jit(lambda p, s, t: net.step(p, s, jnp.ones(2), {}, t))
    state, local, _ = step(params, state, jnp.zeros((), jnp.int32))
    seen = local["in"]
    assert np.array_equal(seen.z, [1, 0, 1, 0])
    assert np.array_equal(state.neurons["hidden"].z, seen.z)
    assert np.array_equal(local["out"].spikes, seen.z)
    assert not np.any(seen.psi[1::2]) and not np.any(seen.jacobian.emit[:, 1::2])
    assert np.all(np.asarray(state.neurons["hidden"].v) > 0)  # it still integrates


def test_who_may_be_dead():
    wiring = small(n=6).wiring
    neurons = {"hidden": LIF(), "out": LeakyIntegrator()}
    p = Params({"in": jnp.ones((6, 3))}, neurons)

    def alive(device, p=p):
        return device.read(device.fabricate(p, wiring, KEY)).alive

    assert not alive(DeadNeurons(Ideal(), 1.0))["hidden"].any()
    assert set(alive(DeadNeurons(Ideal(), 1.0))) == {"hidden"}
    assert np.all(np.asarray(alive(DeadNeurons(Ideal(), 0.0))["hidden"]) == 1)
    assert not alive(DeadNeurons(Ideal(), 1.0, only=()))
    # Graded neurons too, unless they are the readout; and a readout that spikes.
    graded = p._replace(neurons={"hidden": RateNeuron(), "out": RateNeuron()})
    assert set(alive(DeadNeurons(Ideal(), 0.5), graded)) == {"hidden"}
    spiking = p._replace(neurons={"hidden": LIF(), "out": LIF()})
    assert set(alive(DeadNeurons(Ideal(), 0.5), spiking)) == {"hidden", "out"}
    only = DeadNeurons(Ideal(), 0.5, only=("out",))
    assert set(alive(only, spiking)) == {"out"}
    with pytest.raises(ValueError, match="population in DeadNeurons.only 'out'"):
        alive(only)
    with pytest.raises(ValueError, match=r"DeadNeurons.share .* got -0.5"):
        DeadNeurons(Ideal(), -0.5)
    # Two layers kill twice; the share is what was asked for.
    wide = wired({"in": jnp.ones((4000, 1))}, {"hidden": 4000, "out": 2})
    twice = DeadNeurons(DeadNeurons(Ideal(), 0.2), 0.5)
    many = twice.read(twice.fabricate(p, wide, KEY)).alive["hidden"]
    assert abs(float(many.mean()) - 0.4) < 4 * np.sqrt(0.4 * 0.6 / 4000)
    assert set(np.asarray(many).tolist()) == {0.0, 1.0}


def test_a_stuck_synapse_is_what_it_is():
    w = np.random.default_rng(0).normal(size=(40, 50))
    p = Params({"w": jnp.asarray(w), "a.tau_mem": jnp.zeros((40, 1))}, {})
    device = StuckSynapses(Fixed(bits=8), 0.2, high=0.25)
    stored = device.fabricate(p, wired(p.weights), KEY)
    before = np.asarray(device.read(stored).weights["w"])
    below = np.asarray(device.device.read(stored.stored).weights["w"])
    stuck, value = (np.asarray(a) for a in stored.own["w"])
    n = w.size
    assert abs(stuck.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / n)
    high = value[stuck] != 0
    assert abs(high.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / stuck.sum())
    strongest = np.abs(below).max()
    assert np.array_equal(np.abs(value[stuck][high]), [strongest] * high.sum())
    assert np.array_equal(np.sign(value[stuck][high]), np.sign(below[stuck][high]))
    assert np.array_equal(before, np.where(stuck, value, below))
    for change in (5.0, -5.0, 0.3):
        wish = {"w": jnp.full(w.shape, change), "a.tau_mem": jnp.ones((40, 1))}
        after = device.write(stored, wish, KEY)
        read = np.asarray(device.read(after).weights["w"])
        assert np.array_equal(read[stuck], before[stuck])
        assert np.any(read[~stuck] != before[~stuck])
    assert np.all(np.asarray(device.read(after).weights["a.tau_mem"]) > 0)
    whole = StuckSynapses(Ideal(), 1.0, high=0.0)
    assert not whole.read(whole.fabricate(p, wired(p.weights), KEY)).weights["w"].any()
    with pytest.raises(ValueError, match=r"StuckSynapses.high .* got 2"):
        StuckSynapses(Ideal(), 0.1, high=2.0)
