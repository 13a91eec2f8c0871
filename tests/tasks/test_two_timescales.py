"""The slow cue, the fast ones, and the label that needs both."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import TwoTimescales

TASK = TwoTimescales(n_fast=3)  # 8 ticks of slow cue, then 3 periods of 4 ticks
KEY = jax.random.key(7)


@functools.cache
def samples(n=400):
    many = jax.jit(jax.vmap(lambda i: TASK.episode("train", i, KEY)))(jnp.arange(n))
    whole = jax.jit(jax.vmap(lambda e: TASK.block(e, jnp.asarray(0), TASK.ticks)))
    return many, np.asarray(whole(many))


def test_shape_and_mask():
    assert (TASK.n_in, TASK.n_out, TASK.ticks) == (20, 4, 20)
    assert TwoTimescales().ticks == 8 + 24 * 4
    assert np.flatnonzero(TASK.mask()).tolist() == [18, 19]
    assert [TASK.size(s) for s in ("train", "validation", "test")] == [2000, 1000, 1000]


def test_label_says_both_cues_and_no_cue_says_more_than_its_side():
    many, _ = samples()
    sides = np.asarray(many.content.sides)
    assert sides.shape == (400, 4)
    assert np.array_equal(many.label, 2 * sides[:, 0] + sides[:, -1])
    assert np.array_equal(many.group, many.label)
    assert np.all(np.bincount(many.label, minlength=4) > 70)
    agree = (sides[:, :, None] == sides[:, None, :]).mean(0)  # of each pair of cues
    assert np.all(abs(agree[~np.eye(4, dtype=bool)] - 0.5) < 0.08)


def test_each_cue_is_on_its_side_and_in_its_time():
    many, x = samples()
    sides, active = np.asarray(many.content.sides), np.zeros((400, 20, 4), bool)
    for i, cues in enumerate(sides):
        active[i, :8, cues[0]] = True
        for k, side in enumerate(cues[1:]):
            active[i, 8 + 4 * k : 10 + 4 * k, 2 + side] = True
    fired = x.reshape(400, 20, 4, 5)
    assert not fired[~active].any()
    assert abs(fired[active].mean() - 0.5) < 0.01  # 100 Hz in ticks of 5 ms


@pytest.mark.parametrize("length", [1, 7])
def test_spikes_do_not_depend_on_how_a_sample_is_cut(length):
    many, x = samples()
    one = jax.tree.map(lambda a: a[0], many)
    block = jax.jit(lambda start: TASK.block(one, start, length))
    for start in (0, 6, 13):
        assert np.array_equal(block(jnp.asarray(start)), x[0, start : start + length])


def test_rejects_what_does_not_fit():
    with pytest.raises(ValueError, match="TwoTimescales.fast_duration must be less"):
        TwoTimescales(fast_duration=0.02)
    with pytest.raises(
        ValueError, match="slow_duration must be a whole number of tick"
    ):
        TwoTimescales(slow_duration=0.042)
    with pytest.raises(ValueError, match="rate must be at most 1 / dt = 200 hertz"):
        TwoTimescales(rate=300.0)
    with pytest.raises(ValueError, match="n_fast must be a whole number >= 1"):
        TwoTimescales(n_fast=0)
