"""The Yin-Yang data set: points in a plane that need a hidden layer."""

import functools
import math

import equinox as eqx
import numpy as np

from onspike import checks
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import draws, tables
from onspike.tasks.base import Split
from onspike.tasks.coded import AbstractCoded, coded
from onspike.tasks.codes import AbstractCode, Rate

YANG, YIN, DOT = range(3)  # the numbers of the published generator
_SEEDS = {"train": 42, "validation": 41, "test": 40}


def region(x: float, y: float, r_small: float, r_big: float) -> int:
    """The class of a point of the disc: yang (0), yin (1) or dot (2)."""
    left = math.hypot(x - 0.5 * r_big, y - r_big)
    right = math.hypot(x - 1.5 * r_big, y - r_big)
    if left < r_small or right < r_small:
        return DOT
    upper = y > r_big and right > 0.5 * r_big
    return YIN if upper or left <= 0.5 * r_big else YANG


@functools.lru_cache(maxsize=16)
def points(
    size: int, seed: int, r_small: float, r_big: float
) -> tuple[np.ndarray, np.ndarray]:
    """Features (x, y, 1 - x, 1 - y) and labels of one split.

    A class is drawn first, and then points of the square around the disc until one
    lies in the disc and in that class.
    """
    random = np.random.RandomState(seed)
    features, labels = np.empty((size, 4)), np.empty(size, np.int32)
    for sample in range(size):
        labels[sample] = random.randint(3)
        while True:
            x, y = (random.rand(2) * 2.0 * r_big).tolist()
            inside = math.hypot(x - r_big, y - r_big) <= r_big
            if inside and region(x, y, r_small, r_big) == labels[sample]:
                break
        features[sample] = x, y, 1.0 - x, 1.0 - y
    features.flags.writeable = labels.flags.writeable = False  # they are shared
    return features, labels


class YinYang(AbstractCoded):
    """Tell yin, yang and dot apart, from a point of the Yin-Yang symbol.

    Four features, (x, y, 1 - x, 1 - y), go through a code. A linear classifier
    gets about 64 percent, one on a random hidden layer 86, a trained network 98:
    the task shows whether hidden neurons learn. The points are the same in every
    run (seeds 42, 41 and 40); the run's key draws only what the code draws.

    Args:
        code: How the features become input, `Rate()`, `Poisson()`, `Latency()` or
            another code.
        ticks: Length of a sample.
        dt: Length of a tick, in seconds.
        window: Time at the end of a sample in which the target is valid, in seconds;
            None for the whole sample.
        r_small: Radius of the dots; the plane is the unit square.
        r_big: Radius of the disc.
        train_samples: Size of the training split.
        validation_samples: Size of the validation split.
        test_samples: Size of the test split.
        fresh: Whether training is to draw new spikes for its points in every epoch.
        loss: What is to become small.

    Raises:
        ValueError: If a size, a time or a radius is out of its range, or the code
            does not fit into `ticks`.

    Source: Kriener, Goeltz and Petrovici 2022, doi:10.1145/3517343.3517380,
    arXiv:2102.08211.
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
        code: AbstractCode = Rate(rate=100.0, n=5),
        ticks: int = 200,
        dt: float = 1e-3,
        window: float | None = None,
        r_small: float = 0.1,
        r_big: float = 0.5,
        train_samples: int = 5000,
        validation_samples: int = 1000,
        test_samples: int = 1000,
        fresh: bool = True,
        loss: AbstractLoss = CrossEntropy(),
    ) -> None:
        checks.positive("YinYang", "unit squares", r_small=r_small, r_big=r_big)
        if not r_big <= 0.5:
            raise ValueError(
                f"YinYang.r_big must be at most 0.5, so that the disc fits into the "
                f"unit square; got {r_big}"
            )
        if not 0.02 * r_big <= r_small < 0.5 * r_big:
            raise ValueError(
                f"YinYang.r_small must lie between r_big / 50 = {0.02 * r_big:g} and "
                f"r_big / 2 = {0.5 * r_big:g}, so that every class is found; "
                f"got {r_small}"
            )
        draws.check_sizes("YinYang", train_samples, validation_samples, test_samples)
        self.code, self.ticks, self.dt = code, ticks, dt
        self.window, self.fresh, self.loss = window, fresh, loss
        sizes: dict[Split, int] = {
            "train": train_samples,
            "validation": validation_samples,
            "test": test_samples,
        }
        self.splits = coded(
            "YinYang",
            3,
            {s: points(n, _SEEDS[s], r_small, r_big) for s, n in sizes.items()},
        )

    @property
    def n_out(self) -> int:
        return 3
