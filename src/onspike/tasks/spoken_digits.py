"""Spoken digits as cochlear spikes, read from files in the Heidelberg layout."""

import math
import warnings
from abc import abstractmethod
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import h5py
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Num, UInt8

from onspike import checks
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import draws, tables, timing
from onspike.tasks.augment import Warp
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.types import Key, Scalar

_OWNER = "SpokenDigits"
_CHUNK = 256  # recordings binned at once, so that memory stays small
_LARGEST_COUNT = 255
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
        return (counts > 0).astype(float)


class AbstractHoldout(eqx.Module):
    """Which training recordings become the validation split."""

    @abstractmethod
    def held(self, labels: np.ndarray, speakers: np.ndarray | None) -> np.ndarray:
        """True for each recording that is held out of training."""


class RandomShare(AbstractHoldout):
    """The same share of every class, drawn at random, alike in every run.

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
            held[members[: round(self.share * len(members))]] = True
        return held


class HeldOutSpeakers(AbstractHoldout):
    """All recordings of some speakers, so that validation asks for new voices.

    Args:
        speakers: Their numbers, as in the file.

    Raises:
        ValueError: If `speakers` is empty; from the task, if the training file does
            not say who speaks or one of them does not occur in it.
    """

    speakers: tuple[int, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        if not self.speakers:
            raise ValueError("HeldOutSpeakers.speakers must name at least one speaker")

    def held(self, labels, speakers):
        if speakers is None:
            raise ValueError(
                "HeldOutSpeakers needs the dataset 'extra/speaker' in the training "
                "file; use RandomShare instead"
            )
        missing = sorted(set(self.speakers) - set(speakers.tolist()))
        if missing:
            raise ValueError(
                f"HeldOutSpeakers.speakers must occur in the training file, which has "
                f"{np.unique(speakers).tolist()}; got {missing[0]}"
            )
        return np.isin(speakers, self.speakers)


class _Binning(NamedTuple):
    """How spikes are counted."""

    ticks: int
    dt: float
    channels: int
    n_units: int


class _Recordings(NamedTuple):
    """One file, binned."""

    counts: UInt8[np.ndarray, "n ticks channels"]
    labels: np.ndarray
    speakers: np.ndarray | None
    spikes: int
    late: int  # spikes after the last bin


def _dataset(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(
            f"{path}: dataset '{name}' is missing; the Heidelberg layout has "
            f"'spikes/times', 'spikes/units' and 'labels'"
        )
    return dataset


def _ragged(file: h5py.File, path: Path, name: str, numbers: str) -> h5py.Dataset:
    kinds = {"floating-point": "f", "whole": "iu"}[numbers]
    dataset = _dataset(file, path, name)
    element = h5py.check_vlen_dtype(dataset.dtype)
    if not isinstance(element, np.dtype) or element.kind not in kinds:
        raise ValueError(
            f"{path}: '{name}' must hold one variable-length list of {numbers} "
            f"numbers per recording; got type {element or dataset.dtype}"
        )
    return dataset


def _whole(file: h5py.File, path: Path, name: str, n: int) -> np.ndarray:
    dataset = _dataset(file, path, name)
    if dataset.shape != (n,) or dataset.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: '{name}' must hold one whole number for each of the {n} "
            f"recordings; got shape {dataset.shape} of type {dataset.dtype}"
        )
    return dataset[:].astype(np.int64)


def _counts(
    path: Path,
    times: np.ndarray,
    units: np.ndarray,
    first: int,
    binning: _Binning,
) -> tuple[np.ndarray, int, int]:
    """Counts of a few recordings; how many spikes there are, and come too late."""
    lengths = np.array([len(row) for row in times])
    odd = np.flatnonzero(lengths != np.array([len(row) for row in units]))
    if len(odd):
        raise ValueError(
            f"{path}: recording {first + odd[0]} has {lengths[odd[0]]} spike times "
            f"but {len(units[odd[0]])} units; write the file again"
        )
    recording = np.repeat(np.arange(len(lengths)), lengths)
    # Files hold float16, in which any arithmetic on times would overflow or round.
    time = np.concatenate(times).astype(np.float64)
    unit = np.concatenate(units).astype(np.int64)
    bad = np.flatnonzero(~(np.isfinite(time) & (time >= 0)))
    if len(bad):
        raise ValueError(
            f"{path}: spike times must be finite and not negative, in seconds; "
            f"recording {first + recording[bad[0]]} has {time[bad[0]]}"
        )
    bad = np.flatnonzero((unit < 0) | (unit >= binning.n_units))
    if len(bad):
        raise ValueError(
            f"{path}: units must lie between 0 and n_units - 1 = "
            f"{binning.n_units - 1}; recording {first + recording[bad[0]]} has "
            f"{unit[bad[0]]}: set n_units to what the file has"
        )
    tick = time / binning.dt
    kept = tick < binning.ticks
    row = recording[kept] * binning.ticks + tick[kept].astype(np.int64)
    channel = unit[kept] * binning.channels // binning.n_units
    shape = (len(lengths), binning.ticks, binning.channels)
    counts = np.bincount(row * binning.channels + channel, minlength=math.prod(shape))
    if counts.max(initial=0) > _LARGEST_COUNT:
        raise ValueError(
            f"{path}: a bin holds {counts.max()} spikes, and {_LARGEST_COUNT} is the "
            f"most that is stored; use a smaller dt or more channels"
        )
    late = len(time) - int(np.count_nonzero(kept))
    return counts.astype(np.uint8).reshape(shape), len(time), late


def _recordings(file: h5py.File, path: Path, binning: _Binning) -> _Recordings:
    times = _ragged(file, path, "spikes/times", "floating-point")
    units = _ragged(file, path, "spikes/units", "whole")
    n = times.shape[0]
    if units.shape[0] != n:
        raise ValueError(
            f"{path}: 'spikes/times' has {n} recordings but 'spikes/units' has "
            f"{units.shape[0]}; write the file again"
        )
    labels = _whole(file, path, "labels", n)
    speakers = (
        _whole(file, path, "extra/speaker", n) if "extra/speaker" in file else None
    )
    counts = np.zeros((n, binning.ticks, binning.channels), np.uint8)
    spikes = late = 0
    for first in range(0, n, _CHUNK):
        part = slice(first, first + _CHUNK)
        counts[part], some, too_late = _counts(
            path, times[part], units[part], first, binning
        )
        spikes, late = spikes + some, late + too_late
    if spikes == 0:
        raise ValueError(f"{path}: no spikes in any of its {n} recordings")
    if late == spikes:
        raise ValueError(
            f"{path}: every spike comes after ticks * dt = "
            f"{binning.ticks * binning.dt:g} seconds; are the times in seconds?"
        )
    return _Recordings(counts, labels, speakers, spikes, late)


def _read(path: str | PathLike[str], binning: _Binning) -> _Recordings:
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; give the path of an HDF5 file in the Heidelberg "
            f"layout"
        )
    try:
        with h5py.File(path, "r") as file:
            return _recordings(file, path, binning)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{path}: cannot be read as HDF5, so it is damaged, cut off or of another "
            f"format; fetch it again ({reason})"
        ) from error


def _check_labels(
    train: _Recordings, test: _Recordings, names: tuple[Path, Path]
) -> int:
    """The number of classes."""
    found = np.unique(train.labels)
    if not np.array_equal(found, np.arange(len(found))):
        raise ValueError(
            f"{names[0]}: labels must be 0, 1, 2 and so on without a gap; got "
            f"{found[:20].tolist()}"
        )
    strange = np.setdiff1d(test.labels, found)
    if len(strange):
        raise ValueError(
            f"{names[1]}: labels must be 0 to {len(found) - 1} as in the training "
            f"file; got {strange[0]}"
        )
    return len(found)


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
            or speakers that cannot be; if validation takes all recordings of a class.

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
        amplitude: AbstractAmplitude = SquareRoot(),
        validation: AbstractHoldout = RandomShare(0.1),
        augment: Warp | None = Warp(),
        window: float | None = None,
        loss: AbstractLoss = CrossEntropy(),
    ) -> None:
        checks.positive(_OWNER, "seconds", dt=dt)
        checks.at_least(_OWNER, "ticks", 1, ticks=ticks)
        checks.at_least(_OWNER, "units", 1, n_units=n_units)
        checks.at_least(_OWNER, "inputs", 1, channels=channels)
        timing.check_window(_OWNER, window, ticks, dt)
        if n_units % channels:
            raise ValueError(
                f"{_OWNER}.channels must divide n_units = {n_units}; got {channels}"
            )
        binning = _Binning(ticks=ticks, dt=dt, channels=channels, n_units=n_units)
        heard, unheard = _read(train, binning), _read(test, binning)
        n_classes = _check_labels(heard, unheard, (Path(train), Path(test)))
        held = validation.held(heard.labels, heard.speakers)
        left = np.bincount(heard.labels[~held], minlength=n_classes)
        if not left.all():
            raise ValueError(
                f"{_OWNER}.validation must leave some recordings of each class for "
                f"training; none is left of class {int(np.argmin(left))}"
            )
        late = (heard.late + unheard.late) / (heard.spikes + unheard.spikes)
        if late > _TOLERATED_LOSS:
            warnings.warn(
                f"{_OWNER}: {late:.1%} of the spikes come after ticks * dt = "
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

    def _table(self, split, source: _Recordings, which: np.ndarray) -> tables.Table:
        group = np.zeros(len(which), np.int32)
        if self.speakers and source.speakers is not None:
            group = np.searchsorted(self.speakers, source.speakers)
        return tables.table(
            _OWNER,
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

    def block(self, episode: Episode, start, length: int) -> Float[Array, "length n"]:
        rows = timing.block_ticks(start, length)
        counts = jnp.take(episode.content, rows, axis=0, mode="fill", fill_value=0)
        return self.amplitude(counts)

    def mask(self) -> Bool[Array, " ticks"]:
        return timing.closing(self.ticks, self.window, self.dt)


def _speakers(train: _Recordings, test: _Recordings) -> tuple[int, ...]:
    if train.speakers is None or test.speakers is None:
        return ()
    return tuple(np.union1d(train.speakers, test.speakers).tolist())
