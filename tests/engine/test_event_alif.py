"""The event-driven engine with a trace for each synapse: what the reference gives."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import ALIF, LIF, Learner, Refractory, feedforward, recurrent
from onspike.engine import Event
from onspike.neurons import ZeroReset
from onspike.rules import (
    DirectFeedback,
    EndOfSample,
    PreTrace,
    RateHinge,
    RateTarget,
    ReadoutFilter,
    Symmetric,
    ThreeFactor,
    eprop,
)
from onspike.surrogates import Box, FastSigmoid
from oracle import (
    READOUT,
    assert_close,
    assert_learn_alike,
    begin,
    draw,
    learn,
    plain,
    tasklet,
)

# Three blocks, of which the first has no target and the second but a part.
TASK = tasklet(ticks=600, window=300)
RATE = {"*": 1e-3, "out": 1e-2}
HALF = jnp.where(jnp.arange(20) < 10, 0.0, 0.1)  # half of the neurons adapt
ADAPTIVE = ALIF(tau_adapt=0.2, beta=HALF, v_threshold=0.6, refractory=Refractory(3e-3))


def net(neuron, n=20):
    return recurrent(3, neuron, n, 2, readout=READOUT, gains=(0.4, 0.3, 1.0))


def decoupled(**factors):
    factors = {"signal": Symmetric(), "gate": EndOfSample()} | factors
    return ThreeFactor(eligibility=PreTrace(), rate=RATE, **factors)


FORMS = {
    "ALIF, filter, rate target, random feedback": (
        net(ADAPTIVE),
        eprop(
            RATE, signal=DirectFeedback(), regulariser=RateTarget(0.01, 20.0, tau=0.3)
        ),
    ),
    "ALIF of many kinds, no filter, hinge, normalised, box": (
        net(
            ALIF(
                tau_adapt=jnp.linspace(0.05, 0.5, 20),
                beta=0.01,
                v_threshold=jnp.linspace(0.02, 0.04, 20),
                normalised=True,
                surrogate=Box(0.03),
                bias=0.01,
            )
        ),
        dataclasses.replace(
            eprop(RATE, regulariser=RateHinge(0.01, 1.0)), readout_filter=None
        ),
    ),
    "LIF, filter, rate target in the window": (
        net(LIF(v_threshold=0.8, refractory=Refractory(2e-3))),
        eprop(
            RATE,
            gate=EndOfSample(window_only=True),
            regulariser=RateTarget(0.01, 20.0, tau=0.3),
        ),
    ),
    "LIF, filtered trace, hinge, resets to zero, fast sigmoid, feed-forward": (
        feedforward(
            3,
            LIF(v_threshold=0.8, reset=ZeroReset(), surrogate=FastSigmoid(5.0)),
            (6,),
            2,
            readout=READOUT,
            gains=(0.6, 1.0),
        ),
        decoupled(readout_filter=ReadoutFilter(), regulariser=RateHinge(0.01, 1.0)),
    ),
    "ALIF, one trace per neuron, clamped": (
        net(dataclasses.replace(ADAPTIVE, refractory=Refractory(2e-3, clamp=True))),
        decoupled(),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_full_traces_give_what_ticks_give(name):
    network, rule = FORMS[name]
    slow = Learner(network, rule)
    fast = Learner(network, rule, engine=Event(shares=2))
    batches = [draw(TASK, 3, rate=0.1, seed=seed) for seed in range(2)]
    expected = assert_learn_alike(slow, fast, TASK, batches, least=300, most=9000)
    assert all(np.abs(a).max() > 0 for a in jax.tree.leaves(expected.own.rule))


def test_adaptation_and_its_eligibility_matter():
    network, rule = FORMS["ALIF, filter, rate target, random feedback"]
    episodes, change = draw(TASK, 3, rate=0.1), {}
    simple = recurrent(
        3,
        dataclasses.replace(ADAPTIVE, beta=jnp.zeros(20)),
        20,
        2,
        readout=READOUT,
        gains=(0.4, 0.3, 1.0),
    )
    for name, net, eligibility in (
        ("full", network, rule.eligibility),
        ("one trace per neuron", network, PreTrace()),
        ("no adaptation", simple, rule.eligibility),
    ):
        one = dataclasses.replace(rule, eligibility=eligibility)
        learner = Learner(net, one, engine=Event())
        start = begin(learner, 3)
        state, record = learn(learner, TASK, start, episodes)
        before, after = (s.shared.store.die.weights["in"] for s in (start, state))
        change[name] = np.asarray(after - before), float(record.spikes["hidden"].sum())
    full, spikes = change["full"]
    size = np.abs(full).max()
    assert np.abs(change["one trace per neuron"][0] - full)[10:].max() > 0.05 * size
    assert change["no adaptation"][1] > 1.2 * spikes


def test_threads_change_no_bit_of_full_traces(monkeypatch):
    network, rule = FORMS["ALIF, filter, rate target, random feedback"]
    learner = Learner(network, rule, engine=Event(shares=3))
    start, episodes, seen = begin(learner, 3), draw(TASK, 3, rate=0.1), []
    for cores in (1, 2, 3):
        monkeypatch.setattr("onspike.engine.event.engine.cores", lambda c=cores: c)
        jax.clear_caches()
        seen.append(learn(learner, TASK, start, episodes))
    for other in seen[1:]:
        for a, b in zip(jax.tree.leaves(seen[0]), jax.tree.leaves(other), strict=True):
            assert np.array_equal(plain(a), plain(b))


def test_runs_with_full_traces_side_by_side_are_runs_one_by_one():
    network, rule = FORMS["ALIF, filter, rate target, random feedback"]
    learner = Learner(network, rule, engine=Event())
    states = [begin(learner, 1, seed) for seed in range(2)]
    batches = [draw(TASK, 1, rate=0.1, seed=seed) for seed in range(2)]
    both = jax.tree.map(lambda *a: jnp.stack(a), *zip(states, batches, strict=True))
    together = jax.jit(jax.vmap(lambda s, e: learner.learn(TASK, s, e)))(*both)
    for i in range(2):
        alone = learn(learner, TASK, states[i], batches[i])
        assert_close(jax.tree.map(lambda a, i=i: a[i], together), alone)
