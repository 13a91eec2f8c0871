"""What studies share: many runs in one program, and a folder for what came of them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from onspike.devices import AbstractDevice
from onspike.experiment import build
from onspike.experiment.run import Seeds, keys_of, side_by_side
from onspike.experiment.spec import Spec


def program(specs: Sequence[Spec], device: AbstractDevice | None = None) -> Seeds:
    """Runs whose specifications differ in seeds and numbers only.

    A `device` takes the place of the one that they name.
    """
    tasks: dict = {}
    runs = []
    for spec in specs:
        if spec.task not in tasks:
            tasks[spec.task] = spec.built("task")
        task = tasks[spec.task]
        learner = build.learner(spec, task)
        if device is not None:
            learner = eqx.tree_at(lambda one: one.device, learner, device)
        runs.append((learner, task))
    return side_by_side(runs, [keys_of(jax.random.key(spec.seed)) for spec in specs])


def options(
    what: str | None,
    out: Path,
    dies: int | None = None,
    full: str | None = None,
    more: Sequence[argparse.ArgumentParser] = (),
) -> argparse.Namespace:
    """`--out`, an empty folder; `--seeds`; `--dies` and `--full`, which says `full`.

    And whatever `more` parsers ask.
    """
    title = (what or "").splitlines()[0]
    parser = argparse.ArgumentParser(description=title, parents=more)
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument(
        "--seeds",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[100, 101, 102, 103, 104],
    )
    if dies is not None:
        parser.add_argument("--dies", type=int, default=dies)
    if full is not None:
        parser.add_argument("--full", action="store_true", help=full)
    found = parser.parse_args()
    if found.out.exists() and any(found.out.iterdir()):
        sys.exit(f"{found.out} is not empty: name another folder with --out")
    found.out.mkdir(parents=True, exist_ok=True)
    return found


def spread(values: np.ndarray) -> str:
    """Mean and standard deviation over seeds, in per cent."""
    return f"{100 * values.mean():.1f} ± {100 * values.std(ddof=1):.1f} %"


def write(out: Path, lines: Sequence[str]) -> None:
    """Prints a table, and keeps it."""
    text = "\n".join(lines)
    print(text)
    (out / "table.md").write_text(text + "\n")
