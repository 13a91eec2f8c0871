import jax.numpy as jnp
import numpy as np
import pytest

from onspike import CubaLIF, Population, Refractory
from oracle import drive

DT = 1e-3


@pytest.mark.parametrize("normalised", [False, True])
def test_below_threshold_it_is_a_double_exponential(normalised):
    """v = W (s * eps), eps(k) = (alpha^(k+1) - alpha_s^(k+1)) / (alpha - alpha_s)."""
    rng = np.random.default_rng(0)
    length, tau, tau_syn = 80, np.array([20e-3, 8e-3, 30e-3]), 5e-3
    w, s = rng.normal(size=(3, 4)), (rng.random((length, 4)) < 0.2).astype(float)
    neuron = CubaLIF(jnp.asarray(tau), tau_syn, 1e6, normalised=normalised)
    states = drive(neuron, jnp.asarray(s @ w.T))
    a, b = np.exp(-DT / tau)[:, None], np.exp(-DT / tau_syn)
    k = np.arange(1, length + 1)
    kernel = (a**k - b**k) / (a - b) * (1 - a if normalised else 1.0)
    v = np.stack([np.convolve(s @ w[i], kernel[i])[:length] for i in range(3)], 1)
    assert not np.any(states.z) and np.abs(v).max() > 0.1
    assert np.allclose(states.v, v, rtol=0, atol=1e-11)


def test_is_linear_in_its_weights_below_threshold():
    s = jnp.asarray(np.random.default_rng(1).random((50, 2)))
    neuron = CubaLIF(v_threshold=1e6)
    once, thrice = drive(neuron, s), drive(neuron, 3.0 * s)
    assert np.allclose(3 * once.v, thrice.v, rtol=1e-13)


def test_instant_synapse_acts_in_the_same_tick():
    states = drive(CubaLIF(tau_syn=1e-6), jnp.full((1, 1), 1.5))
    assert states.v[0, 0] == 1.5 and states.z[0, 0] == 1


def test_spikes_against_the_long_form():
    current = np.random.default_rng(2).random((200, 3)) * 0.15
    alpha, alpha_s, theta = np.exp(-DT / 20e-3), np.exp(-DT / 10e-3), 0.9
    v, i, z, wait, spikes = *np.zeros((4, 3)), []
    for now in current:
        wait = np.where(z > 0, 2, np.maximum(wait - 1, 0))
        i = alpha_s * i + now
        v = alpha * v + i - theta * z
        z = ((v >= theta) & (wait == 0)).astype(float)
        spikes.append(z)
    neuron = CubaLIF(v_threshold=theta, refractory=Refractory(2e-3))
    z = drive(neuron, jnp.asarray(current)).z
    assert 20 <= np.sum(spikes) <= 400
    assert np.array_equal(z, np.stack(spikes))


@pytest.mark.parametrize("field", ["tau_mem", "tau_syn", "v_threshold"])
@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_rejects_what_is_not_positive(field, bad):
    with pytest.raises(ValueError, match=rf"CubaLIF\.{field} must be positive"):
        CubaLIF(**{field: bad})


def test_rejects_bad_shape():
    with pytest.raises(ValueError, match=r"CubaLIF\.tau_syn .* \(2,\).* got \(3,\)"):
        Population(CubaLIF(tau_syn=jnp.ones(3)), 2)
