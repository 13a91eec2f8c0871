"""Double exponential synapses: their closed form, and which Q the P hears."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LeakyIntegrator, Network, Population, Projection
from onspike.synapses import DoubleExponential
from oracle import weigh

DT, TAU_MEM, TAU_SYN = 1e-3, 9e-3, 4e-3
ALPHA, BETA = np.exp(-DT / TAU_MEM), np.exp(-DT / TAU_SYN)
X = jnp.asarray(np.random.default_rng(0).random((40, 3)) < 0.2, float)


def potentials(spikes, lag=1):
    """Each spike's rise and fall, summed; `lag` ticks from a spike to its first P."""
    t = np.arange(len(spikes))
    since = np.maximum(t[:, None] - t + 1 - lag, 0.0)  # ticks that P has heard of it
    shape = (1 - ALPHA) * (1 - BETA) * (ALPHA**since - BETA**since) / (ALPHA - BETA)
    return np.where(t[:, None] >= t, shape, 0.0) @ spikes


def test_spikes_rise_and_fall_behind_the_old_current():
    synapse = DoubleExponential(TAU_MEM, TAU_SYN)
    ways = {"now": 0, "later": 3}
    projections = {
        name: Projection("input", "out", delay, synapse=synapse)
        for name, delay in ways.items()
    }
    out = Population(LeakyIntegrator(), 2)
    network = Network(3, {"out": out}, projections, output="out", dt=DT)
    params = weigh(network)

    @jax.jit
    def run(x):
        def tick(state, now):
            t, x = now
            ahead = network.foresee(state, x, t, tuple(ways))
            state, local, _ = network.step(params, state, x, {}, t)
            return state, [{n: one.pre for n, one in s.items()} for s in (ahead, local)]

        times = jnp.arange(len(x), dtype=jnp.int32)
        return jax.lax.scan(tick, network.init(), (times, x))[1]

    foreseen, arrived = run(X)
    spikes = np.asarray(X)
    late = np.concatenate([np.zeros((3, 3)), spikes])[: len(spikes)]
    expected = {"now": potentials(spikes), "later": potentials(late)}
    assert spikes.sum() > 10
    for name, one in expected.items():
        assert np.allclose(arrived[name], one, rtol=0, atol=1e-12), name
        assert np.array_equal(foreseen[name], arrived[name]), name
    assert np.abs(arrived["now"] - potentials(spikes, lag=0)).max() > 1e-2


def test_a_spike_has_unit_area():
    synapse, dt = DoubleExponential(5e-3, 2e-3), jnp.asarray(DT)
    state, spikes = synapse.init(1), jnp.ones(1)
    total = np.zeros(1)
    for _ in range(150):
        state = synapse.step(state, spikes, dt)
        total, spikes = total + np.asarray(synapse.output(state)), jnp.zeros(1)
    assert np.allclose(total, 1.0, rtol=0, atol=1e-10)


def test_bad_time_constants():
    with pytest.raises(
        ValueError, match=r"DoubleExponential\.tau_mem .*seconds; got 0"
    ):
        DoubleExponential(tau_mem=0.0)
    with pytest.raises(ValueError, match=r"DoubleExponential\.tau_syn .*got -1"):
        DoubleExponential(tau_syn=-1.0)
