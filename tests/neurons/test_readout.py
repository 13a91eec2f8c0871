import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LeakyIntegrator, Population
from oracle import drive


@pytest.mark.parametrize("normalised", [False, True])
def test_sums_geometrically(normalised):
    tau = np.array([5e-3, 20e-3])
    kappa, current, n = np.exp(-1e-3 / tau), np.array([0.3, -1.7]), np.arange(1, 61)
    neuron = LeakyIntegrator(jnp.asarray(tau), normalised)
    states = drive(neuron, jnp.tile(jnp.asarray(current), (60, 1)))
    expected = current * (1 - kappa ** n[:, None])
    expected = expected if normalised else expected / (1 - kappa)
    assert np.allclose(states.v, expected, rtol=1e-12)
    assert np.array_equal(states.z, states.v)


def test_rejects_bad_time_constants():
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=r"LeakyIntegrator\.tau_mem must be posit"):
            LeakyIntegrator(bad)
    with pytest.raises(ValueError, match=r"LeakyIntegrator\.tau_mem .* got \(3,\)"):
        Population(LeakyIntegrator(jnp.ones(3)), 2)
