"""What the predictive rule makes of sequences, alone and in networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.experiment.predictive import (
    follow,
    inhibited_learner,
    recall_learner,
    respond,
    sequence_neuron,
)
from onspike.tasks import Sequence

KEY = jax.random.key(0)
TINY = dict(
    n_per_group=4, n_distractors=0, jitter=0.0, noise=0, onset=0.0, train_samples=1
)


def by_hand(x, w, mask, tau, threshold, rate, advances=1, inhibition=0.0, soft=False):
    """Weights over [external; recurrent] after one sample, and the spikes meanwhile."""
    n, n_in = len(w), x.shape[1]
    w, alpha = w * mask, 1 - 0.05 / tau
    v, z, tails, p = np.zeros(n), np.zeros(n), np.zeros(n_in + n), np.zeros(n_in + n)
    spikes = []
    for now in x:
        tails[:n_in] = np.exp(-0.05 / 2) * tails[:n_in] + now
        for _ in range(advances):
            tails[n_in:] = (1 - 0.05 / 2) * tails[n_in:] + z
        unforeseen = (tails - v[:, None] * w) * mask
        total = (unforeseen * w).sum(1)
        change = rate * (v[:, None] * unforeseen + total[:, None] * p) * mask
        w = w + (w * change if soft else change)
        p = alpha * p + tails
        v = alpha * v + w @ tails - threshold * z - inhibition * (z.sum() - z)
        z = (v >= threshold).astype(float)
        spikes.append(z)
    return w, np.stack(spikes)


def in_turn(n_groups, ticks):
    """The input of `TINY`, all groups shown."""
    x = np.zeros((ticks, 4 * n_groups))
    for i in range(4 * n_groups):
        x[40 * (i % 4 + 1) + 80 * (i // 4), i] = 1
    return x


@pytest.mark.parametrize("advances", [1, 2])
def test_the_recall_network_equals_its_long_form(advances):
    task = Sequence(np.ones((1, 3), bool), ticks=500, **TINY)
    learner = recall_learner(task, advances)
    rate = 3e-5  # so that the weights change within a sample
    learner = eqx.tree_at(lambda one: one.rule.rate, learner, rate)
    course = follow(learner, task, KEY, 1)
    own = np.repeat(np.eye(3), 4, axis=1)
    beside = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    start = np.concatenate([0.03 * own, 3e-4 * beside], 1)
    x = in_turn(3, 500)
    w, spikes = by_hand(x, start, start > 0, 26, 3, rate, advances)
    assert np.all(spikes.sum(0) > 0)
    assert np.array_equal(course.spikes[0], spikes)
    last = {name: np.asarray(a[-1]) for name, a in course.weights.items()}
    assert np.allclose(last["in"], w[:, :12], rtol=0, atol=1e-12)
    assert np.allclose(last["rec"], w[:, 12:], rtol=0, atol=1e-12)
    assert np.abs(w - start)[:, 12:].max() > 1e-3


def test_lateral_inhibition_equals_its_long_form_and_without_it_equals_stay_equal():
    task = Sequence(np.ones((1, 2), bool), ticks=300, **TINY)
    x, mask = in_turn(2, 300), np.tile(np.arange(11) < 8, (3, 1))
    same = np.full((3, 8), 0.2)
    other = same * np.array([[1.0], [0.8], [1.2]])

    @jax.jit
    def learnt(start, inhibition):
        learner = inhibited_learner(task, start, inhibition)
        course = follow(learner, task, KEY, 1)
        return course.weights["in"][0], course.spikes[0]

    for start, inhibition in ((same, 0.0), (other, 0.0), (other, 0.3)):
        w, spikes = learnt(jnp.asarray(start), inhibition)
        full = np.concatenate([start, np.zeros((3, 3))], 1)
        expected, fired = by_hand(
            x, full, mask, 10, 1.4, 5e-4, inhibition=inhibition, soft=True
        )
        assert fired.sum() > 20 and np.array_equal(spikes, fired)
        assert np.allclose(w, expected[:, :8], rtol=0, atol=1e-12)
        alike = np.array_equal(w[0], w[1]) and np.array_equal(w[0], w[2])
        assert alike == (start is same)
    with pytest.raises(ValueError, match=r"inhibited_learner\.inhibition .*got -1"):
        inhibited_learner(task, jnp.asarray(same), -1.0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_spikes_move_to_the_first_inputs_of_a_sequence(seed):
    """30 inputs in sequence, 30 distractors, 20 stored samples."""
    task = Sequence(n_per_group=30, n_distractors=30, onset=62e-3, ticks=2480)
    learner, key = sequence_neuron(task), jax.random.key(seed)
    course = follow(learner, task, key, 300)
    w = np.asarray(course.weights["out"][-1, 0])
    before, after = (
        np.asarray(respond(learner.network, task, {"out": one}, key)).sum((1, 2))
        for one in (jnp.full((1, 60), 0.1), course.weights["out"][-1])
    )
    assert 150 < before.mean() < 200
    assert 2 < after.mean() < 12
    assert w[25:30].max() < 3e-4
    assert 0.015 < w[:5].mean() < 0.06
    assert w[0] == w.max() and w[:2].sum() > 0.9 * w[:30].sum()
