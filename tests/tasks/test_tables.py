import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import tables

X, LABEL = np.linspace(0, 1, 12).reshape(3, 4), np.array([0, 1, 2])


def test_picks_a_sample():
    held = {"train": tables.table("Owner", "train", X, LABEL, n_out=3)}
    one = tables.pick(held, "train", jnp.asarray(1))
    assert np.allclose(one.x, X[1])
    assert int(one.label) == 1 and int(one.group) == 0
    assert tables.size(held, "train") == 3


def test_integers_keep_their_type():
    counts = tables.table("Owner", "train", X.astype(np.uint8), LABEL, n_out=3)
    assert counts.x.dtype == jnp.uint8


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_must_be_finite(bad):
    x = X.copy()
    x[2, 1] = bad
    with pytest.raises(ValueError, match="Owner: features .* sample 2 of the test"):
        tables.table("Owner", "test", x, LABEL, n_out=3)


@pytest.mark.parametrize("label", [[0, 1, 3], [0, -1, 2], [0.0, 1.0, 2.0]])
def test_labels_must_be_classes(label):
    with pytest.raises(ValueError, match="Owner: labels .* from 0 to 2"):
        tables.table("Owner", "train", X, np.array(label), n_out=3)


def test_one_label_per_sample():
    with pytest.raises(ValueError, match="one label per sample"):
        tables.table("Owner", "train", X, LABEL[:2], n_out=3)
