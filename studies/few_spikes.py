"""Few spikes: accuracy against spikes and against weight writes, per sample.

Each rule is swept over what makes it spend less: feedback control of one layer over its
target rates, what an overshoot costs and the gain of its current; rules of the e-prop
family, on short cue accumulation, over the regulariser of firing rates, and the error-
triggered one over its threshold too. Settings of a rule that differ in numbers only are
one program, seeds side by side. A setting is named if, on validation samples and in the
mean over seeds, no other of its rule is as accurate with fewer spikes, or with fewer
writes; only named ones meet the test samples.

    python studies/few_spikes.py [--out DIR] [--seeds 100,101,102] [--full]
"""

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import together
from matplotlib.ticker import FuncFormatter, NullFormatter

from onspike.experiment import measure
from onspike.experiment.run import Seeds, Step, beginning, nothing_yet, rounds
from onspike.experiment.spec import resolve
from onspike.report import style
from onspike.tasks.base import Split

CUES: dict[str, Any] = {
    "task.n_cues": 3,
    "task.ticks": 600,
    "train.epochs": 3,
}
HINGES = {"rule.hinge": (3e-3, 3e-2), "rule.hinge_bound": (80.0, 5.0, 1.0)}
COSTS = {"rule.rate_cost": (1e-5, 1e-4, 1e-3), "rule.rate_target": (20.0, 5.0)}
PULLS = {
    "rule.target_high": (40.0, 80.0, 120.0, 160.0),
    "rule.overshoot": (0.0, 1.0),
    "rule.control_gain": (0.0, 0.3),
}


class Sweep(NamedTuple):
    """One rule on one task, and the values of each option, all with all."""

    letter: str  # of the names of its settings
    task: str
    rule: str
    common: dict[str, Any]
    grid: dict[str, tuple[float, ...]]
    wider: dict[str, tuple[float, ...]] = {}  # with --full

    def settings(self, full: bool) -> list[dict[str, Any]]:
        """Every point of the grid."""
        grid = {**self.grid, **(self.wider if full else {})}
        return [
            dict(zip(grid, values, strict=True))
            for values in itertools.product(*grid.values())
        ]


THETAS = {"rule.theta": (0.2, 0.36, 0.6)}
TWO_EPOCHS = {"train.epochs": 2}
SWEEPS = {
    "feedback control": Sweep(
        "F",
        "yin-yang",
        "feedback-control",
        TWO_EPOCHS,
        PULLS,
        {
            "rule.overshoot": (0.0, 0.3, 1.0),
            "rule.target_high": (30.0, 40.0, 60.0, 80.0, 120.0, 160.0),
            "rule.control_gain": (0.0, 0.1, 0.3, 1.0),
        },
    ),
    "feedback control, 3 neurons a class": Sweep(
        "P",
        "yin-yang",
        "feedback-control",
        {**TWO_EPOCHS, "network.unit": 3},
        {**PULLS, "rule.overshoot": (0.0,), "rule.control_gain": (0.3,)},
        {"rule.overshoot": (0.0, 0.3, 1.0)},
    ),
    "error-triggered": Sweep(
        "T",
        "cue-accumulation",
        "error-triggered",
        CUES,
        {**THETAS, **HINGES, "rule.hinge": (3e-2,)},
        {"rule.theta": (0.05, 0.1, 0.2, 0.36, 0.6, 0.8), **HINGES},
    ),
    "reckon": Sweep(
        "R",
        "cue-accumulation",
        "reckon",
        CUES,
        HINGES,
        {"rule.hinge_bound": (80.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5)},
    ),
    "e-prop": Sweep(
        "E",
        "cue-accumulation",
        "eprop",
        CUES,
        COSTS,
        {"rule.rate_target": (40.0, 20.0, 10.0, 5.0, 2.5)},
    ),
}


class Points(NamedTuple):
    """What came of one sweep: (settings, seeds)."""

    accuracy: np.ndarray
    spikes: np.ndarray  # per sample, with learning and feedback off
    writes: np.ndarray  # per sample of training, over all epochs
    training_spikes: np.ndarray  # the same, controllers included

    def front(self, cost: str) -> np.ndarray:
        """Which settings no other beats in both accuracy and one cost."""
        right, price = self.accuracy.mean(1), getattr(self, cost).mean(1)
        beaten = (
            (right[None] >= right[:, None])
            & (price[None] <= price[:, None])
            & ((right[None] > right[:, None]) | (price[None] < price[:, None]))
        )
        return ~beaten.any(1)


def swept(sweep: Sweep, settings: list[dict[str, Any]], seeds: list[int]) -> Any:
    """All runs of a sweep, trained: the runs, their end, and what training counted."""
    specs = [
        resolve(
            sweep.task, rule=sweep.rule, seed=seed, settings={**sweep.common, **own}
        )
        for own in settings
        for seed in seeds
    ]
    runs, train = together.program(specs), specs[0].train
    start = last = beginning(runs, train.batch)
    total = nothing_yet(runs)
    for last in rounds(runs, start, train.epochs, train.batch):
        total = [measure.add(a, b) for a, b in zip(total, last.tallies, strict=True)]
        print(f"epoch {last.position.epoch} of {train.epochs}", flush=True)
    return runs, last, total


def counted(runs: Seeds, last: Step, r: int, split: Split) -> tuple[float, float]:
    """Accuracy and spikes per sample of one run, learning and feedback off."""
    learner, task = runs.one(r)
    params, network = runs.params(last.state, r), learner.network
    seen = measure.evaluate(network, task, params, split, runs.keys[r].data)
    spikes = measure.operations(task, network.bare(), seen)["spikes_per_sample"]
    return measure.accuracy(seen), spikes


def points(
    sweep: Sweep, settings: list[dict[str, Any]], seeds: list[int]
) -> tuple[Points, dict[int, np.ndarray]]:
    """Every setting on validation samples, and those to name on test samples."""
    runs, last, total = swept(sweep, settings, seeds)
    shape = len(settings), len(seeds)
    found = [counted(runs, last, r, "validation") for r in range(len(runs.keys))]
    right, spikes = np.array(found).T
    each = Points(
        right.reshape(shape),
        spikes.reshape(shape),
        np.array([t.written / t.seen for t in total]).reshape(shape),
        np.array(
            [sum(n.sum() for n in t.spikes.values()) / t.seen for t in total]
        ).reshape(shape),
    )
    named = np.flatnonzero(each.front("spikes") | each.front("writes"))
    numbers = np.arange(len(runs.keys)).reshape(shape)
    test = {
        int(p): np.array([counted(runs, last, int(r), "test") for r in numbers[p]]).T
        for p in named
    }
    return each, test


def main() -> None:
    out = Path("runs/study/spikes")
    asked = together.options(__doc__, out, full="wider grids")
    lines = [
        "| | rule | setting | test | worst seed | spikes per sample | "
        "spikes per sample of training | writes per sample of training | fewest |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
    ]
    found: dict[str, tuple[Points, dict[int, str]]] = {}
    for rule, sweep in SWEEPS.items():
        settings = sweep.settings(asked.full)
        print(f"{rule}: {len(settings)} settings", flush=True)
        each, test = points(sweep, settings, asked.seeds)
        for own, values in zip(settings, np.mean(each, axis=2).T, strict=True):
            print(own, np.round(values, 3).tolist(), flush=True)
        order = sorted(test, key=lambda p: each.spikes[p].mean())
        names = {p: f"{sweep.letter}{i}" for i, p in enumerate(order, 1)}
        found[rule] = each, names
        fronts = {cost: each.front(cost) for cost in ("spikes", "writes")}
        for p in order:
            right, spikes = test[p]
            cells = [
                names[p],
                rule,
                ", ".join(f"`{key}={value:g}`" for key, value in settings[p].items()),
                together.spread(right),
                f"{100 * right.min():.1f} %",
                f"{spikes.mean():,.0f}",
                f"{each.training_spikes[p].mean():,.0f}",
                f"{each.writes[p].mean():,.0f}",
                ", ".join(cost for cost, on in fronts.items() if on[p]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    together.write(asked.out, lines)
    draw(asked.out, found)


def draw(out: Path, found: dict[str, tuple[Points, dict[int, str]]]) -> None:
    """Accuracy against spikes, and against writes."""
    with style.look():
        figure = style.figure(4.4, 1.7 * style.WIDTH)
        panels = figure.subplots(1, 2, sharey=True)
        for axis, cost in zip(panels, ("spikes", "writes"), strict=True):
            for i, (rule, (each, names)) in enumerate(found.items()):
                colour, mark = style.SERIES[i], style.MARKERS[i]
                price, right = getattr(each, cost).mean(1), each.accuracy.mean(1)
                axis.plot(price, right, mark, color=colour, alpha=0.3, markersize=4)
                best = np.flatnonzero(each.front(cost))
                best = best[np.argsort(price[best])]
                name = f"{rule} ({SWEEPS[rule].task})"
                line = {"color": colour, "marker": mark, "label": name}
                axis.plot(price[best], right[best], **line)
                for j, p in enumerate(best):  # on both sides of the line
                    axis.annotate(
                        names[int(p)],
                        (price[p], right[p]),
                        xytext=(4, -10) if j % 2 else (-4, 4),
                        textcoords="offset points",
                        ha="left" if j % 2 else "right",
                        fontsize=7,
                        color=colour,
                    )
            axis.set_xscale("log")
            axis.margins(x=0.08, y=0.07)
            axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
            axis.xaxis.set_minor_formatter(NullFormatter())
            style.percent_axis(axis)
        panels[0].set(
            title="What an answer costs",
            xlabel="spikes per sample, learning off",
            ylabel="validation accuracy",
        )
        panels[1].set(
            title="What learning costs", xlabel="weight writes per training sample"
        )
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3
        )
        style.save(figure, out, "few-spikes")


if __name__ == "__main__":
    main()
