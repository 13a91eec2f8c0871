"""What is held out of training, to choose settings by."""

from abc import abstractmethod

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from onspike import checks
from onspike.tasks.base import Split

Labelled = tuple[ArrayLike, ArrayLike]  # samples, and a label for each


class AbstractHoldout(eqx.Module):
    """Which training recordings become the validation split."""

    @abstractmethod
    def held(self, labels: np.ndarray, speakers: np.ndarray | None) -> np.ndarray:
        """True for each recording that is held out of training."""


class RandomShare(AbstractHoldout):
    """The same share of every class, drawn at random, alike in every run.

    A share above 0 takes at least one recording of each class.

    Args:
        share: Part of the training recordings, 0 for no validation split.
        seed: Seed of the draw, apart from the run's seed.

    Raises:
        ValueError: If `share` is not between 0 and 1 or `seed` is negative.
    """

    share: float = eqx.field(static=True, default=0.1)
    seed: int = eqx.field(static=True, default=0)

    def __check_init__(self) -> None:
        checks.probability("RandomShare", share=self.share)
        checks.at_least("RandomShare", "seeds", 0, seed=self.seed)

    def held(self, labels, speakers):
        random = np.random.RandomState(self.seed)
        held = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            members = random.permutation(np.flatnonzero(labels == label))
            most = max(1, round(self.share * len(members))) if self.share else 0
            held[members[:most]] = True
        return held


class HeldOutSpeakers(AbstractHoldout):
    """All recordings of some speakers, so that validation asks for new voices.

    Args:
        speakers: Their numbers, as in the file.

    Raises:
        ValueError: If `speakers` is empty; from the task, if its training data do not
            say who speaks, as arrays never do, or one of them does not occur in them.
    """

    speakers: tuple[int, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not self.speakers:
            raise ValueError("HeldOutSpeakers.speakers must name at least one speaker")

    def held(self, labels, speakers):
        if speakers is None:
            raise ValueError(
                "HeldOutSpeakers needs to know who speaks, which a file says in its "
                "dataset 'extra/speaker' and arrays cannot say; use RandomShare instead"
            )
        missing = sorted(set(self.speakers) - set(speakers.tolist()))
        if missing:
            raise ValueError(
                f"HeldOutSpeakers.speakers must occur in the training file, which has "
                f"{np.unique(speakers).tolist()}; got {missing[0]}"
            )
        return np.isin(speakers, self.speakers)


def divided(
    owner: str, train: Labelled, test: Labelled, validation: AbstractHoldout | Labelled
) -> tuple[dict[Split, tuple[np.ndarray, np.ndarray]], int]:
    """Samples and labels by split, as arrays, and the number of classes.

    Raises:
        ValueError: If samples and labels do not fit, labels leave a gap, or validation
            takes all samples of a class.
    """
    x, labels = _arrays(train)
    if labels.ndim != 1 or len(x) != len(labels) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{owner}.train must have one whole number per sample as its label; got "
            f"{len(x)} samples and labels of shape {labels.shape}, type {labels.dtype}"
        )
    found = np.unique(labels)
    if len(found) < 2 or not np.array_equal(found, np.arange(len(found))):
        raise ValueError(
            f"{owner}.train must have the labels 0, 1, 2 and so on without a gap; got "
            f"{found[:20].tolist()}"
        )
    parts: dict[Split, tuple[np.ndarray, np.ndarray]]
    parts = {"train": (x, labels), "test": _arrays(test)}
    if not isinstance(validation, AbstractHoldout):
        return {**parts, "validation": _arrays(validation)}, len(found)
    held = validation.held(labels, None)
    check_left(owner, labels, held)
    parts["train"] = x[~held], labels[~held]
    return {**parts, "validation": (x[held], labels[held])}, len(found)


def check_left(owner: str, labels: np.ndarray, held: np.ndarray) -> None:
    """Raises ValueError if all samples of a class are held out of training."""
    every = np.bincount(labels)
    left = np.bincount(labels[~held], minlength=len(every))
    if not left.all():
        none = int(np.argmin(left))
        raise ValueError(
            f"{owner}.validation must leave some samples of each class for training; "
            f"none is left of the {every[none]} of class {none}"
        )


def _arrays(data: Labelled) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(data[0]), np.asarray(data[1])
