import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import (
    LIF,
    LeakyIntegrator,
    Network,
    Population,
    Projection,
    feedforward,
    recurrent,
)
from oracle import weigh

WIRE = LeakyIntegrator(1e-6)  # forgets all within a tick: passes on what it gets
X = jnp.asarray(np.random.default_rng(0).random((25, 3)) < 0.4, float)


@jax.jit
def run(network, params, x):
    """All states, and what arrives at each projection, time first."""

    def tick(state, now):
        t, x = now
        state, local, y = network.step(params, state, x, {}, t)
        return state, (state.neurons, {n: see.pre for n, see in local.items()}, y)

    times = jnp.arange(len(x), dtype=jnp.int32)
    return jax.lax.scan(tick, network.init(), (times, x))[1]


def shifted(trains, delay):
    trains = np.asarray(trains)
    return np.concatenate([np.zeros((delay, trains.shape[1])), trains])[: len(trains)]


def test_every_delay_is_a_shifted_spike_train():
    """Several delays from one source, from the input and from a population."""
    delays = range(6)
    populations = {f"p{d}": Population(WIRE, 3) for d in delays}
    populations |= {f"q{d}": Population(WIRE, 3) for d in delays}
    populations |= {"cells": Population(LIF(5e-3, 0.9), 3)}
    projections = {f"from input {d}": Projection("input", f"p{d}", d) for d in delays}
    projections |= {f"from cells {d}": Projection("cells", f"q{d}", d) for d in delays}
    projections["drive"] = Projection("input", "cells")
    network = Network(3, populations, projections, output="p0")
    one_to_one = {name: jnp.eye(3) for name in projections}
    params = weigh(network)._replace(weights=one_to_one)
    assert {name: ring.shape for name, ring in network.init().history.items()} == {
        "input": (5, 3),
        "cells": (5, 3),
    }
    neurons, arrived, y = run(network, params, X)
    spikes = np.asarray(neurons["cells"].z)
    assert 15 <= spikes.sum() < spikes.size and X.sum() >= 15
    for d in delays:
        assert np.array_equal(arrived[f"from input {d}"], shifted(X, d))
        assert np.array_equal(arrived[f"from cells {d}"], shifted(spikes, d))
        assert np.array_equal(neurons[f"p{d}"].z, shifted(X, d))
        assert np.array_equal(neurons[f"q{d}"].z, shifted(spikes, d))
    assert np.array_equal(y, X)


def test_long_delay_of_a_recurrent_net_and_its_long_form():
    network = recurrent(3, LIF(20e-3, 0.7), 4, 2, gains=(0.4, 0.5, 1.0), delay=3)
    params = weigh(network)
    w = {name: np.asarray(a) for name, a in params.weights.items()}
    neurons, _, y = run(network, params, X)
    alpha, v, out = np.exp(-1 / 20), np.zeros(4), np.zeros(2)
    z = np.zeros((len(X) + 3, 4))  # three ticks of silence before the first
    for t, x in enumerate(np.asarray(X)):
        v = alpha * v + w["in"] @ x + w["rec"] @ z[t] - 0.7 * z[t + 2]
        z[t + 3] = v >= 0.7
        out = alpha * out + w["out"] @ z[t + 3]
        assert np.allclose(y[t], out, rtol=0, atol=1e-12)
    assert 20 <= z.sum() <= 80
    assert np.array_equal(neurons["hidden"].z, z[3:])
    assert np.any(w["rec"] @ z[:-3].T)


def test_injected_currents_add_to_those_of_synapses():
    network = feedforward(3, WIRE, (2,), 2, readout=WIRE)
    params = weigh(network)
    extra = {"hidden": jnp.array([1.0, -2.0])}
    tick = jnp.zeros((), jnp.int32)
    state, _, _ = network.step(params, network.init(), X[0], extra, tick)
    expected = np.asarray(params.weights["in"] @ X[0]) + np.array([1.0, -2.0])
    assert np.allclose(state.neurons["hidden"].v, expected)


def test_order_follows_the_graph_and_not_the_order_of_names():
    names = ("c", "a", "d", "b")
    chain = ("a", "b", "c", "d")
    network = Network(
        2,
        {name: Population(LIF(), 2) for name in names},
        {
            "x": Projection("input", "a"),
            **{
                f"{p}{q}": Projection(p, q)
                for p, q in zip(chain, chain[1:], strict=False)
            },
            "back": Projection("d", "a", delay=1),
            "self": Projection("b", "b", delay=2),
        },
        output="d",
    )
    assert network.wiring.order == chain


def cells(*names):
    return {name: Population(LIF(), 2) for name in names}


def test_a_cycle_without_delay_is_named():
    ring = {
        "x": Projection("input", "a"),
        "ab": Projection("a", "b"),
        "bc": Projection("b", "c"),
        "ca": Projection("c", "a"),
    }
    with pytest.raises(ValueError, match="without delay form a cycle") as raised:
        Network(2, cells("a", "b", "c"), ring, output="c")
    named = re.findall(r"\b[abc]\b", str(raised.value).split(":")[1].split(";")[0])
    assert set(named) == {"a", "b", "c"} and named[0] == named[-1]
    Network(2, cells("a", "b", "c"), ring | {"ca": Projection("c", "a", 1)}, "c")
    with pytest.raises(ValueError, match="a <- a"):
        Network(2, cells("a"), {"aa": Projection("a", "a")}, output="a")


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        (Projection("input", "hiden"), "unknown .*'hiden'; did you mean 'hidden'"),
        (Projection("hiden", "hidden", 1), "unknown .*'hiden'; did you mean 'hidden'"),
        (Projection("hidden", "input", 1), "unknown .*'input'"),
        (Projection("input", "hidden", mask=jnp.ones((3, 2), bool)), r"\(2, 3\)"),
    ],
)
def test_rejects_wrong_ends_and_masks(projection, message):
    with pytest.raises(ValueError, match=message):
        Network(3, cells("hidden"), {"in": projection}, output="hidden")


def test_rejects_other_bad_parts():
    projections = {"in": Projection("input", "hidden")}
    with pytest.raises(ValueError, match=r"Network\.output.*'hidde'.*mean 'hidden'"):
        Network(3, cells("hidden"), projections, output="hidde")
    with pytest.raises(ValueError, match="no population may be called 'input'"):
        Network(3, cells("input"), projections, output="input")
    with pytest.raises(ValueError, match=r"Network\.dt must be positive, in seconds"):
        Network(3, cells("hidden"), projections, output="hidden", dt=0.0)
    with pytest.raises(ValueError, match=r"Network\.n_in must be a whole number >= 1"):
        Network(0, cells("hidden"), projections, output="hidden")
    with pytest.raises(ValueError, match=r"Population\.n .* >= 1, in neurons; got 0"):
        Population(LIF(), 0)
    with pytest.raises(
        ValueError, match=r"Projection\.delay .* >= 0, in ticks; got -1"
    ):
        Projection("a", "b", delay=-1)
    with pytest.raises(ValueError, match=r"Projection\.gain must be zero or positive"):
        Projection("a", "b", gain=float("nan"))
    with pytest.raises(ValueError, match="gains must hold 3 factors.*got 2"):
        feedforward(3, LIF(), (4, 4), 2, gains=(1.0, 1.0))
    with pytest.raises(ValueError, match="cycle"):
        recurrent(3, LIF(), 4, 2, delay=0)


def test_feedforward_helper():
    network = feedforward(3, LIF(), (4, 5), 2, gains=(1.0, 2.0, 0.0))
    wires = {name: (w.pre, w.post, w.delay) for name, w in network.wiring.wires}
    assert wires == {
        "in": ("input", "hidden1", 0),
        "w2": ("hidden1", "hidden2", 0),
        "out": ("hidden2", "out", 0),
    }
    assert network.n_out == 2 and network.init().history == {}
    weights = network.init_params(jax.random.key(0)).weights
    assert {n: w.shape for n, w in weights.items()} == {
        "in": (4, 3),
        "w2": (5, 4),
        "out": (2, 5),
    }
    assert not np.any(weights["out"]) and np.all(weights["in"] != 0)
    assert list(feedforward(3, LIF(), (4,), 2).populations) == ["hidden", "out"]
    single = feedforward(3, LIF(), (), 2)
    assert (
        dict(single.wiring.wires)["out"].pre == "input"
        and len(single.wiring.wires) == 1
    )


def test_initial_weights_have_the_spread_of_he_and_masks_hold():
    network = recurrent(40, LIF(), 60, 2, gains=(0.5, 1.0, 1.0))
    weights = network.init_params(jax.random.key(0)).weights
    sd = 0.5 * np.sqrt(2 / 40)
    size = weights["in"].size
    assert abs(np.std(weights["in"]) / sd - 1) < 4 / np.sqrt(2 * size)
    assert np.all(np.diag(weights["rec"]) == 0)
    assert np.count_nonzero(weights["rec"]) == 60 * 59
    full = network.masked("rec", jnp.ones((60, 60)))
    assert np.array_equal(full, 1 - np.eye(60))
    assert network.masked("in", weights["in"]) is weights["in"]
