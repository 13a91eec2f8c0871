import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import CueAccumulation

KEY = jax.random.key(7)


@functools.cache
def episodes(split="train", n=400, seed=7, **options):
    task = CueAccumulation(**options)
    key = jax.random.key(seed)
    return jax.jit(jax.vmap(lambda i: task.episode(split, i, key)))(jnp.arange(n))


def take(many, index):
    return jax.tree.map(lambda a: a[index], many)


@functools.cache
def spikes(n=60):
    task = CueAccumulation()
    block = jax.jit(lambda e: task.block(e, jnp.asarray(0), task.ticks))
    many = episodes()
    return np.stack([block(take(many, i)) for i in range(n)])


def test_shape_and_splits():
    task = CueAccumulation()
    assert (task.n_in, task.n_out, task.ticks) == (40, 2, 2250)
    sizes = [task.size(split) for split in ("train", "validation", "test")]
    assert sizes == [200, 200, 1000]
    assert spikes().shape[1:] == (2250, 40)
    assert set(np.unique(spikes())) == {0.0, 1.0}


def test_label_is_the_majority_and_group_the_margin():
    many = episodes()
    ones = np.asarray(many.content.sides).sum(axis=1)
    assert np.array_equal(many.label, ones > 3.5)
    assert np.array_equal(many.group, np.maximum(ones, 7 - ones) - 4)
    assert CueAccumulation().group_names == ("4", "5", "6", "7")
    assert CueAccumulation(n_cues=3, ticks=700).group_names == ("2", "3")
    assert abs(np.mean(many.label) - 0.5) < 0.08


def test_flip_probability():
    sides = np.asarray(episodes(n=4000).content.sides)
    # Two cues differ with chance 2 p (1 - p), whichever side is the likely one.
    differ = np.mean(sides[:, 0] != sides[:, 1])
    assert abs(differ - 2 * 0.3 * 0.7) < 0.025
    assert abs(np.mean(np.asarray(episodes(n=4000).group) == 0) - 0.32) < 0.03
    never = np.asarray(episodes(flip_probability=0.0).content.sides)
    assert np.all(never == never[:, :1])


def test_active_groups_fire_at_their_rate_and_the_others_are_silent():
    x = spikes().reshape(60, 2250, 4, 10)
    sides = np.asarray(episodes().content.sides)[:60]
    active = np.zeros((60, 2250, 4), bool)
    for cue in range(7):
        for side in (0, 1):
            on = slice(150 * cue + 50, 150 * cue + 150)
            active[sides[:, cue] == side, on, side] = True
    active[:, 2100:, 2] = True
    foreground = x[:, :, :3]
    assert not foreground[~active[:, :, :3]].any()
    rate = 1000 * foreground[active[:, :, :3]].mean()
    assert abs(rate - 40) < 1
    assert abs(1000 * x[:, :, 3].mean() - 10) < 0.3
    per_input = 1000 * x[:, :, 3].mean(axis=(0, 1))
    assert np.all(np.abs(per_input - 10) < 1.5)


def test_mask_is_the_recall():
    mask = np.asarray(CueAccumulation().mask())
    assert mask.shape == (2250,)
    assert mask[2100:].all() and not mask[:2100].any()


@pytest.mark.parametrize("length", [1, 7, 450])
def test_spikes_do_not_depend_on_how_a_sample_is_cut(length):
    task = CueAccumulation()
    one = take(episodes(), 0)
    block = jax.jit(lambda start: task.block(one, start, length))
    for start in (0, 1043, 1800):
        piece = block(jnp.asarray(start))
        assert np.array_equal(piece, spikes()[0, start : start + length])


def test_batched_samples_are_the_same_samples():
    task = CueAccumulation()
    batch = take(episodes(), slice(5))
    piece = jax.jit(jax.vmap(lambda e: task.block(e, jnp.asarray(100), 120)))(batch)
    assert np.array_equal(piece, spikes()[:5, 100:220])


def test_splits_keys_and_samples_differ():
    draws = {
        "train": episodes(),
        "validation": episodes("validation"),
        "test": episodes("test"),
        "fresh": episodes(seed=8),
    }
    # Beyond the size of a split the index begins again.
    draws = {name: take(d, slice(100)) for name, d in draws.items()}
    bits = {n: np.asarray(jax.random.key_data(d.content.key)) for n, d in draws.items()}
    rows = np.concatenate(list(bits.values()))
    assert len(np.unique(rows, axis=0)) == len(rows)
    sides = [tuple(np.asarray(d.content.sides).ravel()) for d in draws.values()]
    assert len(set(sides)) == 4


def test_a_long_sample_needs_memory_for_a_block_only():
    task = CueAccumulation(ticks=100_000)
    one = jax.jit(lambda i: task.episode("train", i, KEY))(jnp.asarray(3))
    block = jax.jit(lambda start: task.block(one, start, 100))
    assert block(jnp.asarray(99_900))[:, 20:30].sum() > 10
    assert block(jnp.asarray(50_000))[:, :30].sum() == 0
    assert int(task.mask().sum()) == 150
    memory = block.lower(jnp.asarray(0)).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 200_000


def test_other_sizes_and_ticks():
    task = CueAccumulation(
        ticks=40,
        n_cues=1,
        n_per_group=3,
        cue_duration=0.02,
        cue_period=0.05,
        recall_duration=0.05,
        active_rate=200.0,
        background_rate=0.0,
        dt=5e-3,
    )

    @jax.jit
    def sample(index):
        one = task.episode("test", index, KEY)
        return one.label, task.block(one, jnp.asarray(0), 40)

    side, x = jax.tree.map(np.asarray, sample(jnp.asarray(0)))
    assert x.shape == (40, 12)
    assert x[6:10, 3 * side : 3 * side + 3].all()  # one spike a tick
    assert x[30:, 6:9].all()
    assert x.sum() == 3 * 4 + 3 * 10


def test_the_task_can_be_an_argument_of_a_compiled_function():
    @jax.jit
    def rate(task):
        one = task.episode("train", jnp.asarray(0), KEY)
        return task.block(one, jnp.asarray(0), 2250)[:, 30:].mean() / task.dt

    low, high = CueAccumulation(), CueAccumulation(background_rate=20.0)
    assert abs(float(rate(high)) / float(rate(low)) - 2) < 0.4
    assert rate._cache_size() == 1


def test_rates_can_be_mapped_over():
    def background(rate):
        task = eqx.tree_at(lambda t: t.background_rate, CueAccumulation(), rate)
        one = task.episode("train", jnp.asarray(0), KEY)
        return task.block(one, jnp.asarray(0), 2250)[:, 30:].sum()

    counts = jax.jit(jax.vmap(background))(jnp.asarray([0.0, 10.0, 40.0]))
    assert counts[0] == 0 and counts[1] < counts[2]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"n_cues": 6}, "n_cues"),
        ({"n_cues": 0}, "n_cues"),
        ({"n_per_group": 0}, "n_per_group"),
        ({"ticks": 1199}, "ticks"),
        ({"dt": 0.0}, "dt"),
        ({"dt": float("nan")}, "dt"),
        ({"cue_duration": 0.2}, "cue_duration"),
        ({"cue_duration": 0.0005}, "cue_duration"),
        ({"cue_period": -0.15}, "cue_period"),
        ({"recall_duration": 0.1505}, "recall_duration"),
        ({"active_rate": 1001.0}, "active_rate"),
        ({"background_rate": -1.0}, "background_rate"),
        ({"flip_probability": 1.5}, "flip_probability"),
        ({"train_samples": 0}, "train_samples"),
        ({"test_samples": -1}, "test_samples"),
    ],
)
def test_bad_arguments(options, field):
    with pytest.raises(ValueError, match=rf"^CueAccumulation\.{field} .*") as error:
        CueAccumulation(**options)
    assert "\n" not in str(error.value)
