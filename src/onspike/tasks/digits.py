"""Handwritten digits of 8 x 8 pixels, bundled with scikit-learn."""

import functools

import equinox as eqx
import numpy as np

from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import tables
from onspike.tasks.base import Split
from onspike.tasks.coded import AbstractCoded, coded
from onspike.tasks.codes import AbstractCode, Rate

_PIXELS = 64
_BRIGHTEST = 16.0
_SPLIT_SEED = 0


@functools.cache
def _scans() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits  # slow to import

    pixels, labels = load_digits(return_X_y=True)
    return np.asarray(pixels) / _BRIGHTEST, np.asarray(labels)


@functools.cache
def _members() -> dict[Split, np.ndarray]:
    """The scans of each split; both held-out ones get a fifth of every class."""
    random = np.random.RandomState(_SPLIT_SEED)
    _, labels = _scans()
    parts: dict[Split, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for label in range(10):
        members = random.permutation(np.flatnonzero(labels == label))
        held = round(len(members) / 5)
        parts["test"].append(members[:held])
        parts["validation"].append(members[held : 2 * held])
        parts["train"].append(members[2 * held :])
    return {split: random.permutation(np.concatenate(parts[split])) for split in parts}


class Digits(AbstractCoded):
    """Name the digit in a scan of 8 x 8 pixels.

    The 1797 scans are split once and for all, each class in the same shares: 1079
    for training, 359 for validation, 359 for testing. The run's key draws only what
    the code draws. A random hidden layer does nearly as well as a trained one (97
    against 99 percent), so the task tests readouts and devices, not hidden credit.

    Args:
        code: How the 64 pixels, from 0 to 1, become input: `Rate()`, `Poisson()`,
            `Latency()`, `Graded()` for constant values, or another code.
        ticks: Length of a sample.
        dt: Length of a tick, in seconds.
        window: Time at the end of a sample in which the target is valid, in seconds;
            None for the whole sample.
        fresh: Whether training is to draw new spikes for its scans in every epoch.
        loss: What is to become small.

    Raises:
        ValueError: If a time is out of its range, or the code does not fit into
            `ticks`.

    Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49 (test part), as bundled with
    scikit-learn.
    """

    code: AbstractCode
    ticks: int = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    window: float | None = eqx.field(static=True)
    fresh: bool = eqx.field(static=True)
    loss: AbstractLoss
    splits: tables.Tables

    def __init__(
        self,
        code: AbstractCode = Rate(rate=200.0, n=1),
        ticks: int = 50,
        dt: float = 1e-3,
        window: float | None = None,
        fresh: bool = True,
        loss: AbstractLoss = CrossEntropy(),
    ) -> None:
        self.code, self.ticks, self.dt = code, ticks, dt
        self.window, self.fresh, self.loss = window, fresh, loss
        pixels, labels = _scans()
        parts: dict[Split, tuple[np.ndarray, np.ndarray]]
        parts = {s: (pixels[part], labels[part]) for s, part in _members().items()}
        self.splits = coded("Digits", 10, parts)

    @property
    def n_out(self) -> int:
        return 10
