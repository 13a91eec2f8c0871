import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Population, Refractory, SubtractReset, ZeroReset
from oracle import drive

DT = 1e-3


def first_crossing(current, tau, dt, threshold=1.0):
    """Ticks until current * (1 - alpha^n) reaches the threshold."""
    return int(np.ceil(tau / dt * np.log(current / (current - threshold))))


def test_spike_times_in_closed_form():
    current = np.array([1.05, 1.3, 2.0, 5.0])
    tau = np.array([20e-3, 10e-3, 30e-3, 15e-3])
    neuron = LIF(tau_mem=jnp.asarray(tau), normalised=True, reset=ZeroReset())
    z = np.asarray(drive(neuron, jnp.tile(jnp.asarray(current), (300, 1))).z)
    for i in range(4):
        period = first_crossing(current[i], tau[i], DT)
        expected = np.arange(period, 301, period) - 1  # tick 0 is the first
        assert len(expected) >= 3
        assert np.array_equal(np.flatnonzero(z[:, i]), expected)


def test_silent_below_and_at_rheobase():
    neuron = LIF(normalised=True, v_threshold=1.0)
    states = drive(neuron, jnp.full((200, 2), 0.999))
    assert not np.any(states.z)
    assert np.allclose(states.v[-1], 0.999, atol=1e-4)


@pytest.mark.parametrize("clamp", [False, True])
def test_refractory_ticks_are_exact(clamp):
    waits = np.array([0, 1, 4, 30])
    neuron = LIF(
        tau_mem=20e-3,
        normalised=True,
        reset=ZeroReset(),
        refractory=Refractory(jnp.asarray(waits * DT), clamp=clamp),
    )
    states = drive(neuron, jnp.full((400, 4), 1.5))
    charge = first_crossing(1.5, 20e-3, DT)
    for i, wait in enumerate(waits):
        spikes = np.flatnonzero(states.z[:, i])
        period = wait + charge if clamp else max(wait + 1, charge)
        assert spikes[0] == charge - 1 and len(spikes) >= 5
        assert np.all(np.diff(spikes) == period)
        after = np.asarray(states.v[spikes[0] + 1 : spikes[0] + 1 + wait, i])
        assert np.all(after == 0) if clamp else np.all(after > 0)


def test_refractory_mask_bites_when_the_drive_is_strong():
    neuron = LIF(refractory=Refractory(4 * DT))
    z = np.asarray(drive(neuron, jnp.full((100, 1), 3.0)).z[:, 0])
    assert np.array_equal(np.flatnonzero(z), np.arange(0, 100, 5))


def test_rate_with_clamped_refractory_period():
    tau, tau_ref, current, dt = 20e-3, 2e-3, 1.5, 1e-4
    neuron = LIF(
        tau_mem=tau,
        normalised=True,
        reset=ZeroReset(),
        refractory=Refractory(tau_ref, clamp=True),
    )
    z = np.asarray(drive(neuron, jnp.full((20000, 1), current), dt).z[:, 0])
    spikes = np.flatnonzero(z)
    rate = 1 / (np.diff(spikes).mean() * dt)
    expected = 1 / (tau_ref + tau * np.log(current / (current - 1)))
    assert len(spikes) > 50
    assert abs(rate / expected - 1) < 0.012


@pytest.mark.parametrize("normalised", [False, True])
def test_subtract_reset_superposes(normalised):
    """The membrane is the filtered input minus one decaying threshold per spike."""
    rng = np.random.default_rng(0)
    tau, n, length = np.array([5e-3, 20e-3, 80e-3]), 3, 120
    theta = 0.1 if normalised else 0.7
    current = rng.random((length, n)) * (3.0 if normalised else 0.5)
    neuron = LIF(jnp.asarray(tau), theta, SubtractReset(), None, normalised)
    states = drive(neuron, jnp.asarray(current))
    z, alpha = np.asarray(states.z), np.exp(-DT / tau)
    gain = 1 - alpha if normalised else 1.0
    lag = np.arange(length)[:, None] - np.arange(length)[None, :]
    for i in range(n):
        assert z[:, i].sum() >= 10
        kernel = np.where(lag >= 0, alpha[i] ** np.maximum(lag, 0), 0.0)
        reset = np.where(lag >= 1, alpha[i] ** np.maximum(lag - 1, 0), 0.0)
        v = kernel @ current[:, i] * (gain[i] if normalised else gain)
        v = v - theta * reset @ z[:, i]
        assert np.allclose(states.v[:, i], v, rtol=0, atol=1e-12)
        assert np.array_equal(z[:, i], v >= theta)


def test_normalised_gain_is_unit_gain_with_a_smaller_threshold():
    """v / (1 - alpha) obeys the unit-gain equation with threshold / (1 - alpha)."""
    current = jnp.asarray(np.random.default_rng(1).random((200, 3)) * 2.5)
    shrink = 1 - np.exp(-DT / 20e-3)
    normalised = drive(LIF(normalised=True, v_threshold=1.0), current)
    unit = drive(LIF(v_threshold=1.0 / shrink), current)
    assert normalised.z.sum() >= 10
    assert np.array_equal(normalised.z, unit.z)
    assert np.allclose(normalised.v, unit.v * shrink, rtol=0, atol=1e-12)


def test_resets_differ_by_the_overshoot():
    strong = jnp.full((2, 1), 1.75)
    kept = drive(LIF(tau_mem=1e-6), strong).v[1, 0]
    lost = drive(LIF(tau_mem=1e-6, reset=ZeroReset()), strong).v[1, 0]
    assert kept == 1.75 - 1.0 and lost == 1.75


def test_per_neuron_fields_are_n_neurons_of_one_each():
    current = jnp.asarray(np.random.default_rng(2).random((100, 3)) * 0.4)
    tau, theta = jnp.array([5e-3, 20e-3, 60e-3]), jnp.array([0.4, 0.7, 1.0])
    together = drive(LIF(tau, theta), current)
    assert together.z.sum(0).min() >= 3
    for i in range(3):
        alone = drive(LIF(tau[i], theta[i]), current[:, i : i + 1])
        assert np.array_equal(alone.z[:, 0], together.z[:, i])


@pytest.mark.parametrize("bad", [0.0, -0.02, float("nan"), float("inf")])
def test_rejects_time_constants_that_are_none(bad):
    with pytest.raises(ValueError, match=rf"LIF\.tau_mem .* in seconds; got {bad}"):
        LIF(tau_mem=bad)
    with pytest.raises(ValueError, match=r"LIF\.v_threshold .* in threshold units"):
        LIF(v_threshold=jnp.array([1.0, bad]))


def test_rejects_bad_refractory_period_and_shape():
    with pytest.raises(ValueError, match=r"Refractory\.tau_ref .* in seconds; got -1"):
        Refractory(-1.0)
    message = r"LIF\.v_threshold must be a scalar or \(4,\), one per neuron; got \(3,\)"
    with pytest.raises(ValueError, match=message):
        Population(LIF(v_threshold=jnp.ones(3)), 4)
    with pytest.raises(ValueError, match=r"tau_ref must be a scalar or \(4,\)"):
        Population(LIF(refractory=Refractory(jnp.ones(3))), 4)
