"""Constant current, injected current, and a floor under the membrane."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.neurons import ALIF, DEXAT, LIF, CubaLIF, LeakyIntegrator
from onspike.neurons.base import jacobian

DT, N = 1e-3, 5
DRIVE = jnp.asarray(np.random.default_rng(0).normal(0.1, 0.3, (80, N)))
KINDS = {
    "lif": LIF(),
    "normalised": LIF(normalised=True, tau_mem=2e-3, v_threshold=0.3),
    "alif": ALIF(beta=0.2),
    "readout": LeakyIntegrator(),
}


def states(neuron, currents, injected=None):
    state, seen = neuron.init(N), []
    for t, current in enumerate(currents):
        now = neuron if injected is None else neuron.inject(injected[t])
        state = now.step(state, current, DT)
        seen.append(np.concatenate([state.v, state.z]))
    return np.array(seen)


@pytest.mark.parametrize("name", KINDS)
def test_without_a_synapse_bias_and_injection_are_input(name):
    neuron, bias = KINDS[name], jnp.linspace(0, 0.2, N)
    plain = states(neuron, DRIVE + bias[None])
    assert np.allclose(
        states(eqx.tree_at(lambda n: n.bias, neuron, bias), DRIVE), plain
    )
    extra = DRIVE[::-1]
    both = states(eqx.tree_at(lambda n: n.bias, neuron, bias), DRIVE, extra)
    assert np.allclose(both, states(neuron, DRIVE + extra + bias[None]))
    assert name == "readout" or plain[:, N:].sum() > 3


def test_injection_bypasses_the_synapse():
    neuron = CubaLIF(tau_mem=10e-3, tau_syn=5e-3, v_threshold=100.0, normalised=True)
    v = states(neuron, 0 * DRIVE, DRIVE)[:, :N]
    membrane = LIF(tau_mem=10e-3, v_threshold=100.0, normalised=True)
    assert np.allclose(v, states(membrane, DRIVE)[:, :N])
    assert not np.allclose(v, states(neuron, DRIVE)[:, :N])


@pytest.mark.parametrize("kind", [LIF, CubaLIF, ALIF, DEXAT])
def test_a_floor_holds_and_lets_no_derivative_through(kind):
    free, held = kind(), kind(floor=-0.05)
    v, low = states(free, DRIVE)[:, :N], states(held, DRIVE)[:, :N]
    assert v.min() < -0.05 and low.min() == -0.05 and low.max() > 1
    down = jnp.full(N, -1.0)
    at_floor = held.step(held.init(N), down, DT)
    assert np.array_equal(jacobian(held, held.init(N), down, DT).drive[0], np.zeros(N))
    assert np.array_equal(at_floor.v, np.full(N, -0.05))
    with pytest.raises(ValueError, match="floor must be a scalar or"):
        kind(floor=jnp.zeros(3)).check(N)
    with pytest.raises(ValueError, match="bias must be finite"):
        kind(bias=np.nan)
