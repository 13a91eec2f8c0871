"""A die that changes by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Fixed, Ideal, Learner, Refractory, recurrent
from onspike.devices import CurrentNoise, DeadNeurons, Drift, Noisy
from onspike.rules import reckon
from onspike.types import Params
from oracle import wired
from tinyrun import listed

KEY = jax.random.key(5)
SD, TAU, DT, N = 0.1, 20e-3, 1e-3, 4000
PARAMS = Params(
    {"w": jnp.full((N, 1), 0.5), "a.tau_mem": jnp.zeros((N, 1))},
    {"a": LIF(refractory=Refractory(4e-3))},
)
WIRING = wired(PARAMS.weights, {"a": N})
NOTHING = {"w": jnp.zeros((N, 1))}


@jax.jit
def history(device, ticks):
    """Logarithms of gain, tau_mem and tau_ref over their design, after each wait."""
    stored = device.fabricate(PARAMS, WIRING, KEY)

    def wait(stored, tick):
        key = jax.random.fold_in(KEY, tick)
        stored = device.write(device.aged(stored, tick, DT, key), NOTHING, key)
        now = device.read(stored)
        neuron = now.neurons["a"]
        factors = {
            "gain": now.weights["w"][:, 0] / 0.5,
            "tau_mem": neuron.tau_mem / 20e-3,
            "tau_ref": neuron.refractory.tau_ref / 4e-3,
        }
        return stored, jax.tree.map(jnp.log, factors)

    stored, d = jax.lax.scan(wait, stored, ticks)
    return d, device.read(stored).weights["a.tau_mem"]


@pytest.mark.parametrize("every", [1, 10])
def test_it_starts_as_designed_and_wanders_with_time_however_often_one_writes(every):
    ticks = every * jnp.arange(120 // every + 1, dtype=jnp.int32)
    seen, learnt = history(Drift(Ideal(), SD, TAU), ticks)
    for d in map(np.asarray, seen.values()):
        assert np.abs(d[0]).max() < 1e-15
        # The spread grows with time, and no further than sd.
        for k in (10, 120):
            expected = SD * np.sqrt(1 - np.exp(-2 * k * DT / TAU))
            assert abs(d[k // every].std() - expected) < 4 * expected / np.sqrt(2 * N)
        found = np.mean(d[-1] * d[-1 - 20 // every]) / SD**2
        assert abs(found - np.exp(-20 * DT / TAU)) < 4 * np.sqrt(2 / N)
    last = np.stack([np.asarray(d)[-1] for d in seen.values()])
    assert np.abs(np.corrcoef(last) - np.eye(3)).max() < 4 / np.sqrt(N)
    assert not np.any(learnt)  # a learnt constant is no gain


def test_without_spread_and_without_time_it_stands_still():
    ticks = jnp.asarray([0, 5, 50], jnp.int32)
    still, _ = history(Drift(Ideal(), 0.0, TAU), ticks)
    stopped, _ = history(Drift(Ideal(), SD, TAU), 0 * ticks)
    for d in (*still.values(), *stopped.values()):
        assert np.abs(d).max() < 1e-15


def test_drift_goes_through_the_layers_around_it_and_costs_no_write():
    inner = Drift(Fixed(), SD, TAU)
    device = DeadNeurons(Noisy(inner, (CurrentNoise(0.1),)), 0.1)
    stored = device.fabricate(PARAMS, WIRING, KEY)
    tick = jnp.asarray(7, jnp.int32)
    after = device.aged(stored, tick, DT, KEY)
    assert np.all(device.read(after).weights["w"] != device.read(stored).weights["w"])
    assert int(device.written(stored, after, NOTHING)) == 0
    again = device.aged(after, tick, DT, KEY)
    assert np.array_equal(
        device.read(again).weights["w"], device.read(after).weights["w"]
    )


def test_a_chip_that_drifts_is_another_one_after_each_sample():
    task = listed(n=2, ticks=30, n_in=3)
    network = recurrent(3, LIF(v_threshold=0.5), 4, 2)
    learner = Learner(network, reckon(rate=0.0), device=Drift(Ideal(), SD, TAU))
    state = learner.init(KEY)
    episodes = task.samples("train", jnp.arange(1), KEY)
    once, _ = jax.jit(lambda s: learner.learn(task, s, episodes))(state)
    before, after = learner.params(state), learner.params(once)
    assert np.all(np.asarray(after.neurons["hidden"].tau_mem) != 20e-3)
    assert np.all(after.weights["in"] != before.weights["in"])


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match=r"Drift.sd .* logarithm.* got -0.1"):
        Drift(Ideal(), -0.1)
    with pytest.raises(ValueError, match=r"Drift.tau must be positive, in seconds.* 0"):
        Drift(Ideal(), 0.1, 0.0)
