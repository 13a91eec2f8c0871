"""Spoken digits as cochlear spikes, read from files in the Heidelberg layout."""

import warnings
from abc import abstractmethod
from os import PathLike
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Num, Shaped

from onspike import checks
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import draws, tables, timing
from onspike.tasks.augment import Warp
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.tasks.heidelberg import (
    OWNER,
    Binning,
    Recordings,
    check_classes,
    check_labels,
    only,
    read,
)
from onspike.tasks.holdout import AbstractHoldout, RandomShare, check_left
from onspike.types import Key, Scalar

_TOLERATED_LOSS = 0.01


class AbstractAmplitude(eqx.Module):
    """How the number of spikes in a bin becomes an input."""

    @abstractmethod
    def __call__(self, counts: Num[Array, "*n"]) -> Float[Array, "*n"]:
        """The input, of the same shape as the counts."""


class Counts(AbstractAmplitude):
    """The count itself, or the count up to a limit.

    Args:
        gain: Input for one spike, in threshold units per tick.
        limit: Largest count that is told from larger ones; None for no limit.

    Raises:
        ValueError: If `gain` is not finite or `limit` is not positive.
    """

    gain: Scalar = 1.0
    limit: Scalar | None = None

    def __check_init__(self) -> None:
        checks.finite("Counts", "threshold units per tick", gain=self.gain)
        if self.limit is not None:
            checks.positive("Counts", "spikes", limit=self.limit)

    def __call__(self, counts):
        x = counts.astype(float)
        return self.gain * (x if self.limit is None else jnp.minimum(x, self.limit))


class SquareRoot(AbstractAmplitude):
    """The square root of the count, which makes the noise of all counts alike.

    Args:
        gain: Input for one spike, in threshold units per tick.

    Raises:
        ValueError: If `gain` is not finite.
    """

    gain: Scalar = 1.0

    def __check_init__(self) -> None:
        checks.finite("SquareRoot", "threshold units per tick", gain=self.gain)

    def __call__(self, counts):
        return self.gain * jnp.sqrt(counts.astype(float))


class Binary(AbstractAmplitude):
    """One spike for one or more."""

    def __call__(self, counts):
        return counts > 0


class SpokenDigits(AbstractTask):
    """Name the spoken word in the spikes of a cochlea model.

    Reads any two HDF5 files in the layout of the Spiking Heidelberg Digits:
    `spikes/times` (seconds) and `spikes/units`, one variable-length list for each
    recording, `labels`, and where there is one `extra/speaker`, by which the strata
    are formed. Spikes are counted in bins of one tick and `n_units / channels`
    neighbouring units; a count becomes one graded input. The counts are kept, one
    byte each: recordings x `ticks` x `channels`.

    Later spikes than `ticks * dt` are dropped; `dropped` is their share.

    Args:
        train: Path of the file for training and validation.
        test: Path of the file for testing.
        ticks: Length of a sample.
        dt: Length of a tick, which is the time bin, in seconds.
        channels: Inputs; a divisor of `n_units`.
        n_units: Units of the files.
        classes: Labels that are asked for, in the order of the outputs; empty for all.
        amplitude: How a count becomes an input: `SquareRoot()`, `Counts()` or
            `Binary()`.
        validation: What is held out of training: `RandomShare()` or
            `HeldOutSpeakers()`.
        augment: How training samples vary from epoch to epoch; None to leave them.
        window: Time at the end of a sample in which the target is valid, in seconds;
            None for the whole sample.
        loss: What is to become small.

    Raises:
        ValueError: If a size or time is out of its range; if a file is missing,
            damaged, in another layout, without spikes, or has units, times, labels
            or speakers that cannot be; if `classes` names one that is not there;
            if validation takes all recordings of a class.

    Warns:
        UserWarning: If more than one spike in a hundred is dropped.

    Source: Cramer et al. 2022, doi:10.1109/TNNLS.2020.3044364.
    """

    ticks: int = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    channels: int = eqx.field(static=True)
    n_classes: int = eqx.field(static=True)
    amplitude: AbstractAmplitude
    augment: Warp | None
    window: float | None = eqx.field(static=True)
    loss: AbstractLoss
    dropped: float = eqx.field(static=True)
    speakers: tuple[int, ...] = eqx.field(static=True)  # by stratum; empty if unknown
    splits: tables.Tables

    def __init__(
        self,
        train: str | PathLike[str],
        test: str | PathLike[str],
        ticks: int = 100,
        dt: float = 10e-3,
        channels: int = 70,
        n_units: int = 700,
        classes: tuple[int, ...] = (),
        amplitude: AbstractAmplitude = SquareRoot(),
        validation: AbstractHoldout = RandomShare(0.1),
        augment: Warp | None = Warp(),
        window: float | None = None,
        loss: AbstractLoss = CrossEntropy(),
    ) -> None:
        checks.positive(OWNER, "seconds", dt=dt)
        checks.at_least(OWNER, "ticks", 1, ticks=ticks)
        checks.at_least(OWNER, "units", 1, n_units=n_units)
        checks.at_least(OWNER, "inputs", 1, channels=channels)
        timing.check_window(OWNER, window, ticks, dt)
        if n_units % channels:
            raise ValueError(
                f"{OWNER}.channels must divide n_units = {n_units}; got {channels}"
            )
        binning = Binning(ticks=ticks, dt=dt, channels=channels, n_units=n_units)
        heard, unheard = read(train, binning), read(test, binning)
        n_classes = check_labels(heard, unheard, (Path(train), Path(test)))
        if classes:
            check_classes(classes, n_classes)
            heard, unheard = only(heard, classes), only(unheard, classes)
            n_classes = len(classes)
        held = validation.held(heard.labels, heard.speakers)
        check_left(OWNER, heard.labels, held)
        late = (heard.late + unheard.late) / (heard.spikes + unheard.spikes)
        if late > _TOLERATED_LOSS:
            warnings.warn(
                f"{OWNER}: {late:.1%} of the spikes come after ticks * dt = "
                f"{ticks * dt:g} seconds and are dropped; raise ticks to keep them",
                stacklevel=2,
            )
        self.ticks, self.dt, self.window = ticks, dt, window
        self.channels, self.n_classes = channels, n_classes
        self.amplitude, self.loss, self.dropped = amplitude, loss, late
        self.augment = augment
        self.speakers = _speakers(heard, unheard)
        members = {
            "train": (heard, ~held),
            "validation": (heard, held),
            "test": (unheard, np.ones(len(unheard.labels), bool)),
        }
        self.splits = {
            split: self._table(split, source, which)
            for split, (source, which) in members.items()
        }

    def _table(self, split, source: Recordings, which: np.ndarray) -> tables.Table:
        group = np.zeros(len(which), np.int32)
        if self.speakers and source.speakers is not None:
            group = np.searchsorted(self.speakers, source.speakers)
        return tables.table(
            OWNER,
            split,
            source.counts[which],
            source.labels[which],
            self.n_classes,
            group[which],
        )

    @property
    def n_in(self) -> int:
        return self.channels

    @property
    def n_out(self) -> int:
        return self.n_classes

    @property
    def group_names(self) -> tuple[str, ...]:
        """The speakers' numbers."""
        return tuple(str(speaker) for speaker in self.speakers)

    def size(self, split: Split) -> int:
        return tables.size(self.splits, split)

    def episode(self, split: Split, index, key: Key) -> Episode:
        sample = tables.pick(self.splits, split, index)
        x = sample.x
        if self.augment is not None and split == "train":
            x = self.augment(x, draws.sample_key(key, split, index))
        return Episode(label=sample.label, group=sample.group, content=x)

    def block(self, episode: Episode, start, length: int) -> Shaped[Array, "length n"]:
        rows = timing.block_ticks(start, length)
        counts = jnp.take(episode.content, rows, axis=0, mode="fill", fill_value=0)
        return self.amplitude(counts)

    def mask(self) -> Bool[Array, " ticks"]:
        return timing.closing(self.ticks, self.window, self.dt)


def _speakers(train: Recordings, test: Recordings) -> tuple[int, ...]:
    if train.speakers is None or test.speakers is None:
        return ()
    return tuple(np.union1d(train.speakers, test.speakers).tolist())
