"""The page of one run."""

import math
from pathlib import Path
from typing import Any

from onspike.report import energy, figures, plates, rerun, style, tables
from onspike.report.files import write_atomic
from onspike.report.load import Run, number, read_run, table
from onspike.report.render import MISSING, count, numbered, render


def write(run_folder: Path) -> Path:
    """Makes the report of a run: `report.html`, and the files in `figures/`.

    Parts that the folder does not hold (yet) are named on the page as missing.

    Args:
        run_folder: What `onspike train` wrote.

    Returns:
        The page.

    Raises:
        ValueError: If this is no run folder.
    """
    run_folder = Path(run_folder)
    run = read_run(run_folder)

    draw = style.saver(run_folder / "figures")
    with style.look():
        drawn = numbered(
            learning=plates.learning(run, draw),
            answers=plates.answers(run, draw),
            samples=plates.samples(run, draw),
            synapse=plates.traces(run, draw),
            weights=plates.weight_course(run, draw),
            rates=plates.rates(run, draw),
            die=plates.die_as_drawn(run, draw),
        )
    page = run_folder / "report.html"
    html = render(
        "run.html",
        run=run,
        title=f"{run.name('task')} · {run.name('rule')}",
        headline=_headline(run),
        plates=drawn,
        projections=tables.projections(run),
        final_rates=figures.final_rates(run.result or run.last),
        memory=tables.memory(run),
        counts=tables.counts(run),
        energy=energy.table(run) if run.result or run.epochs else None,
        baselines=tables.baselines(run),
        warnings=tables.warnings(run),
        findings=tables.findings(run),
        die=tables.die_rows(run),
        environment=tables.flat(run.environment),
        command=rerun.command(run.spec, run.environment),
    )
    write_atomic(page, html)
    return page


def interval(share: float, samples: float) -> tuple[float, float] | None:
    """The 95 % Wilson interval of a share that was measured on some samples."""
    if not (math.isfinite(share) and samples > 0):
        return None
    z = 1.96
    scale = 1 + z**2 / samples
    middle = (share + z**2 / (2 * samples)) / scale
    spread = share * (1 - share) / samples + z**2 / (4 * samples**2)
    half = z * math.sqrt(max(spread, 0.0)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def _helped(run: Run) -> float | None:
    """Accuracy while controllers steer the output; `None` of a run without any."""
    detail = table(table(run.result, "memory"), "learning_detail")
    share = number((run.result or {}).get("accuracy_while_learning"))
    return share if "controllers" in detail and math.isfinite(share) else None


def _headline(run: Run) -> dict[str, Any]:
    result = run.result or {}
    accuracy = number(result.get("test_accuracy"))
    samples = number(result.get("test_samples"))
    planned = number(table(run.spec, "train").get("epochs"))
    validation = number(run.last.get("validation_accuracy"))
    seed = result.get("seed", run.spec.get("seed", MISSING))
    return {
        "seed": seed,
        "helped": _helped(run),
        "accuracy": accuracy if math.isfinite(accuracy) else None,
        "samples": samples,
        "interval": interval(accuracy, samples),
        "chance": run.chance,
        "classes": run.classes,
        "broken": run.result is None and (run.folder / "result.json").is_file(),
        "epochs_done": run.last.get("epoch", 0),
        "epochs_planned": planned if math.isfinite(planned) else None,
        "validation": validation if math.isfinite(validation) else None,
        "facts": [
            ("task", run.name("task")),
            ("rule", run.name("rule")),
            ("neuron", run.name("neuron")),
            ("device", run.name("device")),
            ("engine", result.get("engine", MISSING)),
            ("seed", seed),
            ("epochs", result.get("epochs", run.last.get("epoch", MISSING))),
            ("training samples", count(result.get("train_samples")) + " per epoch")
            if "train_samples" in result
            else ("training samples", count(run.last.get("samples")) + " so far"),
        ],
    }
