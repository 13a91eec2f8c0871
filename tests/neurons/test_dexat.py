"""Two adaptations: ALIF in a limit, and the published equations otherwise."""

import jax.numpy as jnp
import numpy as np
import pytest

from onspike import ALIF, DEXAT, LIF, Population, Refractory, ZeroReset
from oracle import drive

DT = 1e-3


def noise(ticks=200, n=3, top=0.5, seed=0):
    return jnp.asarray(np.random.default_rng(seed).random((ticks, n)) * top)


def test_equal_time_constants_make_an_alif():
    how = dict(reset=ZeroReset(), refractory=Refractory(2e-3), v_threshold=0.4)
    tau, rho = 40e-3, np.exp(-DT / 40e-3)
    twice = DEXAT(20e-3, tau, tau, beta_fast=1.0, beta_slow=2.5, **how)
    once = ALIF(20e-3, tau, (1 - rho) * 3.5, **how)
    one, other = drive(twice, noise()), drive(once, noise())
    assert one.z.sum() >= 20
    assert np.array_equal(one.z, other.z)
    assert np.allclose(one.v, other.v, rtol=0, atol=1e-12)
    assert np.allclose(one.fast + one.slow, 2 * (1 - rho) * other.a, atol=1e-12)
    apart = drive(DEXAT(20e-3, 10e-3, 200e-3, 1.0, 2.5, **how), noise())
    assert not np.array_equal(apart.z, other.z)


def test_without_adaptation_it_is_a_lif():
    plain = drive(LIF(), noise())
    still = drive(DEXAT(beta_fast=0.0, beta_slow=0.0), noise())
    assert plain.z.sum() >= 20
    assert np.array_equal(still.z, plain.z) and np.array_equal(still.v, plain.v)


def test_against_the_long_form():
    theta, beta, rho = 0.6, (1.2, 3.0), np.exp(-DT / np.array([15e-3, 150e-3]))
    v, z, b, expected = 0.0, 0.0, np.zeros(2), []
    for current in np.asarray(noise(n=1))[:, 0]:
        v = np.exp(-DT / 20e-3) * v + current - theta * z
        b = rho * b + (1 - rho) * z
        z = float(v >= theta + np.dot(beta, b))
        expected.append(z)
    neuron = DEXAT(20e-3, 15e-3, 150e-3, *beta, v_threshold=theta)
    states = drive(neuron, noise(n=1))
    assert 5 <= sum(expected) <= 100
    assert np.array_equal(states.z[:, 0], expected)
    assert np.allclose(states.slow[-1], b[1], rtol=1e-12)


def test_rejects_bad_constants():
    with pytest.raises(ValueError, match="DEXAT.tau_slow must be positive, in seconds"):
        DEXAT(tau_slow=0.0)
    with pytest.raises(ValueError, match="DEXAT.beta_fast must be zero or positive"):
        DEXAT(beta_fast=-1.0)
    with pytest.raises(ValueError, match=r"DEXAT.beta_slow must be a scalar or \(4,\)"):
        Population(DEXAT(beta_slow=jnp.ones(3)), 4)
