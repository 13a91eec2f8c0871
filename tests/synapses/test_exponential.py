"""Exponential synapses: sums of tails, at any delay, and seen alike by all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, LeakyIntegrator, Network, Population, Projection
from onspike.synapses import Exponential
from oracle import weigh

DT, TAU = 1e-3, 4e-3
X = jnp.asarray(np.random.default_rng(0).random((30, 3)) < 0.2, float)
KINDS = {
    "plain": (Exponential(TAU), 0),
    "late": (Exponential(TAU), 3),
    "euler": (Exponential(TAU, euler=True), 0),
    "twice": (Exponential(TAU, euler=True, advances=2), 1),
}


def tails(spikes, decay):
    """Each spike's tail, summed in its closed form."""
    t = np.arange(len(spikes))
    kernel = np.where(t[:, None] >= t, decay ** np.maximum(t[:, None] - t, 0.0), 0.0)
    return kernel @ spikes


def late(spikes, delay):
    return np.concatenate([np.zeros((delay, 3)), spikes])[: len(spikes)]


def test_spikes_have_tails():
    out = Population(LeakyIntegrator(), 2)
    projections = {
        name: Projection("input", "out", delay, synapse=synapse)
        for name, (synapse, delay) in KINDS.items()
    }
    network = Network(3, {"out": out}, projections, output="out", dt=DT)
    params = weigh(network)

    @jax.jit
    def run(x):
        def tick(state, now):
            t, x = now
            foreseen = network.foresee(state, x, t, tuple(KINDS))
            state, local, _ = network.step(params, state, x, {}, t)
            ahead = {name: one.pre for name, one in foreseen.items()}
            return state, (ahead, {name: one.pre for name, one in local.items()})

        times = jnp.arange(len(x), dtype=jnp.int32)
        return jax.lax.scan(tick, network.init(), (times, x))[1]

    foreseen, arrived = run(X)
    spikes, exact, euler = np.asarray(X), np.exp(-DT / TAU), 1 - DT / TAU
    expected = {
        "plain": tails(spikes, exact),
        "late": tails(late(spikes, 3), exact),
        "euler": tails(spikes, euler),
        "twice": (1 + euler) * tails(late(spikes, 1), euler**2),
    }
    assert spikes.sum() > 10
    for name, one in expected.items():
        assert np.allclose(arrived[name], one, rtol=0, atol=1e-12), name
        assert np.array_equal(foreseen[name], arrived[name]), name


def test_start_weights_can_be_given_one_by_one():
    start = jnp.asarray([[0.1, 0.2], [0.3, 0.4]])
    wire = Projection("input", "out", gain=0.0, mean=start)
    network = Network(2, {"out": Population(LIF(), 2)}, {"out": wire}, output="out")
    assert np.array_equal(network.init_params(jax.random.key(0)).weights["out"], start)
    with pytest.raises(ValueError, match=r"'out'\.mean must have shape \(2, 3\)"):
        Network(3, {"out": Population(LIF(), 2)}, {"out": wire}, output="out")


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"Exponential\.tau_syn .*seconds; got 0"):
        Exponential(0.0)
    with pytest.raises(ValueError, match=r"Exponential\.advances .*>= 1.*got 0"):
        Exponential(advances=0)
