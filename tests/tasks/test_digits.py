import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from onspike.tasks import Digits, Graded, Poisson
from onspike.tasks.digits import _members

KEY = jax.random.key(0)
SPLITS = ("train", "validation", "test")


def spikes(task, split, indices, start, length):
    @jax.jit
    @jax.vmap
    def sample(index):
        one = task.episode(split, index, KEY)
        return task.block(one, jnp.asarray(start), length)

    return np.asarray(sample(jnp.asarray(indices)))


def test_splits_are_disjoint_complete_and_balanced():
    members = _members()
    assert [len(members[split]) for split in SPLITS] == [1079, 359, 359]
    assert np.array_equal(np.sort(np.concatenate(list(members.values()))), range(1797))
    task = Digits()
    whole = np.bincount(load_digits().target)
    for split, share in zip(SPLITS, (0.6, 0.2, 0.2), strict=True):
        counts = np.bincount(task.splits[split].label)
        assert np.all(np.abs(counts - share * whole) <= 1)
        assert task.size(split) == counts.sum()


def test_scans_keep_their_labels():
    task, digits = Digits(), load_digits()
    for split in SPLITS:
        held, members = task.splits[split], _members()[split]
        assert np.array_equal(held.label, digits.target[members])
        assert np.allclose(16 * np.asarray(held.x), digits.data[members])


def test_regular_rates_are_recovered():
    task = Digits()
    assert (task.n_in, task.n_out, task.ticks) == (64, 10, 50)
    counts = spikes(task, "test", [5], 0, 50)[0].sum(axis=0)
    pixels = np.asarray(task.splits["test"].x[5])
    assert np.all(np.abs(counts - 10 * pixels) <= 1)


def test_poisson_and_graded():
    task = Digits(code=Poisson(rate=500.0, n=2), ticks=100)
    assert task.n_in == 128
    x = spikes(task, "train", [0], 0, 100)[0]
    pixels = np.repeat(np.asarray(task.splits["train"].x[0]), 2)
    assert np.corrcoef(x.mean(axis=0), pixels)[0, 1] > 0.95
    task = Digits(code=Graded())
    x = spikes(task, "train", [0], 7, 2)[0]
    assert np.allclose(x, np.asarray(task.splits["train"].x[0])[None, :])


def test_samples_can_be_batched():
    task = Digits()
    batch = spikes(task, "validation", [0, 1, 2, 3], 10, 20)
    assert np.array_equal(batch[3], spikes(task, "validation", [3], 0, 50)[0, 10:30])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ticks": 0}, "Digits.ticks"),
        ({"dt": 0.0}, "Digits.dt"),
        ({"window": 0.06}, "Digits.window"),
        ({"code": Poisson(rate=2000.0)}, "Poisson.rate"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        Digits(**options)
