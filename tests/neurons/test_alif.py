import jax.numpy as jnp
import numpy as np
import pytest

from onspike import ALIF, LIF, Population, Refractory, SubtractReset, ZeroReset
from oracle import drive

DT = 1e-3


def noise(ticks=200, n=3, top=0.5, seed=0):
    return jnp.asarray(np.random.default_rng(seed).random((ticks, n)) * top)


@pytest.mark.parametrize(
    "how",
    [
        dict(),
        dict(reset=ZeroReset(), normalised=True, v_threshold=0.1),
        dict(refractory=Refractory(3e-3), reset=SubtractReset(gradient=True)),
    ],
)
def test_without_adaptation_it_is_a_lif_bit_for_bit(how):
    alif, lif = drive(ALIF(beta=0.0, **how), noise()), drive(LIF(**how), noise())
    assert lif.z.sum() >= 20
    assert np.array_equal(alif.z, lif.z)
    assert np.array_equal(alif.v, lif.v)


def test_mixed_population_holds_lif_and_alif():
    mixed = drive(ALIF(beta=jnp.array([0.0, 0.5, 0.0])), noise())
    plain = drive(LIF(), noise())
    assert np.array_equal(mixed.z[:, ::2], plain.z[:, ::2])
    assert mixed.z[:, 1].sum() < plain.z[:, 1].sum()


def test_against_the_long_form_and_lsnn_conversion():
    """LSNN: b <- rho b + (1 - rho) z, A = theta + beta_LSNN b."""
    tau, tau_adapt, theta, beta_lsnn = 20e-3, 50e-3, 0.6, 4.0
    alpha, rho = np.exp(-DT / tau), np.exp(-DT / tau_adapt)
    current = np.asarray(noise(300))
    v, b, z, spikes = np.zeros(3), np.zeros(3), np.zeros(3), []
    for now in current:
        v = alpha * v + now - theta * z
        b = rho * b + (1 - rho) * z
        z = (v >= theta + beta_lsnn * b).astype(float)
        spikes.append(z)
    neuron = ALIF(tau, tau_adapt, beta_lsnn * (1 - rho), theta)
    states = drive(neuron, jnp.asarray(current))
    assert 20 <= np.sum(spikes) <= 450
    assert np.array_equal(states.z, np.stack(spikes))
    assert np.allclose(states.a[-1] * (1 - rho), b, atol=1e-12)


def test_refractory_neuron_integrates_and_is_silent():
    neuron = ALIF(refractory=Refractory(5e-3), beta=0.0)
    states = drive(neuron, jnp.full((60, 1), 2.0))
    gaps = np.diff(np.flatnonzero(states.z[:, 0]))
    assert len(gaps) >= 5 and np.all(gaps == 6)
    assert states.v[3, 0] > 1.0  # above the threshold, yet silent


@pytest.mark.parametrize("field", ["tau_mem", "tau_adapt", "v_threshold"])
@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_rejects_what_is_not_positive(field, bad):
    with pytest.raises(ValueError, match=rf"ALIF\.{field} must be positive.*got {bad}"):
        ALIF(**{field: bad})


def test_rejects_bad_beta_and_shapes():
    with pytest.raises(ValueError, match=r"ALIF\.beta must be zero or positive"):
        ALIF(beta=-0.1)
    with pytest.raises(ValueError, match=r"ALIF\.beta must be a scalar or \(2,\)"):
        Population(ALIF(beta=jnp.ones(3)), 2)
