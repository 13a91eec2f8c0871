"""Two blobs: the points, and what the best classifier makes of them."""

import numpy as np
import pytest

from onspike.tasks import TwoBlobs
from onspike.tasks.two_blobs import blobs


def test_no_classifier_errs_on_fewer_than_four_in_a_thousand():
    features, labels = blobs(100_000, 7, 0.08)
    nearest = (features[:, 0] > features[:, 1]).astype(int)  # the line between them
    assert np.mean(nearest != labels) == pytest.approx(0.004, abs=7e-4)
    assert np.allclose(features[:, 2:], 1 - features[:, :2])
    assert features.min() >= 0 and features.max() <= 1


def test_splits_differ_and_are_the_same_in_every_run():
    task, again = TwoBlobs(), TwoBlobs()
    assert [task.size(s) for s in ("train", "validation", "test")] == [300, 300, 1000]
    assert (task.n_in, task.n_out) == (40, 2)
    for split, table in task.splits.items():
        assert np.array_equal(table.x, again.splits[split].x)
    train, validation = task.splits["train"].x, task.splits["validation"].x
    assert not np.array_equal(train, validation)
    with pytest.raises(ValueError, match="TwoBlobs.spread must be positive"):
        TwoBlobs(spread=0.0)
