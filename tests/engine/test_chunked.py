"""Chunked gives what Scan gives, for any neuron and any length of block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import (
    ALIF,
    LIF,
    CubaLIF,
    LeakyIntegrator,
    Learner,
    Network,
    Population,
    Projection,
    Refractory,
    SubtractReset,
    ZeroReset,
)
from onspike.engine import Chunked
from onspike.rules import (
    EndOfSample,
    PreTrace,
    RandomFeedback,
    RateHinge,
    RateTarget,
    eprop,
    reckon,
)
from oracle import assert_spikes, begin, draw, learn, small, tasklet

TASK = tasklet(ticks=24, window=10)
EPISODES = draw(TASK, 2, rate=0.4, seed=1)


def graph():
    """Three kinds of neurons in a chain, each with its own loop."""
    cells = {
        "adaptive": ALIF(
            tau_mem=jnp.array([10e-3, 20e-3, 40e-3]),
            tau_adapt=30e-3,
            beta=0.3,
            v_threshold=0.5,
            reset=SubtractReset(gradient=True),
            refractory=Refractory(2e-3),
        ),
        "synaptic": CubaLIF(10e-3, 5e-3, 0.4, ZeroReset(gradient=True)),
        "plain": LIF(20e-3, 0.1, normalised=True),
    }
    populations = {name: Population(cell, 3) for name, cell in cells.items()}
    populations["out"] = Population(LeakyIntegrator(10e-3), 2)
    projections = {
        "in adaptive": Projection("input", "adaptive", gain=0.5),
        "in synaptic": Projection("adaptive", "synaptic", gain=0.5),
        "in plain": Projection("synaptic", "plain"),
        "out": Projection("plain", "out"),
        "skip": Projection("adaptive", "out"),
    }
    for delay, name in enumerate(cells, start=1):
        projections[f"rec {name}"] = Projection(name, name, delay, 0.5)
    return Network(3, populations, projections, output="out")


LEARNERS = {
    "e-prop of any neuron": (graph(), eprop(0.05, regulariser=RateTarget(0.02, 20.0))),
    "decoupled, window only": (
        small(),
        reckon(
            {"in": 0.1, "out": 0.2},
            signal=RandomFeedback(),
            gate=EndOfSample(window_only=True),
            regulariser=RateTarget(0.02, 20.0, 0.1),
        ),
    ),
    "filtered pre-trace": (
        small(),
        eprop(0.05, eligibility=PreTrace(), regulariser=RateHinge(0.1, 1.0)),
    ),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_equals_scan(name):
    network, rule = LEARNERS[name]
    scan = Learner(network, rule)
    chunked = Learner(network, rule, engine=Chunked(block=7))  # four blocks of six
    state = other = start = begin(scan, 2)
    for _ in range(2):  # the second sample begins where the first has left things
        state, seen = learn(scan, TASK, state, EPISODES)
        other, same = learn(chunked, TASK, other, EPISODES)
        assert_spikes(seen, least=10, most=130)
        for a, b in zip(jax.tree.leaves(seen), jax.tree.leaves(same), strict=True):
            assert np.array_equal(a, b)
    before, after = (scan.params(s).weights for s in (start, state))
    for plastic in scan.rates():
        assert np.abs(after[plastic] - before[plastic]).max() > 1e-4
    numbers = [
        jax.tree.leaves(s._replace(shared=_plain(s.shared))) for s in (state, other)
    ]
    for a, b in zip(*numbers, strict=True):
        size = max(1.0, float(np.abs(a).max()))
        assert np.allclose(a, b, rtol=0, atol=1e-12 * size)


def _plain(shared):
    key = jax.random.key_data(shared.store.key)
    return shared._replace(store=shared.store._replace(key=key))


def test_says_why_it_refuses():
    learner = Learner(small(), reckon(0.1), engine=Chunked())
    with pytest.raises(
        ValueError, match="the gate TargetWindow writes within a sample"
    ):
        learn(learner, TASK, begin(learner, 2), EPISODES)
    with pytest.raises(ValueError, match=r"Chunked\.block must be .* in ticks; got 0"):
        Chunked(block=0)
