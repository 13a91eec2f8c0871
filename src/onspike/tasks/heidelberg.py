"""Recordings of spikes in HDF5 files of the Heidelberg layout, counted in bins."""

import math
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike

OWNER = "SpokenDigits"  # the task that error messages name
_CHUNK = 256  # recordings binned at once, so that memory stays small
_LARGEST_COUNT = 255


class Binning(NamedTuple):
    """How spikes are counted."""

    ticks: int
    dt: float
    channels: int
    n_units: int


class Recordings(NamedTuple):
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
    binning: Binning,
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


def _recordings(file: h5py.File, path: Path, binning: Binning) -> Recordings:
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
    return Recordings(counts, labels, speakers, spikes, late)


def read(path: str | PathLike[str], binning: Binning) -> Recordings:
    """All recordings of a file, binned.

    Raises:
        ValueError: If it cannot be read, or holds what cannot be.
    """
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


def write_recordings(
    path: str | PathLike[str],
    recordings: Iterable[tuple[ArrayLike, ArrayLike]],
    labels: ArrayLike,
    speakers: ArrayLike | None = None,
) -> None:
    """Writes spikes as a file in the Heidelberg layout, which `SpokenDigits` reads.

    Args:
        path: Of a new HDF5 file; one that is there is not overwritten.
        recordings: A pair (times in seconds from 0, units from 0) for each.
        labels: The class of each, from 0.
        speakers: Who or what each is of, for accuracy by group; None if unknown.

    Raises:
        ValueError: If the file is there, or what it would hold cannot be.
    """
    path, pairs = Path(path), [(np.asarray(t), np.asarray(u)) for t, u in recordings]
    if path.exists():
        raise ValueError(f"{path} exists, and is not overwritten")
    for i, (times, units) in enumerate(pairs):
        if times.ndim != 1 or times.shape != units.shape:
            raise ValueError(
                f"recording {i} must have one unit for each time; got shapes "
                f"{times.shape} and {units.shape}"
            )
        if not np.all(np.isfinite(times) & (times >= 0)):
            raise ValueError(
                f"recording {i} must have times that are finite and not negative, in "
                f"seconds from its start"
            )
        if units.size and (units.dtype.kind not in "iu" or units.min() < 0):
            raise ValueError(f"recording {i} must have whole numbers from 0 as units")
    columns = {"labels": labels, "extra/speaker": speakers}
    columns = {name: np.asarray(a) for name, a in columns.items() if a is not None}
    for name, column in columns.items():
        if column.shape != (len(pairs),) or column.dtype.kind not in "iu":
            raise ValueError(
                f"'{name}' must be one whole number for each of the {len(pairs)} "
                f"recordings; got shape {column.shape} of type {column.dtype}"
            )
    with h5py.File(path, "w") as file:
        for k, (name, kind) in enumerate((("times", np.float64), ("units", np.int64))):
            rows = file.create_dataset(
                f"spikes/{name}", len(pairs), h5py.vlen_dtype(kind)
            )
            for i, pair in enumerate(pairs):
                rows[i] = pair[k].astype(kind)
        for name, column in columns.items():
            file.create_dataset(name, data=column)


def check_labels(train: Recordings, test: Recordings, names: tuple[Path, Path]) -> int:
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


def only(found: Recordings, classes: tuple[int, ...]) -> Recordings:
    """Recordings of these classes, numbered anew in the order given."""
    kept = np.isin(found.labels, classes)
    order = np.argsort(classes)
    return found._replace(
        counts=found.counts[kept],
        labels=order[np.searchsorted(np.sort(classes), found.labels[kept])],
        speakers=None if found.speakers is None else found.speakers[kept],
    )


def check_classes(classes: tuple[int, ...], n_classes: int) -> None:
    """Raises ValueError unless these are some of the files' labels."""
    bad = [one for one in classes if not 0 <= one < n_classes]
    if bad:
        raise ValueError(
            f"{OWNER}.classes must be labels of the files, 0 to {n_classes - 1}; got "
            f"{bad[0]}"
        )
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ValueError(
            f"{OWNER}.classes must be two labels or more, each named once, or none "
            f"for all of them; got {list(classes)}"
        )
