"""The gap: accuracy with the feedback on, and with it unplugged, against its gain.

One layer learns Yin-Yang by feedback control. All gains and seeds are one program.

    python studies/gap.py [--out runs/study/gap] [--seeds 100,101,102,103,104]
"""

from pathlib import Path

import numpy as np
import together

from onspike.experiment.run import beginning, epoch_metrics, rounds
from onspike.experiment.spec import resolve
from onspike.report import style

GAINS = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)


def measure(seeds: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy in the last epoch of training, and on validation: (gains, seeds)."""
    specs = [
        resolve(
            "yin-yang",
            rule="feedback-control",
            seed=seed,
            settings={"rule.control_gain": gain},
        )
        for gain in GAINS
        for seed in seeds
    ]
    train = specs[0].train
    runs, last = together.program(specs), None
    for last in rounds(runs, beginning(runs, train.batch), train.epochs, train.batch):
        print(f"epoch {last.position.epoch} of {train.epochs}", flush=True)
    assert last is not None
    rows = [
        epoch_metrics(runs, last, r, train.eval_batch) for r in range(len(runs.keys))
    ]
    on, off = (
        np.array([row[key] for row in rows]).reshape(len(GAINS), len(seeds))
        for key in ("accuracy_while_learning", "validation_accuracy")
    )
    return on, off


def main() -> None:
    options = together.options(__doc__, Path("runs/study/gap"))
    on, off = measure(options.seeds)
    lines = ["| gain | feedback on | unplugged | gap |", "|---:|---:|---:|---:|"]
    for gain, a, b in zip(GAINS, on, off, strict=True):
        lines.append(
            f"| {gain:g} | {together.spread(a)} | {together.spread(b)} | "
            f"{100 * (a - b).mean():.1f} |"
        )
    together.write(options.out, lines)
    with style.look():
        figure = style.figure(2.8)
        axis = figure.add_subplot()
        axis.set(
            title="What unplugging the feedback costs, one layer",
            xlabel="gain of the feedback current",
            ylabel="accuracy",
        )
        place = range(len(GAINS))
        for values, colour, mark, name in (
            (on, style.VERMILLION, "s", "training, feedback on"),
            (off, style.BLUE, "o", "validation, unplugged"),
        ):
            axis.plot(place, values, mark, color=colour, alpha=0.3, markersize=3)
            axis.plot(place, values.mean(1), color=colour, marker=mark, label=name)
        axis.fill_between(place, off.mean(1), on.mean(1), color=style.GRID, zorder=0)
        axis.set_xticks(place, [f"{gain:g}" for gain in GAINS])
        style.percent_axis(axis)
        axis.legend(loc="upper left")
        style.save(figure, options.out, "gap")


if __name__ == "__main__":
    main()
