"""At how many bits does each rule break, and how must a write be rounded?

Without a shadow a write reads and changes the stored integers, and nothing else; beside
that stands what a host reaches that keeps the exact weights and writes the nearest. All
widths and seeds of a rule and a rounding are one program; the range of the weights is
the same at every width, and so are the rates, those of the recipes.

    python studies/bits.py [--out runs/study/bits] [--seeds 100,...] [--full]
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import dies
import numpy as np
import together

from onspike.devices import (
    AbstractDevice,
    AbstractWrite,
    Fixed,
    Ideal,
    Nearest,
    PlusMinusLSB,
    Shadow,
    StochasticRounding,
)
from onspike.experiment.spec import resolve
from onspike.report import style
from onspike.types import Scalar

BITS = (2, 3, 4, 5, 6, 7, 8)
COPIED = "nearest, host's copy"
MODES: dict[str, AbstractWrite] = {
    "nearest": Nearest(),
    "stochastic rounding": StochasticRounding(),
    "stochastic +-1 LSB": PlusMinusLSB(),
    COPIED: Nearest(),
}
ONCE = {"rule.gate": "end-of-sample"}
CUES: dict[str, Any] = {
    "task.n_cues": 3,
    "task.ticks": 600,
    "task.test_samples": 300,
    "train.epochs": 5,
    "train.batch": 1,
    "train.optimiser": "sgd",
}
POINTS: dict[str, Any] = {
    "task.code": "latency",
    "task.ticks": 50,
    "task.window": 0.03,
    "network.hidden": 60,
    "network.gain_in": 2.1,
    "rule.rate": 0.076,
    "train.epochs": 4,
}


class Case(NamedTuple):
    """A rule on a task."""

    name: str
    task: str
    rule: str
    settings: dict[str, Any]


CASES = (
    Case("e-prop (ReckOn's), cues", "cue-accumulation", "reckon", {**CUES, **ONCE}),
    Case(
        "random e-prop = DFA, cues",
        "cue-accumulation",
        "reckon-random",
        {**CUES, **ONCE},
    ),
    Case("e-prop with Adam, Yin-Yang", "yin-yang", "eprop", POINTS),
    Case("feedback control, two blobs", "binary", "feedback-control", {}),
)


class Spread(NamedTuple):
    """Over seeds, in per cent, for each width."""

    mean: np.ndarray
    sd: np.ndarray


def spread(accuracy: np.ndarray) -> Spread:
    return Spread(100 * accuracy.mean(1), 100 * accuracy.std(1, ddof=1))


class Narrow(Fixed):
    """`Fixed` whose number of bits is a number: all widths are one program."""

    width: Scalar = 8.0

    top: ClassVar[Any] = property(lambda self: 2.0 ** (self.width - 1.0) - 1.0)


def chips(mode: str) -> list[AbstractDevice]:
    """One for each width."""
    narrow = [Narrow(write_mode=MODES[mode], width=float(b)) for b in BITS]
    return [Shadow(chip) for chip in narrow] if mode == COPIED else [*narrow]


def accuracies(
    case: Case, devices: Sequence[AbstractDevice], seeds: Sequence[int]
) -> np.ndarray:
    """Test accuracies, (device, seed)."""
    specs = [
        resolve(case.task, rule=case.rule, seed=seed, settings=case.settings)
        for _ in devices
        for seed in seeds
    ]
    each = [device for device in devices for _ in seeds]
    runs, last = dies.trained(specs, each)
    return dies.accuracies(runs, last).reshape(len(devices), len(seeds))


def main() -> None:
    options = together.options(__doc__, Path("runs/study/bits"), full="ten seeds")
    seeds = range(100, 110) if options.full else options.seeds
    kept: dict[str, dict[str, list]] = {}
    found: dict[str, dict[str, Spread]] = {}
    lines = [
        "| rule and task | rounding | "
        + " | ".join(f"{b} bits" for b in BITS)
        + " | float |",
        f"|---|---|{'---:|' * (len(BITS) + 1)}",
    ]
    for case in CASES:
        exact = accuracies(case, [Ideal()], seeds)
        kept[case.name] = {"float": exact.tolist()}
        found[case.name] = {"float": spread(exact)}
        for mode in MODES:
            each = accuracies(case, chips(mode), seeds)
            kept[case.name][mode] = each.tolist()
            found[case.name][mode] = spread(each)
            shown = np.concatenate([each, exact])
            cells = [
                f"{mean:.1f} ± {sd:.1f}"
                for mean, sd in zip(*spread(shown), strict=True)
            ]
            lines.append(f"| {case.name} | {mode} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    (options.out / "accuracies.json").write_text(json.dumps(kept, indent=1))
    together.write(options.out, lines)
    draw(options.out, found)


def draw(out: Path, found: dict[str, dict[str, Spread]]) -> None:
    """Mean and sd of the accuracy over bits, a panel per rule, a line per rounding."""
    with style.look():
        figure = style.figure(5.6)
        axes = figure.subplots(2, 2, sharex=True).flat
        for axis, (name, modes) in zip(axes, found.items(), strict=True):
            axis.set(xlabel="bits", ylabel="test accuracy, %")
            axis.set_title(name, fontsize="small")
            exact = modes["float"].mean[0]
            axis.axhline(exact, color=style.MUTED, lw=1, label="float")
            for i, mode in enumerate(MODES):
                mean, sd = modes[mode]
                x = np.array(BITS) + 0.08 * (i - 1.5)
                look = {"color": style.SERIES[i], "marker": style.MARKERS[i]}
                axis.errorbar(x, mean, sd, label=mode, ms=4, lw=1, **look)
        entries = figure.axes[0].get_legend_handles_labels()
        figure.legend(*entries, loc="outside lower center", ncols=3)
        style.save(figure, out, "bits")


if __name__ == "__main__":
    main()
