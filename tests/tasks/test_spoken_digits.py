from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import (
    Binary,
    Counts,
    HeldOutSpeakers,
    RandomShare,
    SpokenDigits,
    SquareRoot,
)

KEY = jax.random.key(0)
SHARED = Path(__file__).parents[3] / "shared"
DATA = SHARED / "data"
REAL = DATA / "fsdd_shd_train.h5", DATA / "fsdd_shd_test.h5"
real = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no shared/ folder beside the repository"
)


def recordings(n=12, seed=0, n_units=20, classes=3):
    """Spikes of `n` short recordings, in the file's precision."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 60, n)
    times = [random.uniform(0, 0.0999, k).astype(np.float16) for k in sizes]
    units = [random.integers(0, n_units, k).astype(np.uint16) for k in sizes]
    labels = (np.arange(n) % classes).astype(np.uint16)
    return {
        "spikes/times": times,
        "spikes/units": units,
        "labels": labels,
        "extra/speaker": (np.arange(n) // classes % 2 + 4).astype(np.uint16),
    }


def write(path, content):
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            if isinstance(value, list):
                kind = h5py.vlen_dtype(value[0].dtype)
                data = file.create_dataset(name, (len(value),), dtype=kind)
                for row, numbers in enumerate(value):
                    data[row] = numbers
            else:
                file[name] = value
    return path


@pytest.fixture
def pair(tmp_path):
    """Makes a training and a test file, with changes to the one or the other."""

    def make(train=None, test=None):
        paths = []
        for name, seed, change in (("train", 0, train), ("test", 1, test)):
            content = {**recordings(seed=seed), **(change or {})}
            content = {k: v for k, v in content.items() if v is not None}
            paths.append(write(tmp_path / f"{name}.h5", content))
        return paths

    return make


SMALL = {"ticks": 10, "channels": 5, "n_units": 20, "augment": None}


def direct(content, ticks, dt, channels, n_units):
    edges = np.arange(ticks + 1) * dt, np.arange(channels + 1) * n_units // channels
    rows = zip(content["spikes/times"], content["spikes/units"], strict=True)
    return np.stack(
        [
            np.histogram2d(times.astype(np.float64), units, bins=edges)[0]
            for times, units in rows
        ]
    )


def whole(task, split, index):
    def sample(index):
        return task.block(task.episode(split, index, KEY), jnp.asarray(0), task.ticks)

    return np.asarray(jax.jit(sample)(jnp.asarray(index)))


def test_counts_equal_a_histogram(pair):
    task = SpokenDigits(
        *pair(), **SMALL, amplitude=Counts(), validation=RandomShare(0.0)
    )
    expected = direct(recordings(), 10, 10e-3, 5, 20)
    assert (task.n_in, task.n_out, task.dropped) == (5, 3, 0.0)
    assert [task.size(s) for s in ("train", "validation", "test")] == [12, 0, 12]
    assert expected.sum() > 200
    for index in range(12):
        assert np.array_equal(whole(task, "train", index), expected[index])
    unheard = direct(recordings(seed=1), 10, 10e-3, 5, 20)
    assert np.array_equal(whole(task, "test", 4), unheard[4])
    assert int(task.episode("test", jnp.asarray(4), KEY).label) == 1


def test_float16_times_keep_their_bin(pair):
    # 40000 microseconds would overflow in float16.
    times = [np.array([0.04, 0.0625, 0.09], np.float16)] * 12
    units = [np.array([0, 7, 19], np.uint16)] * 12
    change = {"spikes/times": times, "spikes/units": units}
    task = SpokenDigits(
        *pair(change, change), ticks=200_000, dt=5e-7, channels=20, n_units=20
    )
    x = task.splits["test"].x[0]
    expected = [int(np.float64(t) / 5e-7) for t in times[0]]
    assert np.array_equal(np.argwhere(np.asarray(x))[:, 0], expected)


def test_amplitudes(pair):
    files = pair()
    n = direct(recordings(seed=1), 10, 10e-3, 5, 20)[3]
    assert n.max() > 2
    expected = {
        Counts(gain=0.5): 0.5 * n,
        Counts(limit=2.0): np.minimum(n, 2),
        SquareRoot(): np.sqrt(n),
        Binary(): n > 0,
    }
    for amplitude, x in expected.items():
        task = SpokenDigits(*files, **SMALL, amplitude=amplitude)
        assert np.allclose(whole(task, "test", 3), x)
        assert np.array_equal(
            amplitude(task.splits["test"].x[3]), whole(task, "test", 3)
        )


def test_blocks_can_be_cut_and_batched(pair):
    task = SpokenDigits(*pair(), **SMALL)
    many = jax.vmap(lambda i: task.episode("test", i, KEY))(jnp.arange(12))
    for start, length in ((0, 3), (7, 3), (4, 1)):
        block = jax.vmap(lambda e, s=start, n=length: task.block(e, jnp.asarray(s), n))
        assert np.array_equal(block(many)[5], whole(task, "test", 5)[start:][:length])
    past = task.block(task.episode("test", 5, KEY), jnp.asarray(8), 4)
    assert np.array_equal(past[:2], whole(task, "test", 5)[8:]) and not past[2:].any()


def test_some_classes_in_the_order_given(pair):
    files = pair()
    task = SpokenDigits(
        *files, **SMALL, classes=(2, 0), amplitude=Counts(), validation=RandomShare(0.0)
    )
    assert task.n_out == 2 and task.group_names == ("4", "5")
    for split, seed in (("train", 0), ("test", 1)):
        content = recordings(seed=seed)
        kept = np.flatnonzero(content["labels"] != 1)
        expected = direct(content, 10, 10e-3, 5, 20)[kept]
        assert np.array_equal(task.splits[split].x, expected)
        labels = np.array([1, -1, 0])[content["labels"][kept]]
        assert np.array_equal(task.splits[split].label, labels)
        assert np.array_equal(
            np.asarray(task.splits[split].group) + 4, content["extra/speaker"][kept]
        )


def test_random_share_is_stratified_fixed_and_disjoint(pair):
    files = pair()
    task = SpokenDigits(*files, **SMALL, validation=RandomShare(0.25))
    assert np.array_equal(np.bincount(task.splits["validation"].label), [1, 1, 1])
    assert np.array_equal(np.bincount(task.splits["train"].label), [3, 3, 3])
    again = SpokenDigits(*files, **SMALL, validation=RandomShare(0.25))
    other = SpokenDigits(*files, **SMALL, validation=RandomShare(0.25, seed=5))
    held = [np.asarray(t.splits["validation"].x) for t in (task, again, other)]
    assert np.array_equal(held[0], held[1]) and not np.array_equal(held[0], held[2])
    both = np.concatenate([task.splits["train"].x, task.splits["validation"].x])
    assert sorted(both.sum(axis=(1, 2))) == sorted(
        direct(recordings(), 10, 10e-3, 5, 20).sum(axis=(1, 2))
    )


def test_held_out_speakers(pair):
    task = SpokenDigits(*pair(), **SMALL, validation=HeldOutSpeakers((5,)))
    assert task.group_names == ("4", "5")
    assert set(np.asarray(task.splits["validation"].group)) == {1}
    assert set(np.asarray(task.splits["train"].group)) == {0}
    assert set(np.asarray(task.splits["test"].group)) == {0, 1}


def test_speakers_are_optional(pair):
    files = pair(test={"extra/speaker": None})
    task = SpokenDigits(*files, **SMALL)
    assert task.group_names == ()
    assert not task.splits["train"].group.any()


def test_late_spikes_are_dropped_with_a_warning(pair):
    with pytest.warns(UserWarning, match="of the spikes come after .* raise ticks"):
        task = SpokenDigits(*pair(), ticks=9, channels=5, n_units=20)
    all_times = [recordings(seed=s)["spikes/times"] for s in (0, 1)]
    times = np.concatenate(sum(all_times, [])).astype(np.float64)
    assert task.dropped == pytest.approx(np.mean(times >= 0.09))
    assert task.splits["test"].x.shape == (12, 9, 5)


def bad(row, value, name="spikes/times"):
    content = recordings()[name]
    content[row] = np.append(content[row][1:], content[row].dtype.type(value))
    return {name: content}


SILENT = {
    "spikes/times": [np.zeros(0, np.float16)] * 12,
    "spikes/units": [np.zeros(0, np.uint16)] * 12,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": None}, "dataset 'labels' is missing"),
        ({"spikes/times": None}, "dataset 'spikes/times' is missing"),
        ({"spikes/units": None}, "dataset 'spikes/units' is missing"),
        (SILENT, "no spikes in any of its 12 recordings"),
        (bad(7, 20, "spikes/units"), "units must .* recording 7 has 20"),
        (bad(7, np.nan), "recording 7 has nan"),
        (bad(8, np.inf), "recording 8 has inf"),
        (bad(9, -0.01), "recording 9 has -0.01"),
        ({"labels": np.arange(11) % 3}, "'labels' must .* 12 recordings"),
        ({"labels": np.arange(12) / 3}, "'labels' must hold one whole number"),
        ({"labels": np.arange(12) % 3 + 1}, "labels must be 0, 1, 2"),
        ({"labels": np.arange(12) % 3 - 1}, "labels must be 0, 1, 2"),
        ({"labels": np.arange(12) % 2 * 2}, "without a gap"),
        ({"extra/speaker": np.arange(5)}, "'extra/speaker' must"),
        ({"spikes/times": np.zeros((12, 3))}, "variable-length list"),
        ({"spikes/units": recordings()["spikes/times"]}, "list of whole numbers"),
        ({"spikes/units": recordings(11)["spikes/units"]}, "'spikes/units' has 11"),
        ({"spikes/units": recordings(seed=2)["spikes/units"]}, "recording 0 has"),
        ({"spikes/times": [t + 9 for t in recordings()["spikes/times"]]}, "in seconds"),
    ],
)
def test_bad_files(pair, change, words):
    files = pair(train=change)
    with pytest.raises(ValueError, match=words) as error:
        SpokenDigits(*files, **SMALL)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(files[0]))


def test_labels_of_the_test_file_must_be_known(pair):
    files = pair(test={"labels": np.arange(12) % 4})
    with pytest.raises(ValueError, match=r"test\.h5: labels must be 0 to 2 .* got 3"):
        SpokenDigits(*files, **SMALL)


def test_missing_foreign_and_truncated_files(pair, tmp_path):
    train, test = pair()
    with pytest.raises(ValueError, match=r"none\.h5: no such file"):
        SpokenDigits(tmp_path / "none.h5", test, **SMALL)
    with pytest.raises(ValueError, match="no such file"):
        SpokenDigits(tmp_path, test, **SMALL)
    foreign = tmp_path / "foreign.h5"
    foreign.write_text("times,units\n1,2\n")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(train.read_bytes()[: train.stat().st_size // 2])
    for path in (foreign, cut):
        with pytest.raises(ValueError, match="cannot be read as HDF5") as error:
            SpokenDigits(train, path, **SMALL)
        assert str(error.value).startswith(str(path))
        assert "\n" not in str(error.value)


def test_full_bins_are_refused(pair):
    change = {
        "spikes/times": [np.full(300, 0.05, np.float16)] * 12,
        "spikes/units": [np.zeros(300, np.uint16)] * 12,
    }
    with pytest.raises(ValueError, match="a bin holds 300 spikes"):
        SpokenDigits(*pair(train=change), **SMALL)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channels": 6}, "SpokenDigits.channels must divide"),
        ({"channels": 0}, "SpokenDigits.channels"),
        ({"ticks": 0}, "SpokenDigits.ticks"),
        ({"dt": float("nan")}, "SpokenDigits.dt"),
        ({"window": 0.2}, "SpokenDigits.window"),
        ({"classes": (0, 3)}, r"SpokenDigits.classes .* labels .* 0 to 2; got 3"),
        ({"classes": (1,)}, r"two labels or more, .* got \[1\]"),
        ({"classes": (0, 1, 0)}, r"each named once, .* got \[0, 1, 0\]"),
        ({"validation": HeldOutSpeakers((9,))}, r"which has \[4, 5\]; got 9"),
        ({"validation": HeldOutSpeakers((4, 5))}, "must leave some samples"),
        ({"validation": RandomShare(1.0)}, "must leave some samples"),
    ],
)
def test_bad_arguments(pair, options, words):
    files = pair()
    with pytest.raises(ValueError, match=words):
        SpokenDigits(*files, **{**SMALL, **options})


def test_bad_parts():
    with pytest.raises(ValueError, match="RandomShare.share"):
        RandomShare(-0.1)
    with pytest.raises(ValueError, match="at least one speaker"):
        HeldOutSpeakers(())
    with pytest.raises(ValueError, match="Counts.limit"):
        Counts(limit=0.0)
    with pytest.raises(ValueError, match="SquareRoot.gain"):
        SquareRoot(gain=float("nan"))


def test_speakers_unknown(pair):
    files = pair(train={"extra/speaker": None})
    with pytest.raises(ValueError, match="extra/speaker"):
        SpokenDigits(*files, **SMALL, validation=HeldOutSpeakers((4,)))


@real
def test_real_recordings():
    task = SpokenDigits(*REAL)
    assert (task.n_in, task.n_out) == (70, 10)
    sizes = [task.size(split) for split in ("train", "validation", "test")]
    assert sizes == [810, 90, 225]
    assert task.dropped < 1e-3
    with h5py.File(REAL[1]) as file:
        content = {n: file[n][:5] for n in ("spikes/times", "spikes/units")}
        labels = file["labels"][:]
    expected = direct(content, 100, 10e-3, 70, 700)
    assert np.array_equal(task.splits["test"].x[:5], expected)
    assert np.array_equal(task.splits["test"].label, labels)


@real
def test_a_linear_readout_of_real_recordings():
    from sklearn.linear_model import RidgeClassifier

    task = SpokenDigits(*REAL, validation=RandomShare(0.0))

    def features(split):
        counts = np.asarray(task.splits[split].x, np.float32)
        binned = counts.reshape(len(counts), 10, 10, 70).sum(axis=2)
        return np.sqrt(binned).reshape(len(counts), -1)

    ridge = RidgeClassifier(alpha=1000.0)
    ridge.fit(features("train"), task.splits["train"].label)
    assert ridge.score(features("test"), task.splits["test"].label) > 0.6
