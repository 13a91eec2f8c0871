"""What is seen inside a tick multiplies to what is written after it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import BPTT, Learner, controlled, feedforward
from onspike.neurons import LIF
from onspike.probe import watch_ticks
from onspike.rules import (
    EProp,
    EveryTick,
    Predictive,
    RateHinge,
    RateTarget,
    ReadoutFilter,
    Symmetric,
    Terms,
    ThreeFactor,
    eprop,
    feedback_control,
    reckon,
)
from oracle import assert_close, begin, draw, learn, small, tasklet

TASK = tasklet()
BATCH = 2
EPISODES = draw(TASK, BATCH, seed=1)
RULES = {
    "decoupled": reckon(1e-3, gate=EveryTick()),
    "filtered, at the end": eprop(1e-3),
    "two terms": Terms((reckon(1e-3, gate=EveryTick()), Predictive({"in": 1e-4}))),
}


def watched(learner, state, keep, episodes=EPISODES):
    """A whole sample in two unequal parts."""
    film = []
    for start, length in ((0, 12), (12, TASK.ticks - 12)):

        @jax.jit
        def part(state, start, length=length):
            return watch_ticks(learner, TASK, state, episodes, start, length, keep)

        state, seen = part(state, jnp.asarray(start))
        film.append(seen)
    return state, jax.tree.map(lambda *a: np.concatenate(a), *film)


@pytest.mark.parametrize("name", RULES)
def test_watching_changes_nothing(name):
    learner = Learner(small(), RULES[name])
    state = begin(learner, BATCH)
    after, film = watched(learner, state, lambda tick, look: (tick, look.y, look.local))
    expected, record = learn(learner, TASK, state, EPISODES)
    assert_close(after, expected)
    tick, y, local = film
    np.testing.assert_allclose(tick.y[:, 0], y, atol=1e-12)
    spikes = tick.z["hidden"].sum((0, 1))
    np.testing.assert_array_equal(spikes, record.spikes["hidden"])
    np.testing.assert_array_equal(tick.z["hidden"][:, 0], local["in"].z)
    assert spikes.sum() > 10


def test_signal_times_eligibility_is_what_is_written():
    learner = Learner(small(), reckon(1e-3, gate=EveryTick()))
    episode = draw(TASK, 1, seed=1)
    state = begin(learner, 1)
    after, (factors, w) = watched(
        learner, state, lambda tick, look: (look.factors[0], look.weights), episode
    )
    for name, post in (("in", "hidden"), ("out", "out")):
        product = factors.signal[post][:, :, None] * factors.eligibility[name]
        last = np.asarray(learner.params(after).weights[name])
        change = np.diff(np.concatenate([w[name], last[None]]), axis=0)
        np.testing.assert_allclose(change, -1e-3 * product, atol=1e-14)
        assert np.abs(product).max() > 1e-3


@pytest.mark.parametrize(
    ("regulariser", "readout_filter"),
    [
        (RateHinge(strength=0.3, bound=0.5), None),
        (RateHinge(strength=0.3, bound=0.5), ReadoutFilter()),
        (RateTarget(strength=0.02, target=1.0, tau=0.1), ReadoutFilter()),
    ],
)
def test_a_regulariser_multiplies_the_eligibility_before_the_filter(
    regulariser, readout_filter
):
    rule = ThreeFactor(
        Symmetric(),
        EProp(),
        1e-3,
        readout_filter=readout_filter,
        regulariser=regulariser,
    )
    learner = Learner(small(), rule)
    state = begin(learner, 1)
    after, (seen, w) = watched(
        learner,
        state,
        lambda tick, look: (look.factors[0], look.weights),
        draw(TASK, 1, seed=1),
    )
    assert set(seen.regulariser) == {"hidden"}
    assert set(seen.unfiltered) == {"in", "rec"}
    for name in ("in", "rec"):
        last = np.asarray(learner.params(after).weights[name])
        change = np.diff(np.concatenate([w[name], last[None]]), axis=0)
        heard = seen.signal["hidden"][:, :, None] * seen.eligibility[name]
        pulled = seen.regulariser["hidden"][:, :, None] * seen.unfiltered[name]
        if name == "rec":  # no synapse of a neuron with itself
            heard, pulled = (np.where(np.eye(4), 0.0, a) for a in (heard, pulled))
        np.testing.assert_allclose(change, -1e-3 * (heard + pulled), atol=1e-14)
        assert min(np.abs(heard).max(), np.abs(pulled).max()) > 1e-3


def test_the_filtered_eligibility_sums_to_the_gradient_at_the_end():
    learner = Learner(small(), eprop(1e-3))
    episode = draw(TASK, 1, seed=1)
    state = begin(learner, 1)
    after, factors = watched(
        learner, state, lambda tick, look: look.factors[0], episode
    )
    product = factors.signal["hidden"][:, :, None] * factors.eligibility["in"]
    change = learner.params(after).weights["in"] - learner.params(state).weights["in"]
    np.testing.assert_allclose(change, -1e-3 * product.sum(0), atol=1e-13)


def test_a_rule_that_writes_early_is_seen_with_the_weights_it_wrote():
    network = feedforward(TASK.n_in, LIF(), (3,), TASK.n_out)
    learner = Learner(network, Predictive({"in": 1e-2}))
    state = begin(learner, 1)
    episode = draw(TASK, 1, seed=1)
    after, (y, seen, w) = watched(
        learner, state, lambda tick, look: (look.y, tick.y, look.weights["in"]), episode
    )
    np.testing.assert_allclose(y, seen[:, 0], atol=1e-12)
    np.testing.assert_array_equal(w[-1], learner.params(after).weights["in"])
    assert np.abs(w[-1] - w[0]).max() > 0


def test_controllers_are_looked_at_too():
    network = controlled(feedforward(TASK.n_in, LIF(), (), TASK.n_out, readout=LIF()))
    learner = Learner(network, feedback_control(1e-3))
    state = begin(learner, 1)
    _, (v, signal) = watched(
        learner,
        state,
        lambda t, k: (k.neurons["more"].v, k.factors[0].signal["out"]),
        draw(TASK, 1, seed=1),
    )
    assert v.shape == (TASK.ticks, TASK.n_out)
    assert np.abs(signal).max() > 0


def test_a_learner_without_ticks_is_refused():
    with pytest.raises(ValueError, match="BPTT learns sample by sample"):
        watch_ticks(
            BPTT(small(), 1e-3), TASK, None, EPISODES, jnp.asarray(0), 1, lambda *_: 0
        )
