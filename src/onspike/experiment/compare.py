"""Comparison: rules x devices, seeds side by side, one table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onspike.experiment import runs
from onspike.experiment.spec import Spec, kind_of, resolve
from onspike.experiment.store import vacant, write_json


def compare(
    task: str,
    *,
    rules: Sequence[str],
    devices: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    neuron: str | None = None,
    settings: Mapping[str, Any] | None = None,
    listen: Callable[[str, runs.Progress], None] | None = None,
) -> dict[str, Any]:
    """Trains every rule on every device; the seeds of a cell are one program.

    Args:
        task: Catalogue name.
        rules: Catalogue names.
        devices: Catalogue names.
        seeds: The seeds of every cell.
        out: Folder of the comparison; new or empty.
        neuron: Catalogue name; by default the recipe's.
        settings: Values by "section.option", for every cell that has the option.
        listen: Called with the cell's name and its progress.

    Returns:
        The content of `compare.json`.

    Raises:
        ValueError: If a name or an option is not usable; nothing is written.
    """
    vacant(out)
    for what, given in (("rules", rules), ("devices", devices), ("seeds", seeds)):
        if not given or len(set(given)) < len(given):
            raise ValueError(
                f"--{what} must name at least one, and none twice; got {list(given)}"
            )
    grid = [(rule, device) for rule in rules for device in devices]
    specs = {
        cell: [_spec(task, cell, neuron, seed, settings or {}, grid) for seed in seeds]
        for cell in grid
    }
    runs.check(first for first, *_ in specs.values())
    cells = []
    for rule, device in grid:
        name = f"{rule}-{device}"
        folders = [out / name / f"seed-{seed}" for seed in seeds]
        hear = None if listen is None else _for_cell(listen, name)
        results = runs.train(specs[rule, device], folders, hear)
        cells.append(_cell(rule, device, name, results))
    found = {
        "task": task,
        "rules": list(rules),
        "devices": list(devices),
        "seeds": list(seeds),
        "cells": cells,
    }
    write_json(out / "compare.json", found)
    return found


def _spec(
    task: str,
    cell: tuple[str, str],
    neuron: str | None,
    seed: int,
    settings: Mapping[str, Any],
    grid: Sequence[tuple[str, str]],
) -> Spec:
    """A cell's specification. A setting must fit some cell; the others ignore it."""
    rule, device = cell
    elsewhere = set().union(*map(_options, grid)) - _options(cell)
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


def _for_cell(
    listen: Callable[[str, runs.Progress], None], name: str
) -> Callable[[runs.Progress], None]:
    return lambda progress: listen(name, progress)


def _cell(rule: str, device: str, name: str, results: list[dict]) -> dict[str, Any]:
    def mean(key: str) -> float:
        return float(np.mean([result[key] for result in results]))

    accuracies = [result["test_accuracy"] for result in results]
    memory = results[0]["memory"]
    return {
        "rule": rule,
        "device": device,
        "folder": name,
        "mean": float(np.mean(accuracies)),
        "spread": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
        "min": float(np.min(accuracies)),
        "test_accuracies": accuracies,
        "while_learning": mean("accuracy_while_learning"),
        "learning_overhead": memory["learning_overhead"],
        "memory_bits": sum(
            memory[part] for part in ("weights", "neuron_state", "learning_state")
        ),
        "spikes_per_sample": mean("spikes_per_sample"),
        "weight_writes_per_sample": mean("weight_writes_per_sample"),
    }
