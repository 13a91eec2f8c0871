"""Sequences among noise: when spikes come, and how often."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import Sequence

KEY = jax.random.key(3)
SMALL = dict(
    n_per_group=4, n_distractors=3, onset=5e-3, ticks=120, dt=1e-3, train_samples=6
)


@jax.jit
def samples(task):
    """Input of all training samples, one after the other, and their labels."""

    def one(index):
        episode = task.episode("train", index, KEY)
        whole = task.block(episode, jnp.asarray(0), task.ticks)
        halves = [task.block(episode, jnp.asarray(s), 60) for s in (0, 60)]
        return whole, jnp.concatenate(halves), episode.label

    return jax.vmap(one)(jnp.arange(task.size("train")))


def test_spikes_come_one_after_the_other():
    rows = np.array([[True, True], [False, True]])
    task = Sequence(rows, shift=50e-3, interval=8e-3, jitter=2e-3, noise=0, **SMALL)
    assert (task.n_in, task.n_out, task.n_groups) == (11, 2, 2)
    assert not task.mask().any() and task.size("validation") == 0
    x, halves, labels = (np.asarray(a) for a in samples(task))
    assert np.array_equal(x, halves)  # however it is cut
    assert labels.tolist() == [0, 1] * 3
    assert np.all(x[0::2, :, :8].sum(1) == 1) and not x[:, :, 8:].any()
    assert np.all(x[1::2, :, 4:8].sum(1) == 1) and not x[1::2, :, :4].any()
    moments = x.argmax(1)
    assert np.array_equal(moments[0::2, 4:8] - moments[0::2, :4], np.full((3, 4), 50))
    late = moments[0::2, :4] - np.array([8, 16, 24, 32])
    assert late.min() >= -2 and late.max() <= 4 + 1  # jitter; onset and jitter
    assert len(np.unique(late)) > 3


def test_noise_has_rates_of_its_own_in_every_sample():
    task = Sequence(noise=101, **SMALL | dict(train_samples=60, n_distractors=40))
    noise = np.asarray(samples(task)[0])[:, :, 4:]
    counts = noise.sum(1) / (task.ticks * task.dt)  # hertz, mean of 0 .. 100
    assert abs(counts.mean() - 50) < 4
    poisson = counts.mean() / (task.ticks * task.dt)
    assert counts.var() > poisson + 0.7 * 101**2 / 12  # rates differ too


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_per_group": 0}, r"Sequence\.n_per_group .*>= 1"),
        ({"n_distractors": -1}, r"Sequence\.n_distractors .*>= 0"),
        ({"interval": 0.0}, r"Sequence\.interval must be positive"),
        ({"interval": 1.5e-3}, r"Sequence\.interval must be a whole number of ticks"),
        ({"jitter": 3e-3}, r"Sequence\.jitter must be at most interval"),
        ({"jitter": -1e-3}, r"Sequence\.jitter must be"),
        ({"noise": 2000}, r"Sequence\.noise must be at most 1 / dt"),
        ({"ticks": 14}, r"Sequence\.ticks must be at least 15"),
        ({"shown": True}, r"Sequence\.shown must be a table .*; got the shape \(\)"),
        ({"train_samples": 0}, r"Sequence\.train_samples"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        Sequence(**SMALL | options)
