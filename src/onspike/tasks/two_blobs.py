"""Two blobs in a plane: the task that a single layer must be able to learn."""

import functools

import equinox as eqx
import numpy as np

from onspike import checks
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import draws, tables
from onspike.tasks.base import Split
from onspike.tasks.coded import AbstractCoded, coded
from onspike.tasks.codes import AbstractCode, Poisson

_CENTRES = np.array([[0.35, 0.65], [0.65, 0.35]])
_SEEDS: dict[Split, int] = {"train": 42, "validation": 41, "test": 40}


@functools.lru_cache(maxsize=16)
def blobs(size: int, seed: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Features (x, y, 1 - x, 1 - y), clipped to the unit square, and labels."""
    random = np.random.RandomState(seed)
    labels = random.randint(2, size=size).astype(np.int32)
    points = _CENTRES[labels] + spread * random.randn(size, 2)
    points = np.clip(points, 0.0, 1.0)
    features = np.concatenate([points, 1.0 - points], axis=1)
    features.flags.writeable = labels.flags.writeable = False  # they are shared
    return features, labels


class TwoBlobs(AbstractCoded):
    """Tell two round blobs in the unit square apart.

    Their centres are (0.35, 0.65) and (0.65, 0.35). With the default spread no
    classifier of the features errs on fewer than 0.4 percent. The points are the same
    in every run; the run's key draws only what the code draws.

    Args:
        code: How the features (x, y, 1 - x, 1 - y) become input.
        ticks: Length of a sample.
        dt: Length of a tick, in seconds.
        window: Time at the end of a sample in which the target is valid, in seconds;
            None for the whole sample.
        spread: Standard deviation of a blob, in sides of the square.
        train_samples: Size of the training split.
        validation_samples: Size of the validation split.
        test_samples: Size of the test split.
        fresh: Whether training is to draw new spikes for its points in every epoch.
        loss: What is to become small.

    Raises:
        ValueError: If a size, a time or the spread is out of its range.

    Source: made so that the binary task of Saponati et al. 2026, arXiv 2602.13261, has
        a known ceiling.
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
        code: AbstractCode = Poisson(rate=100.0, n=10),
        ticks: int = 200,
        dt: float = 1e-3,
        window: float | None = None,
        spread: float = 0.08,
        train_samples: int = 300,
        validation_samples: int = 300,
        test_samples: int = 1000,
        fresh: bool = True,
        loss: AbstractLoss = CrossEntropy(),
    ) -> None:
        checks.positive("TwoBlobs", "sides of the square", spread=spread)
        draws.check_sizes("TwoBlobs", train_samples, validation_samples, test_samples)
        self.code, self.ticks, self.dt = code, ticks, dt
        self.window, self.fresh, self.loss = window, fresh, loss
        sizes: dict[Split, int] = {
            "train": train_samples,
            "validation": validation_samples,
            "test": test_samples,
        }
        splits: dict[Split, tuple[np.ndarray, np.ndarray]]
        splits = {s: blobs(n, _SEEDS[s], float(spread)) for s, n in sizes.items()}
        self.splits = coded("TwoBlobs", 2, splits)

    @property
    def n_out(self) -> int:
        return 2
