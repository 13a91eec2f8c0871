"""Weights that bring neurons to their target rates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Learner, feedforward
from onspike.devices import Clamped, Ideal
from onspike.rules import Homeostasis, PairSTDP, Terms, stdp
from oracle import Ledger, begin, draw, stream, tasklet, watch

TASK = tasklet(ticks=20_000, window=20_000, n_in=20, n_out=2)
SAMPLES = stream(TASK, draw(TASK, 1, rate=0.02, seed=4))
NET = feedforward(20, LIF(), (), 2, readout=LIF(), gains=(0.0,), mean_out=1.0)


def starting(learner, weights):
    """A state with given weights of both neurons."""
    state = begin(learner)
    w = {"out": jnp.repeat(jnp.asarray(weights)[:, None], 20, 1)}
    params = learner.params(state)._replace(weights=w)
    store = state.shared.store._replace(die=params)
    return state._replace(shared=state.shared._replace(store=store))


def rates(learner, weights):
    """Both neurons' rates in the first 0.5 and the last 4 of 20 s, and the weights."""
    after, ticks = watch(learner, TASK, starting(learner, weights), SAMPLES)
    z = np.asarray(ticks.z["out"])[:, 0]
    return 2 * z[:500].sum(0), z[-4000:].sum(0) / 4, learner.params(after).weights


def test_scaling_finds_the_target_from_both_sides():
    learner = Learner(NET, Homeostasis(rate=1.0, target=15.0))
    first, last, weights = rates(learner, [0.03, 0.4])
    assert first[0] < 5 and first[1] > 50
    assert np.all(np.abs(last - 15) < 2), last
    w = np.asarray(weights["out"])
    assert np.allclose(w, w[:, :1], rtol=1e-9)  # one factor for all of a neuron


def test_it_tames_stdp():
    """A window that mostly potentiates ends at the bound; with scaling, it does not."""
    grows = stdp(2e-3, pairs=PairSTDP(1.0, 0.5))
    bounded = Clamped(Ideal(), bound=1.0, lower=0.0)
    _, alone, w = rates(Learner(NET, grows, bounded), [0.1, 0.1])
    assert np.all(alone > 100) and np.all(np.asarray(w["out"]) > 0.9)
    both = Terms((grows, Homeostasis(rate=1.0, target=15.0)))
    _, last, w = rates(Learner(NET, both, bounded), [0.1, 0.1])
    assert np.all(np.abs(last - 15) < 5), last
    assert np.all(np.asarray(w["out"]) < 0.5)


def test_a_tick_is_what_the_equation_says_for_either_sign():
    rule = Homeostasis(rate=3.0, target=20.0, tau=0.5)
    learner = Learner(NET, rule, Ledger())
    state = begin(learner)
    w = np.random.default_rng(0).normal(0.3, 0.3, (2, 20))
    assert np.any(w < 0)
    die = state.shared.store.die
    die = die._replace(params=die.params._replace(weights={"out": jnp.asarray(w)}))
    store = state.shared.store._replace(die=die)
    state = state._replace(shared=state.shared._replace(store=store))
    brief = jax.tree.map(lambda a: a[:300], SAMPLES)
    after, ticks = watch(learner, TASK, state, brief)
    z = np.asarray(ticks.z["out"])[:, 0]
    assert 10 < z.sum() < 200
    f, expected = np.full(2, 20.0), 0.0
    for now in z:
        f = np.exp(-2e-3) * f + (1 - np.exp(-2e-3)) * now / 1e-3
        expected += 3.0 * 1e-3 * np.abs(w) * (1 - f / 20.0)[:, None]
    got = np.asarray(after.shared.store.die.total["out"])
    assert np.abs(got - expected).max() < 1e-12 * np.abs(expected).max()
    assert np.array_equal(
        after.own.rule.fired["out"], rule.rest(after.own.rule).fired["out"]
    )


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"Homeostasis.target .*, in hertz; got 0"):
        Homeostasis(target=0.0)
    with pytest.raises(ValueError, match=r"Homeostasis.tau .*, in seconds; got -1"):
        Homeostasis(tau=-1.0)
    with pytest.raises(ValueError, match="sideways"):
        Learner(NET, Homeostasis({"sideways": 1.0}))
