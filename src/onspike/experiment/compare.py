"""Comparison: rules x devices, seeds side by side, one table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tomli_w

from onspike.experiment import runs
from onspike.experiment.measure import COMPUTES
from onspike.experiment.spec import Spec, device_of, kind_of, resolve
from onspike.experiment.store import RunFolder, vacant, write_json, write_text

Listen = Callable[[str, runs.Progress], None]


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is compared: `compare.toml`. The rest is in the run folders."""

    task: str
    rules: tuple[str, ...]
    devices: tuple[str, ...]  # none: each rule's own
    seeds: tuple[int, ...]

    def cells(self) -> list[tuple[str, str]]:
        """Rule and device of each."""
        return [
            (rule, device)
            for rule in self.rules
            for device in self.devices or (device_of(rule),)
        ]

    def folders(self, out: Path, cell: tuple[str, str]) -> list[Path]:
        """The run folders of a cell, one per seed."""
        return [out / _name(cell) / f"seed-{seed}" for seed in self.seeds]


def compare(
    task: str,
    *,
    rules: Sequence[str],
    devices: Sequence[str] | None = None,
    seeds: Sequence[int],
    out: Path,
    neuron: str | None = None,
    settings: Mapping[str, Any] | None = None,
    listen: Listen | None = None,
) -> dict[str, Any]:
    """Trains every rule on every device; the seeds of a cell are one program.

    Args:
        task: Catalogue name.
        rules: Catalogue names.
        devices: Catalogue names; by default each rule's own.
        seeds: The seeds of every cell.
        out: Folder of the comparison; new or empty.
        neuron: Catalogue name; by default the recipe's.
        settings: Values by "section.option", for every cell that has the option.
        listen: Called with the cell's name and its progress.

    Returns:
        The content of `compare.json`.

    Raises:
        ValueError: If a name or an option is not usable; nothing is written.
        Stopped: If SIGINT or SIGTERM asked for it; `resume` goes on.
    """
    vacant(out)
    for what, given in (("rules", rules), ("devices", devices), ("seeds", seeds)):
        if given is None:
            continue
        if not given or len(set(given)) < len(given):
            raise ValueError(
                f"--{what} must name at least one, and none twice; got {list(given)}"
            )
    grid = Grid(task, tuple(rules), tuple(devices or ()), tuple(seeds))
    cells = grid.cells()
    specs = {
        cell: [_spec(task, cell, neuron, seed, settings or {}, cells) for seed in seeds]
        for cell in cells
    }
    runs.check(first for first, *_ in specs.values())
    for cell, each in specs.items():
        for folder, spec in zip(grid.folders(out, cell), each, strict=True):
            RunFolder(folder).create(spec)
    write_text(out / "compare.toml", tomli_w.dumps(msgspec.to_builtins(grid)))
    return resume(out, listen)


def resume(out: Path, listen: Listen | None = None) -> dict[str, Any]:
    """Goes on with a comparison, wherever it was stopped.

    Raises:
        ValueError: If `compare.toml` or a checkpoint is not usable.
        Stopped: As for `compare`.
    """
    path = out / "compare.toml"
    try:
        grid = msgspec.toml.decode(path.read_bytes(), type=Grid)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"'{path}' cannot be read: {error}") from None
    cells, asked = [], grid.cells()
    for number, cell in enumerate(asked, 1):
        part = number, len(asked)
        hear = None if listen is None else _for_cell(listen, _name(cell), part)
        folders = grid.folders(out, cell)
        cells.append(_cell(cell, runs.resume_all(folders, hear, tolerant=True)))
    found = {**msgspec.to_builtins(grid), "cells": cells}
    write_json(out / "compare.json", found)
    return found


def _spec(
    task: str,
    cell: tuple[str, str],
    neuron: str | None,
    seed: int,
    settings: Mapping[str, Any],
    cells: Sequence[tuple[str, str]],
) -> Spec:
    """A cell's specification. A setting must fit some cell; the others ignore it."""
    rule, device = cell
    elsewhere = set().union(*map(_options, cells)) - _options(cell)
    fitting = {path: v for path, v in settings.items() if path not in elsewhere}
    return resolve(
        task, rule=rule, neuron=neuron, device=device, seed=seed, settings=fitting
    )


def _options(cell: tuple[str, str]) -> set[str]:
    return {
        f"{section}.{option}"
        for section, name in zip(("rule", "device"), cell, strict=True)
        for option in kind_of(section, name).__struct_fields__
    }


def _name(cell: tuple[str, str]) -> str:
    return "-".join(cell).replace(":", ".")  # of names of the user's own


def _for_cell(listen: Listen, name: str, part: tuple[int, int]) -> runs.Listen:
    return lambda progress: listen(name, progress._replace(part=part))


def _cell(cell: tuple[str, str], results: list[dict]) -> dict[str, Any]:
    """One cell over its seeds: accuracy and costs of those that compute."""
    accuracies = [result["test_accuracy"] for result in results]
    conditions = [result["condition"] for result in results]
    known = {
        "rule": cell[0],
        "device": cell[1],
        "folder": _name(cell),
        "conditions": conditions,
        "test_accuracies": accuracies,
        # Nothing is worse than a seed that diverged, and that has no accuracy.
        "min": None if "diverged" in conditions else min(accuracies),
    }
    told = [result for result in results if result["condition"] in COMPUTES]
    return known | (_means(told) if told else {})


def _means(results: list[dict]) -> dict[str, Any]:
    """Accuracy, and what learning and inference took for it."""

    def mean(key: str) -> float:
        return float(np.mean([result[key] for result in results]))

    several = [result["test_accuracy"] for result in results]
    memory = results[0]["memory"]
    return {
        "mean": mean("test_accuracy"),
        "spread": float(np.std(several, ddof=1)) if len(several) > 1 else 0.0,
        "while_learning": mean("accuracy_while_learning"),
        "learning_overhead": memory["learning_overhead"],
        "memory_bits": sum(
            memory[part] for part in ("weights", "neuron_state", "learning_state")
        ),
        "spikes_per_sample": mean("spikes_per_sample"),
        "weight_writes_per_sample": mean("weight_writes_per_sample"),
        "baselines": {
            name: float(np.mean([result["baselines"][name] for result in results]))
            for name in results[0]["baselines"]
        },
    }
