"""Weights that bring neurons to their target rates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Learner, feedforward
from onspike.devices import Clamped, Ideal
from onspike.rules import Homeostasis, PairSTDP, Terms, stdp
from oracle import begin, draw, stream, tasklet, watch

TASK = tasklet(ticks=20_000, window=20_000, n_in=20, n_out=2)
SAMPLES = stream(TASK, draw(TASK, 1, rate=0.02, seed=4))
NET = feedforward(20, LIF(), (), 2, readout=LIF(), gains=(0.0,), mean_out=1.0)


def rates(learner, weights):
    """Spikes by tick and neuron, rates in the first 0.5 and last 4 of 20 s, weights."""
    state = begin(learner)
    params = learner.params(state)._replace(weights={"out": jnp.asarray(weights)})
    die = learner.device.fabricate(params, learner.network.wiring, jax.random.key(0))
    store = state.shared.store._replace(die=die)
    state = state._replace(shared=state.shared._replace(store=store))
    after, ticks = watch(learner, TASK, state, SAMPLES)
    z = np.asarray(ticks.z["out"])[:, 0]
    last = np.asarray(learner.params(after).weights["out"])
    return z, 2 * z[:500].sum(0), z[-4000:].sum(0) / 4, last


def test_scaling_finds_the_target_from_both_sides_as_the_equation_says():
    w = np.repeat([[0.03], [0.4]], 20, 1)
    w[:, 0] = -0.05  # one synapse inhibits
    learner = Learner(NET, Homeostasis(rate=1.0, target=15.0, tau=0.5))
    z, first, last, got = rates(learner, w)
    assert first[0] < 5 and first[1] > 50
    assert np.all(np.abs(last - 15) < 2), last
    f, keep = np.full(2, 15.0), np.exp(-1e-3 / 0.5)
    for now in z:
        f = keep * f + (1 - keep) * now / 1e-3
        w = w + 1e-3 * np.abs(w) * (1 - f / 15.0)[:, None]
    assert np.allclose(got, w, rtol=1e-10)
    # One factor for all that excite, another for all that inhibit; no sign changes.
    assert np.allclose(got[:, 1:], got[:, 1:2], rtol=1e-9)
    assert np.all(got[:, 0] < 0)
    assert got[0, 1] > 0.03 and got[0, 0] > -0.05
    assert got[1, 1] < 0.4 and got[1, 0] < -0.05


def test_it_tames_stdp():
    """A window that mostly potentiates ends at the bound; with scaling, it does not."""
    start = np.full((2, 20), 0.1)

    def both(scaling):
        grows = stdp(2e-3, pairs=PairSTDP(1.0, 0.5))
        rule = Terms((grows, Homeostasis(rate=scaling, target=15.0)))
        bounded = Clamped(Ideal(), bound=1.0, lower=0.0)
        return rates(Learner(NET, rule, bounded), start)

    _, _, alone, w = both(0.0)
    assert np.all(alone > 100) and np.all(w > 0.9)
    _, _, last, w = both(1.0)
    assert np.all(np.abs(last - 15) < 5), last
    assert np.all(w < 0.5)


def test_the_rate_outlives_a_sample():
    rule = Homeostasis()
    own = rule.init(NET.wiring, jax.random.key(0)).own
    assert rule.rest(own) is own and np.all(own.fired["out"] == rule.target)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"Homeostasis.target .*, in hertz; got 0"):
        Homeostasis(target=0.0)
    with pytest.raises(ValueError, match=r"Homeostasis.tau .*, in seconds; got -1"):
        Homeostasis(tau=-1.0)
    with pytest.raises(ValueError, match="sideways"):
        Learner(NET, Homeostasis({"sideways": 1.0}))
