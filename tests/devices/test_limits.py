"""Limits of wiring: synapses per neuron, and one sign for all that a neuron sends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Fixed, Ideal, Learner, Nearest, StochasticRounding
from onspike.devices import Dale, FanIn, Shadow, StuckSynapses
from onspike.rules import EveryTick, reckon
from onspike.types import Params
from oracle import draw, programmed, small, stream, tasklet, weigh, wired

KEY = jax.random.key(2)
NET = small(LIF(v_threshold=0.8), n=6)  # "in" and "rec" lead to the same six neurons
PARAMS = weigh(NET)


def programme(device, key=KEY, params=PARAMS):
    return device.fabricate(params, NET.wiring, key)


def there(weights):
    """Synapses into each hidden neuron, over all projections."""
    return sum(np.sum(np.asarray(weights[n]) != 0, axis=-1) for n in ("in", "rec"))


def into(weights):
    return np.concatenate([np.asarray(weights[n]) for n in ("in", "rec")], axis=-1)


def test_a_neuron_has_no_more_synapses_than_it_may():
    device = FanIn(Ideal(), 5)
    weights = device.read(programme(device)).weights
    assert np.array_equal(there(PARAMS.weights), [8] * 6)  # none onto itself
    assert np.array_equal(there(weights), [5] * 6)
    assert np.array_equal(np.sum(np.asarray(weights["out"]) != 0, axis=1), [5, 5])
    old, new = into(PARAMS.weights), into(weights)
    assert np.allclose(new[new != 0], old[new != 0] * np.sqrt(8 / 5), rtol=1e-12)
    # What has fewer keeps all of them, as they are.
    wide = FanIn(Ideal(), 8)
    kept = wide.read(programme(wide)).weights
    assert all(np.array_equal(kept[n], w) for n, w in PARAMS.weights.items())


def test_which_synapses_are_left_is_chance_and_keeps_the_variance():
    device, n = FanIn(Ideal(), 3), 400
    keys = jax.random.split(KEY, n)
    dies = jax.jit(jax.vmap(lambda k: device.read(programme(device, k)).weights))(keys)
    left = into(dies)
    share, drawn = np.mean(left != 0, axis=0), into(PARAMS.weights)
    assert np.all(share[drawn == 0] == 0)
    error = 4.5 * np.sqrt(3 / 8 * 5 / 8 / n)
    assert np.abs(share[drawn != 0] - 3 / 8).max() < error
    power, before = np.sum(left**2, axis=-1), np.sum(drawn**2, axis=-1)
    error = 4 * power.std(0) / np.sqrt(n)
    assert np.all(np.abs(power.mean(0) - before) < error)


def test_the_strongest_stay_as_they_are():
    device = FanIn(Ideal(), 3, strongest=True)
    old, new = into(PARAMS.weights), into(device.read(programme(device)).weights)
    assert np.array_equal(new[new != 0], old[new != 0])
    for row, kept in zip(np.abs(old), new != 0, strict=True):
        assert kept.sum() == 3 and row[kept].min() > row[~kept].max()


def test_signs_belong_to_presynaptic_neurons():
    device = Dale(Ideal(), excitatory=0.5)
    weights = device.read(programme(device)).weights
    signs = {n: np.sign(np.asarray(w)) for n, w in weights.items()}
    for name, w in PARAMS.weights.items():
        assert np.array_equal(np.abs(weights[name]), np.abs(w))
    for name in ("in", "out"):
        assert np.all(signs[name] == signs[name][:1])
    both = signs["rec"][[1, 0, 0, 0, 0, 0], np.arange(6)]  # no self-connection
    assert np.array_equal(both, signs["out"][0])
    assert len({*signs["out"][0]} | {*signs["in"][0]}) == 2


def test_the_chance_to_excite_is_what_was_asked_for():
    p = Params({"w": jnp.ones((1, 4000))}, {})
    for chance in (0.0, 0.8, 1.0):
        device = Dale(Ideal(), chance)
        read = device.read(device.fabricate(p, wired(p.weights), KEY)).weights["w"]
        error = 4 * np.sqrt(chance * (1 - chance) / 4000)
        assert abs(np.mean(np.asarray(read) > 0) - chance) <= error


def test_a_change_ends_at_zero():
    p = Params({"w": jnp.asarray([[0.5, 2.0]]), "a.tau_mem": jnp.zeros((1, 1))}, {})
    device = Dale(Ideal(), excitatory=1.0)
    stored = device.fabricate(p, wired(p.weights), KEY)
    wish = {"w": jnp.full((1, 2), -1.0), "a.tau_mem": jnp.full((1, 1), -1.0)}
    weights = device.read(device.write(stored, wish, KEY)).weights
    assert np.array_equal(weights["w"], [[0.0, 1.0]])
    assert np.array_equal(weights["a.tau_mem"], [[-1.0]])  # no synapse
    with pytest.raises(ValueError, match=r"Dale.excitatory .* got 1.5"):
        Dale(Ideal(), 1.5)
    with pytest.raises(ValueError, match=r"FanIn.most .* in synapses; got 0"):
        FanIn(Ideal(), 0)


MEMORIES = {
    "few bits": Fixed(6, StochasticRounding()),
    "a host's copy": Shadow(Fixed(6, Nearest())),
}


@pytest.mark.parametrize("memory", MEMORIES)
def test_limits_hold_in_every_tick_of_a_run(memory):
    limited = Dale(FanIn(MEMORIES[memory], 5))
    device = StuckSynapses(limited, 0.2)  # a fault adds no synapse, and turns no sign
    learner = Learner(NET, reckon(0.3, gate=EveryTick()), device)
    task = tasklet(ticks=40, window=40)
    samples, start = stream(task, draw(task, 2, rate=0.5)), programmed(learner, 2)

    @jax.jit
    def run(state):
        def tick(state, sample):
            state, seen = learner.tick(task, state, sample)
            return state, (learner.params(state).weights, seen)

        return jax.lax.scan(tick, state, samples)[1]

    weights, seen = run(start)
    first = learner.params(start).weights
    assert float(seen.z["hidden"].sum()) > 40 and int(seen.written.sum()) > 100
    assert there(weights).max() <= 5
    for name, w in weights.items():
        w, began = np.asarray(w), np.asarray(first[name])
        assert np.abs(w[-1] - began).max() > 0.1
        # All that a neuron sends has one sign, and it is the first for good.
        up, down = (w > 0).any((0, 1)), (w < 0).any((0, 1))
        assert not np.any(up & down)
        assert not np.any((w > 0) & (began < 0).any(0))
    sent = [np.asarray(weights[n]) for n in ("rec", "out")]
    up, down = (
        np.any([(sign * w > 0).any((0, 1)) for w in sent], axis=0) for sign in (1, -1)
    )
    assert up.any() and down.any() and not np.any(up & down)
    # It was put to the test: some weights are held at 0, and come back.
    stuck = {n: np.asarray(s) for n, (s, _) in start.shared.store.die.own.items()}
    zero = [(np.asarray(w) == 0)[:, ~stuck[n]] for n, w in weights.items()]
    assert any((np.diff(z.astype(int), axis=0) == -1).any() for z in zero)


def test_a_hosts_copy_meets_the_limits_and_is_not_pushed_off_them():
    """Small changes of either sign at a weight of 0: as on a device of any precision.

    If the limit looked at the chip's 0, what lowers the copy would be lost, and the
    copy would climb to where the chip rounds it up.
    """
    p = Params({"w": jnp.zeros((1, 1000))}, {})
    chip = Dale(Shadow(Fixed(4, Nearest(), lsb={"w": 1.0})), excitatory=1.0)
    free = Dale(Ideal(), excitatory=1.0)
    wishes = 0.05 * jax.random.normal(KEY, (200, 1, 1000))

    @jax.jit
    def after(device, stored):
        def write(stored, wish):
            return device.write(stored, {"w": wish}, KEY), None

        return jax.lax.scan(write, stored, wishes)[0]

    started = [d.fabricate(p, wired(p.weights), KEY) for d in (chip, free)]
    copied, exact = after(chip, started[0]), after(free, started[1])
    copy = np.asarray(chip.held(copied).weights["w"])
    reference = np.asarray(free.read(exact).weights["w"])
    assert np.allclose(copy, reference, rtol=0, atol=1e-12)
    assert copy.min() >= 0 and 0.3 < copy.mean() < 0.9
    read = np.asarray(chip.read(copied).weights["w"])
    assert np.abs(read - copy).max() <= 0.5 and 0 < np.mean(read > 0) < 1
