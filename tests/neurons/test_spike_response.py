"""Spike response: the recursion, a rate that follows the drive, and no memory of it."""

import jax.numpy as jnp
import numpy as np
import pytest

from onspike.neurons import SpikeResponse, jacobian
from oracle import drive

NEURON = SpikeResponse(tau_ref=jnp.asarray([2e-3, 3e-3, 5e-3]), bias=0.05)
RHO = np.exp(-1e-3 / np.asarray([2e-3, 3e-3, 5e-3]))


def test_the_recursion():
    currents = np.random.default_rng(0).normal(0.2, 0.5, (60, 3))
    states = drive(NEURON, jnp.asarray(currents))
    z, r, fired = np.zeros(3), np.zeros(3), []
    for t, current in enumerate(currents):
        r = RHO * r - (1 - RHO) * z  # of the last tick's spikes
        u = current + 0.05 + r
        z = (u >= 0).astype(float)
        assert np.allclose(states.v[t], u, rtol=0, atol=1e-12)
        assert np.array_equal(states.z[t], z)
        fired.append(z)
    assert 60 < np.sum(fired) < 150


def test_the_rate_follows_the_drive():
    wanted = np.asarray([0.1, 0.3, 0.7])
    steady, error = jnp.broadcast_to(jnp.asarray(wanted), (3000, 3)), []
    for tau in (2e-3, 10e-3, 100e-3):
        rate = np.asarray(drive(SpikeResponse(tau), steady).z)[1000:].mean(0)
        error.append(np.abs(rate - wanted).max())
    assert error[0] > error[1] > error[2] and error[2] < 0.01


def test_what_it_remembers_carries_no_gradient():
    old = NEURON.init(3)._replace(z=jnp.ones(3), r=jnp.asarray([-0.3, -0.2, 0.0]))
    current = jnp.asarray([0.4, 0.2, 0.1])
    seen = jacobian(NEURON, old, current, 1e-3)
    new = NEURON.step(old, current, 1e-3)
    assert not seen.recur.any() and not NEURON.decay(1e-3)
    assert np.array_equal(seen.drive[0], np.ones(3))
    assert np.allclose(seen.emit[0], (1 + 10 * np.abs(new.v)) ** -2.0)


def test_bad_fields():
    with pytest.raises(ValueError, match=r"SpikeResponse\.tau_ref .*seconds; got 0"):
        SpikeResponse(tau_ref=0.0)
    with pytest.raises(ValueError, match=r"SpikeResponse\.v_threshold .*units; got -1"):
        SpikeResponse(v_threshold=-1.0)
    with pytest.raises(ValueError, match=r"SpikeResponse\.bias .*\(2,\)"):
        SpikeResponse(bias=jnp.zeros(3)).check(2)
