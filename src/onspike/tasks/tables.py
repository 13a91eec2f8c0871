"""Labelled samples held in arrays, checked once, picked by split and index."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32, Num

from onspike import checks
from onspike.tasks.base import Split


class Table(NamedTuple):
    """The samples of one split."""

    x: Num[Array, "n ..."]
    label: Int32[Array, " n"]
    group: Int32[Array, " n"]


Tables = dict[str, Table]  # by split


def table(
    owner: str,
    split: Split,
    x: np.ndarray,
    label: np.ndarray,
    n_out: int,
    group: np.ndarray | None = None,
) -> Table:
    """Checks samples and labels and makes arrays of them.

    Floating-point samples take the default precision; integers keep theirs.

    Raises:
        ValueError: If the numbers of samples and labels differ, a sample holds NaN or
            infinity, or a label is not a whole number from 0 to `n_out - 1`.
    """
    x, label = np.asarray(x), np.asarray(label)
    if label.shape != (len(x),):
        raise ValueError(
            f"{owner}: {split} split must have one label per sample; "
            f"got {len(x)} samples and labels of shape {label.shape}"
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = int(np.argmax(~np.isfinite(x.reshape(len(x), -1)).all(axis=1)))
        raise ValueError(
            f"{owner}: features must be finite; sample {bad} of the {split} split "
            f"holds NaN or infinity"
        )
    if label.dtype.kind not in "iu" or np.any((label < 0) | (label >= n_out)):
        raise ValueError(
            f"{owner}: labels must be whole numbers from 0 to {n_out - 1}; "
            f"the {split} split has others"
        )
    group = np.zeros(len(x), np.int32) if group is None else group
    return Table(
        x=jnp.asarray(x, dtype=float) if x.dtype.kind == "f" else jnp.asarray(x),
        label=jnp.asarray(label.astype(np.int32)),
        group=jnp.asarray(group.astype(np.int32)),
    )


def size(tables: Tables, split: Split) -> int:
    """The number of samples of a split."""
    checks.known("split", split, tables)
    return tables[split].label.shape[0]


def pick(tables: Tables, split: Split, index: Int[Array, ""] | int) -> Table:
    """One sample of a split, without the leading axis."""
    checks.known("split", split, tables)
    table = tables[split]
    return Table(*(column[index % len(column)] for column in table))
