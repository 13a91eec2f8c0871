"""What holds for every task of the catalogue, a new row included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import catalog
from onspike.experiment import build
from onspike.experiment.run import fit
from onspike.experiment.spec import kind_of, resolve
from tinyrun import write_spikes

# Small sizes, given to whatever has the option.
SMALL = {
    "train_samples": 7,
    "validation_samples": 4,
    "test_samples": 5,
    "n_per_group": 2,
    "n_per_feature": 2,
    "channels": 4,
    "n_units": 8,
}
KEY = jax.random.key(11)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes a task, and the specification that it comes from."""
    folder, kept = tmp_path_factory.mktemp("files"), {}
    files = {
        "train": str(write_spikes(folder / "train.h5", n=20, seconds=0.9)),
        "test": str(write_spikes(folder / "test.h5", n=6, seconds=0.9, seed=1)),
    }

    def make(name):
        if name not in kept:
            options = kind_of("task", name).__struct_fields__
            wanted = (SMALL | files).items()
            chosen = {f"task.{o}": v for o, v in wanted if o in options}
            spec = resolve(
                name, settings=chosen | {"network.hidden": 3, "train.batch": 1}
            )
            kept[name] = spec, spec.built("task")
        return kept[name]

    return make


@pytest.mark.parametrize("name", catalog.TASKS)
def test_a_task_says_what_it_is(made, name):
    spec, task = made(name)
    assert task.n_in >= 1 and task.n_out >= 2 and task.ticks >= 1
    mask = task.mask()
    assert mask.shape == (task.ticks,) and mask.dtype == bool and mask.any()
    assert task.size("train") >= 1 and task.size("test") >= 1
    assert task.size("validation") >= 0
    fit(build.learner(spec, task), task)


@pytest.mark.parametrize("name", catalog.TASKS)
def test_samples_are_a_function_of_split_index_and_key(made, name):
    _, task = made(name)
    length = next(k for k in range(task.ticks // 2, 0, -1) if not task.ticks % k)
    traced = 0

    @jax.jit
    def sample(index, key):
        nonlocal traced
        traced += 1

        def one(split, index):
            episode = task.episode(split, index, key)
            starts = jnp.arange(0, task.ticks, length, dtype=jnp.int32)
            blocks = jax.lax.map(lambda s: task.block(episode, s, length), starts)
            x = blocks.reshape(task.ticks, -1)
            return x, task.target(episode), episode.label, episode.group

        return [jax.vmap(lambda i, s=s: one(s, i))(index) for s in ("train", "test")]

    index = jnp.arange(5, dtype=jnp.int32)
    first = sample(index, KEY)
    for x, target, label, group in first:
        assert x.shape == (5, task.ticks, task.n_in) and x.dtype in (float, bool)
        assert np.all(np.isfinite(x)) and np.any(np.asarray(x) != 0)
        assert np.all(np.any(np.asarray(x) != 0, axis=(1, 2)))  # no sample is empty
        assert target.shape == (5, task.n_out) and target.dtype == float
        assert label.shape == group.shape == (5,)
        assert np.all((np.asarray(label) >= 0) & (np.asarray(label) < task.n_out))
        strata = max(1, len(task.group_names))
        assert np.all((np.asarray(group) >= 0) & (np.asarray(group) < strata))
        assert np.array_equal(np.argmax(target, -1), label)
        assert len({a.tobytes() for a in np.asarray(x)}) > 1
    again = sample(index, KEY)
    assert jax.tree.all(jax.tree.map(np.array_equal, first, again))
    backwards = sample(index[::-1], KEY)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(backwards), strict=True):
        assert np.array_equal(a, b[::-1])
    assert not np.array_equal(first[0][0], first[1][0])  # training is not the test
    sample(index + 10_000, jax.random.key(12))  # the index counts on over epochs
    assert traced == 1


@pytest.mark.parametrize("name", catalog.TASKS)
def test_bad_options_are_a_value_error_or_good(made, name):
    spec, _ = made(name)
    good = {
        f"task.{o}": getattr(spec.task, o)
        for o in spec.task.__struct_fields__
        if o != "name"
    }
    for path in good:
        for value in (float("nan"), float("inf"), -1, 0, "x", True, []):
            try:
                resolve(name, settings=good | {path: value}).built("task")
            except ValueError as error:
                assert "\n" not in str(error), (path, value)
            else:
                assert value != "x" or isinstance(good[path], str), path
                time = path.startswith(("task.tau", "task.dt", "task.window"))
                assert not time or value not in (-1, "x") and np.isfinite(value), path
