"""A die that changes by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Ideal, Refractory
from onspike.devices import Drift
from onspike.types import Params
from oracle import wired

KEY = jax.random.key(5)
SD, WRITES, N = 0.1, 20.0, 4000
PARAMS = Params(
    {"w": jnp.full((N, 1), 0.5), "a.tau_mem": jnp.zeros((N, 1))},
    {"a": LIF(refractory=Refractory(4e-3))},
)
WIRING = wired(PARAMS.weights, {"a": N})


@jax.jit
def history(device):
    """Logarithms of gain, tau_mem and tau_ref over their design, at every write."""
    stored = device.fabricate(PARAMS, WIRING, KEY)

    def write(stored, key):
        now = device.read(stored)
        neuron = now.neurons["a"]
        factors = {
            "gain": now.weights["w"][:, 0] / 0.5,
            "tau_mem": neuron.tau_mem / 20e-3,
            "tau_ref": neuron.refractory.tau_ref / 4e-3,
        }
        nothing = {"w": jnp.zeros((N, 1))}
        return device.write(stored, nothing, key), jax.tree.map(jnp.log, factors)

    stored, d = jax.lax.scan(write, stored, jax.random.split(KEY, 121))
    return d, device.read(stored).weights["a.tau_mem"]


def test_it_starts_as_designed_and_wanders_as_far_as_was_asked_for():
    seen, learnt = history(Drift(Ideal(), SD, WRITES))
    for d in map(np.asarray, seen.values()):
        assert np.abs(d[0]).max() < 1e-15
        # The spread grows with the writes, and no further than sd.
        for k in (1, 10, 120):
            expected = SD * np.sqrt(1 - np.exp(-2 * k / WRITES))
            assert abs(d[k].std() - expected) < 4 * expected / np.sqrt(2 * N)
        for lag in (5, 20):
            found = np.mean(d[120] * d[120 - lag]) / SD**2
            assert abs(found - np.exp(-lag / WRITES)) < 4 * np.sqrt(2 / N)
    last = np.stack([np.asarray(d)[-1] for d in seen.values()])
    assert np.abs(np.corrcoef(last) - np.eye(3)).max() < 4 / np.sqrt(N)
    assert not np.any(learnt)  # a learnt constant is no gain
    still, _ = history(Drift(Ideal(), 0.0, WRITES))
    assert all(np.abs(d).max() < 1e-15 for d in still.values())


def test_it_stands_still_where_nothing_is_written_and_costs_no_write():
    device = Drift(Ideal(), SD, WRITES)
    stored = device.fabricate(PARAMS, WIRING, KEY)
    nothing = {"w": jnp.zeros((N, 1))}
    after = device.write(stored, nothing, KEY)
    assert np.array_equal(device.read(stored).weights["w"], PARAMS.weights["w"])
    assert np.all(np.asarray(device.read(after).weights["w"] != 0.5))
    assert int(device.written(stored, after, nothing)) == 0


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match=r"Drift.sd .* logarithm.* got -0.1"):
        Drift(Ideal(), -0.1)
    with pytest.raises(ValueError, match=r"Drift.writes must be positive.* got 0"):
        Drift(Ideal(), 0.1, 0.0)
