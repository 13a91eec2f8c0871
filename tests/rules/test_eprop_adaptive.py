"""Adaptive e-prop: B learns what the readout learns, and forgets as fast."""

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

from onspike import Learner
from onspike.rules import EndOfSample, LinearDecay, eprop, eprop_adaptive
from oracle import assert_spikes, begin, draw, learn, small, tasklet

TASK = tasklet()
EPISODES = draw(TASK, 2, seed=1)
RATES = {"*": 1e-3, "out": 2e-3}


def run(learner, writes, state=None):
    """B, and W transposed, before and after every write."""
    state = begin(learner, 2) if state is None else state
    seen = [(state.shared.rule["out"], learner.params(state).weights["out"].T)]
    with jax.numpy_dtype_promotion("standard"):  # optax mixes int32 and float64
        for _ in range(writes):
            state, record = learn(learner, TASK, state, EPISODES)
            assert_spikes(record, least=10, most=200)
            weights = learner.params(state).weights
            seen.append((state.shared.rule["out"], weights["out"].T))
    return [tuple(map(np.asarray, pair)) for pair in seen], state


def angle(b, w):
    cosine = np.sum(b * w) / (np.linalg.norm(b) * np.linalg.norm(w))
    return np.degrees(np.arccos(cosine))


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_the_distance_to_the_weights_falls_by_exactly_the_decay(optimiser):
    how = {"schedule": LinearDecay(8.0), "weight_decay": 100.0}
    if optimiser == "adam":
        how["transform"] = optax.scale_by_adam()
    seen, _ = run(Learner(small(), eprop_adaptive(RATES), **how), 4)
    for write, ((b, w), (b_next, w_next)) in enumerate(
        zip(seen, seen[1:], strict=False)
    ):
        kept = 1 - 2e-3 * 100 * (1 - write / 8)
        assert np.allclose(b_next - w_next, kept * (b - w), rtol=1e-10, atol=1e-14)
        assert np.abs(w_next - kept * w).max() > 1e-3  # and it learnt besides


def test_without_decay_the_distance_stays_and_with_it_the_angle_falls():
    without = Learner(small(), eprop_adaptive(RATES))
    (*_, (b, w)), _ = run(without, 20)
    (b0, w0), *_ = run(without, 0)[0]
    assert np.allclose(b - w, b0 - w0, rtol=0, atol=1e-12)
    assert np.abs(w - w0).max() > 1e-2
    start = angle(b0, w0)
    seen, _ = run(Learner(small(), eprop_adaptive(RATES), weight_decay=100.0), 20)
    angles = [angle(*pair) for pair in seen[::5]]
    assert np.all(np.diff(angles) < 0)
    assert start > 60 and angles[-1] < 10 < angle(b, w)


def test_started_as_the_weights_it_is_symmetric_eprop():
    how = {"weight_decay": 20.0}
    adaptive = Learner(small(), eprop_adaptive(RATES), **how)
    symmetric = Learner(small(), eprop(RATES, gate=EndOfSample()), **how)
    state = begin(adaptive, 2)
    copy = {"out": adaptive.params(state).weights["out"].T}
    state = eqx.tree_at(lambda s: s.shared.rule, state, copy)
    _, last = run(adaptive, 3, state)
    one = adaptive.params(last).weights
    other = begin(symmetric, 2)
    for _ in range(3):
        other, _ = learn(symmetric, TASK, other, EPISODES)
    for name, w in symmetric.params(other).weights.items():
        assert np.allclose(one[name], w, rtol=1e-12, atol=1e-14)
