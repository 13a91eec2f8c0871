import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import (
    Arrays,
    Features,
    Graded,
    HeldOutSpeakers,
    RandomShare,
    SpokenDigits,
    write_recordings,
)

KEY = jax.random.key(0)
LABELS = np.tile([0, 1, 2], 4)
COUNTS = np.random.RandomState(0).poisson(1.0, (12, 6, 5)).astype(np.uint8)
TEST = (COUNTS[:3], LABELS[:3])


def made(task, split, index):
    episode = task.episode(split, jnp.int32(index), KEY)
    return task.block(episode, jnp.int32(0), task.ticks), episode


def test_numbers_arrive_as_they_are():
    task = Arrays((COUNTS, LABELS), TEST, dt=2e-3, validation=RandomShare(0.0))
    assert (task.n_in, task.n_out, task.ticks) == (5, 3, 6)
    for index in (0, 7, 12 + 7):
        x, episode = made(task, "train", index)
        assert x.dtype == float and np.array_equal(x, COUNTS[index % 12])
        assert int(episode.label) == LABELS[index % 12]
    one = task.episode("train", jnp.int32(4), KEY)
    assert np.array_equal(task.block(one, jnp.int32(2), 3), COUNTS[4, 2:5])
    spikes = Arrays((COUNTS > 0, LABELS), TEST, dt=2e-3)
    assert made(spikes, "train", 0)[0].dtype == bool


def test_validation_is_held_out_of_each_class_or_brought_along():
    task = Arrays((COUNTS, LABELS), TEST, validation=RandomShare(0.25))
    assert [task.size(s) for s in ("train", "validation", "test")] == [9, 3, 3]
    assert sorted(np.asarray(task.splits["validation"].label)) == [0, 1, 2]
    apart = {np.asarray(x).tobytes() for x in task.splits["train"].x}
    assert not apart & {np.asarray(x).tobytes() for x in task.splits["validation"].x}
    for share in (0.1, 0.01):  # of four samples of a class less than a half
        task = Arrays((COUNTS, LABELS), TEST, validation=RandomShare(share))
        assert (task.size("train"), task.size("validation")) == (9, 3)
    task = Arrays((COUNTS, LABELS), TEST, validation=RandomShare(0.0))
    assert (task.size("train"), task.size("validation")) == (12, 0)
    task = Arrays((COUNTS, LABELS), TEST, validation=(COUNTS[5:7], LABELS[5:7]))
    assert (task.size("train"), task.size("validation")) == (12, 2)
    assert np.array_equal(made(task, "validation", 1)[0], COUNTS[6])


@pytest.mark.parametrize(
    ("train", "test", "options", "words"),
    [
        ((COUNTS[0], LABELS[:6]), TEST, {}, "axes samples, ticks and channels"),
        (
            (COUNTS, LABELS),
            (COUNTS[:3, :2], LABELS[:3]),
            {},
            r"Arrays.test .*\(3, 2",
        ),
        ((COUNTS, LABELS[:5]), TEST, {}, r"one whole number .* \(5,\)"),
        ((COUNTS, LABELS / 2), TEST, {}, "type float64"),
        ((COUNTS, LABELS + 1), TEST, {}, r"without a gap; got \[1, 2, 3\]"),
        ((COUNTS, 0 * LABELS), TEST, {}, r"without a gap; got \[0\]"),
        ((COUNTS, LABELS), (COUNTS[:3], [0, 1, 3]), {}, "the test split has others"),
        ((COUNTS * np.nan, LABELS), TEST, {}, "NaN or infinity"),
        ((COUNTS, LABELS), TEST, {"dt": 0.0}, "Arrays.dt"),
        ((COUNTS, LABELS), TEST, {"window": 7e-3}, "Arrays.window must be at most"),
        (
            (COUNTS, LABELS),
            TEST,
            {"validation": RandomShare(1.0)},
            "none is left of the 4 of class 0",
        ),
        (
            (COUNTS, np.append(LABELS[:11], 3)),
            TEST,
            {"validation": RandomShare(0.1)},
            "none is left of the 1 of class 3",
        ),
        (
            (COUNTS, LABELS),
            TEST,
            {"validation": HeldOutSpeakers((4,))},
            "arrays cannot say; use RandomShare",
        ),
    ],
)
def test_bad_arrays(train, test, options, words):
    with pytest.raises(ValueError, match=words):
        Arrays(train, test, **options)


def test_features_are_spread_by_the_code():
    x = COUNTS[:, 0] / 10
    task = Features((x, LABELS), (x[:3], LABELS[:3]), code=Graded(), ticks=4)
    assert (task.n_in, task.n_out, task.ticks) == (5, 3, 4)
    assert np.allclose(made(task, "test", 2)[0], np.tile(x[2], (4, 1)))
    with pytest.raises(ValueError, match=r"between 0 and 1; got 0 to .*: divide"):
        Features((COUNTS[:, 0], LABELS), (x[:3], LABELS[:3]))
    with pytest.raises(ValueError, match="axes samples and features"):
        Features((COUNTS, LABELS), TEST)


def test_what_is_written_is_what_is_read(tmp_path):
    random = np.random.RandomState(1)
    lengths = [0, 3, 40, 7, 1, 12]
    spikes = [(random.rand(n), random.randint(0, 8, n)) for n in lengths]
    files = tmp_path / "train.h5", tmp_path / "test.h5"
    for file in files:
        write_recordings(file, spikes, [0, 1, 0, 1, 0, 1], [7, 7, 7, 9, 9, 9])
    sizes = {"ticks": 10, "dt": 0.1, "channels": 8, "n_units": 8}
    task = SpokenDigits(*files, **sizes, validation=RandomShare(0.0))
    for i, (times, units) in enumerate(spikes):
        count = np.zeros((10, 8))
        np.add.at(count, ((times / 0.1).astype(int), units), 1)
        assert np.array_equal(task.splits["test"].x[i], count)
    assert task.group_names == ("7", "9")
    with h5py.File(files[0]) as file:
        assert np.array_equal(file["labels"], [0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("spikes", "labels", "words"),
    [
        ([([0.1, 0.2], [1])], [0], r"one unit for each time; got shapes \(2,\)"),
        ([([-0.1], [1])], [0], "finite and not negative"),
        ([([0.1], [-1])], [0], "whole numbers from 0 as units"),
        ([([0.1], [1.5])], [0], "whole numbers from 0 as units"),
        ([([0.1], [1])], [0, 1], "each of the 1 recordings"),
    ],
)
def test_bad_recordings_are_not_written(tmp_path, spikes, labels, words):
    with pytest.raises(ValueError, match=words):
        write_recordings(tmp_path / "x.h5", spikes, labels)
    assert not (tmp_path / "x.h5").exists()
    (tmp_path / "x.h5").touch()
    with pytest.raises(ValueError, match="not overwritten"):
        write_recordings(tmp_path / "x.h5", [([0.1], [1])], [0])
