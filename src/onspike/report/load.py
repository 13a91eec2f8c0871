"""A run folder, read as it is: what is missing stays `None`, and is said so."""

import json
import math
import tomllib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Record = dict[str, Any]  # an object of a JSON file

DAMAGED = (  # what a damaged archive raises, by what was hit
    OSError,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)

MOMENTS = ("before", "during", "after")  # of training
SAMPLES = ("sample", "sample2")
SAMPLE_KEYS = ("x", "y", "mask", "dt")
SYNAPSE_KEYS = ("projections", "populations", "synapses", "dt")


@dataclass(frozen=True)
class Run:
    """What a run folder holds."""

    folder: Path
    spec: Record
    spec_text: str
    environment: Record | None
    epochs: list[Record]  # the lines of metrics.jsonl
    changes: list[Record]  # of changes.jsonl: what was set while it went on
    result: Record | None
    samples: dict[str, dict[str, Arrays]]  # by moment, by sample
    weights: dict[str, Arrays]  # by moment
    die: Arrays | None
    synapse: Arrays | None
    problems: list[str]  # sentences: files that are there but cannot be read

    @property
    def last(self) -> Record:
        """The last epoch's metrics; empty before the first is over."""
        return self.epochs[-1] if self.epochs else {}

    @property
    def classes(self) -> int | None:
        """Number of classes, from the first file that tells; else `None`."""
        result = self.result or {}
        last = self.epochs[-1] if self.epochs else {}
        sample = next(
            (a for each in self.samples.values() for a in each.values()), None
        )
        counts = [
            len(result.get("confusion") or ()),
            len(result.get("answer_share") or ()),
            len(last.get("answer_share") or ()),
            sample["y"].shape[-1] if sample else 0,
        ]
        return next((n for n in counts if n > 1), None)

    @property
    def chance(self) -> float | None:
        """Accuracy of guessing, 1 / number of classes."""
        return 1 / self.classes if self.classes else None

    def name(self, part: str) -> str:
        """The catalogue name of the task, rule, neuron or device."""
        table = self.spec.get(part)
        named = table.get("name") if isinstance(table, dict) else table
        return str((self.result or {}).get(part) or named or "unnamed")


def number(value: Any) -> float:
    """A float, or NaN for whatever is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value)


def named(values: Any) -> dict[str, float]:
    """Numbers by name, from an object or from a list (named by position)."""
    if isinstance(values, Mapping):
        return {str(k): number(v) for k, v in values.items()}
    if isinstance(values, list):
        return {str(i): number(v) for i, v in enumerate(values)}
    return {}


def populations(records: list[Record]) -> list[str]:
    """Names of the populations whose rates the records hold, in order."""
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(table(record, "rates")))
    return list(names)


def table(record: Record | None, key: str) -> Record:
    """The object under `key`, empty if there is none."""
    value = (record or {}).get(key)
    return value if isinstance(value, dict) else {}


def _json(path: Path, problems: list[str]) -> Record | None:
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        problems.append(f"{path.name} cannot be read: {error}.")
        return None
    if not isinstance(value, dict):
        problems.append(f"{path.name} does not hold a JSON object.")
        return None
    return value


def _lines(path: Path, problems: list[str]) -> list[Record]:
    if not path.is_file():
        return []
    records = []
    text = path.read_text(encoding="utf-8", errors="replace")
    for place, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if isinstance(value, dict):
            records.append(value)
        else:
            problems.append(f"{path.name}, line {place}, cannot be read: left out.")
    return records


def _arrays(
    path: Path, problems: list[str], needs: tuple[str, ...] = ()
) -> Arrays | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except DAMAGED as error:
        problems.append(f"recordings/{path.name} cannot be read: {error}.")
        return None
    missing = [key for key in needs if key not in arrays]
    if missing:
        names = ", ".join(missing)
        problems.append(f"recordings/{path.name} lacks {names}: left out.")
        return None
    return arrays


def _samples(folder: Path, when: str, problems: list[str]) -> dict[str, Arrays]:
    found = {
        name: _arrays(folder / f"{name}_{when}.npz", problems, needs=SAMPLE_KEYS)
        for name in SAMPLES
    }
    return {name: arrays for name, arrays in found.items() if arrays is not None}


def read_run(folder: Path) -> Run:
    """Reads a run folder.

    Args:
        folder: What `onspike train` wrote.

    Returns:
        Its content; files that are missing or broken are `None`.

    Raises:
        ValueError: If this is no run folder: there is no readable `spec.toml`.
    """
    if not folder.is_dir():
        raise ValueError(
            f"no such folder: {folder}; give the folder that `onspike train` wrote"
        )
    spec_file = folder / "spec.toml"
    if not spec_file.is_file():
        if (folder / "compare.json").is_file():
            raise ValueError(
                f"{folder} is the folder of a comparison; give one of its run "
                "folders, or use report.write_comparison"
            )
        raise ValueError(
            f"{folder} is not a run folder, for it holds no spec.toml; "
            "give the folder that `onspike train` wrote"
        )
    try:
        spec_text = spec_file.read_text(encoding="utf-8")
        spec = tomllib.loads(spec_text)
    except ValueError as error:
        raise ValueError(
            f"{spec_file} is not valid TOML ({error}); restore it or train again"
        ) from None
    problems: list[str] = []
    recordings = folder / "recordings"
    return Run(
        folder=folder,
        spec=spec,
        spec_text=spec_text,
        environment=_json(folder / "environment.json", problems),
        epochs=_lines(folder / "metrics.jsonl", problems),
        changes=_lines(folder / "changes.jsonl", problems),
        result=_json(folder / "result.json", problems),
        samples={
            when: found
            for when in MOMENTS
            if (found := _samples(recordings, when, problems))
        },
        weights={
            when: arrays
            for when in MOMENTS
            if (arrays := _arrays(recordings / f"weights_{when}.npz", problems))
            is not None
        },
        die=_arrays(recordings / "die.npz", problems),
        synapse=_arrays(recordings / "synapse.npz", problems, needs=SYNAPSE_KEYS),
        problems=problems,
    )


@dataclass(frozen=True)
class Sweep:
    """What a sweep's folder holds."""

    folder: Path
    asked: Record  # sweep.toml
    rows: list[Record]  # the lines of trials.jsonl
    problems: list[str]  # as in `Run`

    @property
    def best(self) -> Record | None:
        """The trial with the highest score, the first of equals."""
        scored = [row for row in self.rows if math.isfinite(number(row.get("score")))]
        return max(scored, key=lambda row: row["score"], default=None)

    @property
    def options(self) -> list[str]:
        """What was searched."""
        return list(table(self.asked, "search"))


def read_sweep(folder: Path) -> Sweep:
    """Reads the folder of a sweep, finished or not.

    Args:
        folder: What `onspike sweep` wrote.

    Raises:
        ValueError: If this is not the folder of a sweep.
    """
    path = folder / "sweep.toml"
    if not path.is_file():
        raise ValueError(
            f"{folder} is not the folder of a sweep, for it holds no sweep.toml; give "
            "the folder that `onspike sweep` wrote"
        )
    try:
        asked = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is not valid TOML ({error}); restore it or sweep again"
        ) from None
    problems: list[str] = []
    rows = _lines(folder / "trials.jsonl", problems)
    return Sweep(folder=folder, asked=asked, rows=rows, problems=problems)


def read_comparison(folder: Path) -> Record:
    """Reads the `compare.json` of a comparison.

    Args:
        folder: What `onspike compare` wrote.

    Returns:
        Its content.

    Raises:
        ValueError: If this is not the folder of a comparison.
    """
    if not folder.is_dir():
        raise ValueError(
            f"no such folder: {folder}; give the folder that `onspike compare` wrote"
        )
    problems: list[str] = []
    compare = _json(folder / "compare.json", problems)
    if problems:
        raise ValueError(f"{folder}: {problems[0]} Run `onspike compare` again")
    if compare is None:
        raise ValueError(
            f"{folder} is not the folder of a comparison, for it holds no "
            "compare.json; give the folder that `onspike compare` wrote"
        )
    return compare
