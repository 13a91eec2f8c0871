"""A neuron's own derivatives: against the whole map by autodiff, and by hand."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import (
    ALIF,
    DEXAT,
    LIF,
    CubaLIF,
    DPINeuron,
    GradedLIF,
    LeakyIntegrator,
    RateNeuron,
    Refractory,
    SubtractReset,
    ZeroReset,
)
from onspike.neurons import SpikeResponse, jacobian
from oracle import drive

DT, N = 1e-3, 6
TAU = jnp.linspace(5e-3, 40e-3, N)
THETA = jnp.linspace(0.5, 1.2, N)
REST = Refractory(2e-3)
HELD = Refractory(2e-3, clamp=True)

NEURONS = {
    "LIF subtract keep": LIF(TAU, THETA, SubtractReset(True), None, True),
    "LIF subtract detach": LIF(TAU, THETA, SubtractReset(), REST),
    "LIF zero keep": LIF(TAU, THETA, ZeroReset(True), HELD),
    "LIF zero detach": LIF(TAU, THETA, ZeroReset()),
    "ALIF subtract keep": ALIF(TAU, 30e-3, 0.3, THETA, SubtractReset(True), REST),
    "ALIF zero detach": ALIF(TAU, 30e-3, THETA / 3, THETA, ZeroReset(), None, True),
    "Cuba subtract keep": CubaLIF(TAU, 4e-3, THETA, SubtractReset(True), None, True),
    "Cuba zero detach": CubaLIF(TAU, 4e-3, THETA, ZeroReset(), HELD),
    "DEXAT subtract keep": DEXAT(
        TAU, 10e-3, 60e-3, 0.5, THETA, THETA, SubtractReset(True), REST
    ),
    "graded subtract keep": GradedLIF(
        TAU, THETA, 4, THETA / 5, SubtractReset(True), REST
    ),
    "integrator": LeakyIntegrator(TAU, True),
    "DPI": DPINeuron(
        I_tau=50e-3 / TAU, I_spk=100 * THETA, I_w_ahp=200.0, bias=60.0, substeps=2
    ),
}


@jax.jit
@partial(jax.vmap, in_axes=(None, 0, 0))
def derivatives(neuron, old, current):
    found = jacobian(neuron, old, current, DT)
    return jax.tree.map(lambda by_variable: jnp.moveaxis(by_variable, -1, 0), found)


@cache
def moments(name):
    """Ticks of driven neurons: states before and after, input, Jacobians."""
    neuron = NEURONS[name]
    top = 4.0 if getattr(neuron, "normalised", False) else 0.6
    current = jnp.asarray(np.random.default_rng(0).random((40, N)) * top)
    states = drive(neuron, current)
    old = jax.tree.map(lambda a: a[:-1], states)
    new = jax.tree.map(lambda a: a[1:], states)
    return old, new, current[1:], derivatives(neuron, old, current[1:])


@pytest.mark.parametrize("name", NEURONS)
def test_equals_autodiff_of_the_whole_map(name):
    neuron, names = NEURONS[name], NEURONS[name].continuous
    old, new, current, own = moments(name)

    def whole(h, current, old):  # (d, n) -> (d, n), the old spikes recomputed
        state = old._replace(**dict(zip(names, h, strict=True)))
        state = neuron.step(state._replace(z=neuron.fire(state)), current, DT)
        return jnp.stack([getattr(state, name) for name in names])

    def emitted(h, new):
        return neuron.fire(new._replace(**dict(zip(names, h, strict=True))))

    @jax.jit
    @jax.vmap
    def by_autodiff(old, new, current):
        before, after = (
            jnp.stack([getattr(state, name) for name in names]) for state in (old, new)
        )
        by_h, by_current = jax.jacfwd(whole, (0, 1))(before, current, old)
        return by_h, by_current, jax.jacrev(emitted)(after, new)

    by_h, by_current, by_new = by_autodiff(old, new, current)
    assert np.any(own.emit != 0) and np.any(own.recur != 0)
    assert not neuron.spiking or 20 <= old.z.sum() <= 150
    # Block-diagonal: neuron i sees nothing but itself.
    each, same = np.eye(N), dict(rtol=0, atol=1e-13)
    assert np.allclose(by_h, np.einsum("tikl,ij->tkilj", own.recur, each), **same)
    assert np.allclose(by_current, np.einsum("tik,ij->tkij", own.drive, each), **same)
    assert np.allclose(by_new, np.einsum("tik,ij->tikj", own.emit, each), **same)


def psi(state, threshold):
    """The triangular pseudo-derivative, written out."""
    awake = 1.0 if state.wait is None else np.asarray(state.wait) == 0
    u, scale = np.asarray(state.v) - threshold, np.asarray(THETA)
    return awake * 0.3 / scale * np.maximum(0, 1 - np.abs(u) / scale)


ALPHA, BASE, SAME = np.exp(-DT / np.asarray(TAU)), np.asarray(THETA), dict(atol=1e-13)


def test_lif_by_hand():
    old, new, _, own = moments("LIF subtract keep")
    assert np.allclose(own.recur[..., 0, 0], ALPHA - BASE * psi(old, BASE), **SAME)
    assert np.allclose(own.drive[..., 0], np.tile(1 - ALPHA, (39, 1)), **SAME)
    assert np.allclose(own.emit[..., 0], psi(new, BASE), **SAME)
    old, new, _, own = moments("LIF zero detach")
    assert np.allclose(own.recur[..., 0, 0], ALPHA * (1 - np.asarray(old.z)), **SAME)
    assert np.all(own.drive == 1.0)


def test_alif_by_hand():
    old, new, _, own = moments("ALIF subtract keep")
    rho, beta = np.exp(-DT / 30e-3), 0.3
    before = psi(old, BASE + beta * np.asarray(old.a))
    after = psi(new, BASE + beta * np.asarray(new.a))
    assert before.max() > 0.1 and np.any(np.asarray(old.wait) > 0)
    by_v = np.stack([ALPHA - BASE * before, before], -1)
    by_a = np.stack([BASE * beta * before, rho - beta * before], -1)
    assert np.allclose(own.recur, np.stack([by_v, by_a], -1), **SAME)
    assert np.allclose(own.emit, np.stack([after, -beta * after], -1), **SAME)
    assert np.all(np.asarray(own.drive) == np.array([1.0, 0.0]))


def test_cuba_lif_by_hand():
    old, _, _, own = moments("Cuba subtract keep")
    gain, syn = 1 - ALPHA, np.exp(-DT / 4e-3)
    assert np.allclose(own.recur[..., 0, 0], ALPHA - BASE * psi(old, BASE), **SAME)
    assert np.allclose(own.recur[..., 0, 1], np.tile(gain * syn, (39, 1)), **SAME)
    assert np.allclose(own.recur[..., 1, :], np.tile([0.0, syn], (39, N, 1)), **SAME)
    assert np.allclose(own.drive[..., 0], np.tile(gain, (39, 1)), **SAME)
    assert np.all(own.drive[..., 1] == 1.0)


@pytest.mark.parametrize("name", [name for name in NEURONS if name != "DPI"])
def test_gain_is_what_a_current_adds(name):
    neuron = NEURONS[name]
    _, new, _, own = moments(name)
    gain = np.broadcast_to(neuron.gain(DT), (39, N))
    free = np.ones((39, N), bool)
    if getattr(neuron, "refractory", None) is HELD:  # v is held: no current moves it
        free = np.asarray(new.wait) == 0
    assert free.sum() >= 80
    assert np.array_equal(own.drive[..., 0][free], gain[free])


@pytest.mark.parametrize("neuron", [SpikeResponse(), RateNeuron()])
def test_what_has_no_memory_adds_the_current_itself(neuron):
    own = jacobian(neuron, neuron.init(N), THETA, DT)
    assert np.all(own.drive[0] == 1) and neuron.gain(DT) == 1


@pytest.mark.parametrize("name", ["LIF subtract detach", "Cuba zero detach"])
def test_refractory_neurons_have_no_slope(name):
    _, new, _, own = moments(name)
    waiting = np.asarray(new.wait) > 0
    assert 10 <= waiting.sum() < waiting.size
    assert np.all(own.emit[waiting] == 0)
    assert np.any(own.emit[~waiting] > 0)
    if NEURONS[name].refractory.clamp:
        assert np.all(own.recur[waiting][:, 0] == 0)  # v is held: it forgets
        assert np.all(own.drive[waiting][:, 0] == 0)
