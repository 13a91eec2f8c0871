"""The page of a sweep, and what the command line says of it."""

import math
from pathlib import Path
from typing import Any

from onspike.report import rerun, style, sweep_figures
from onspike.report.files import slug, write_atomic
from onspike.report.load import Record, Sweep, number, read_sweep, table
from onspike.report.render import Plate, numbered, render
from onspike.report.style import Draw
from onspike.report.sweep_figures import Point


def write_sweep(folder: Path) -> Path:
    """Makes the report of a sweep: `report.html`, and the files in `figures/`.

    Args:
        folder: What `onspike sweep` wrote, finished or not.

    Returns:
        The page.

    Raises:
        ValueError: If this is not the folder of a sweep.
    """
    folder = Path(folder)
    found = read_sweep(folder)
    best = found.best
    points = [_point(row, best) for row in found.rows]
    draw = style.saver(folder / "figures")
    with style.look():
        plates = numbered(
            course=_course(points, draw),
            options=_options(points, found, draw),
        )
    html = render(
        "sweep.html",
        asked=found.asked,
        planned=int(number(found.asked.get("trials"))),
        options=found.options,
        ranges={name: _range(each) for name, each in _searched(found).items()},
        best=best,
        ordered=sorted(found.rows, key=_rank),
        failed=[row for row in found.rows if row.get("problem")],
        written=rerun.written,
        short=_short,
        command=_command(found),
        plates=plates,
        problems=found.problems,
    )
    page = folder / "report.html"
    write_atomic(page, html)
    return page


def sweep_summary(folder: Path) -> str:
    """What came of a sweep, in a few lines, and the command that tests it.

    Raises:
        ValueError: As for `write_sweep`.
    """
    found = read_sweep(Path(folder))
    best, trials = found.best, len(found.rows)
    unscored = sum(row.get("score") is None for row in found.rows)
    lines = [f"{unscored} of {trials} trials have no score"] if unscored else []
    if best is None:
        return "\n".join([*lines, "no trial has a score: see trials.jsonl"])
    seeds = len(best["validation_accuracies"])
    chosen = "".join(f"\n  {k}={rerun.written(v)}" for k, v in best["settings"].items())
    return "\n".join(
        [
            *lines,
            f"validation accuracy {best['score']:.4f}, mean of {seeds} seeds, in trial "
            f"{best['trial']} of {trials} (learning and feedback off):{chosen}",
            "the best of many is optimistic, and no test sample was used; to test it "
            "on new seeds:",
            _command(found),
        ]
    )


def _command(found: Sweep) -> str:
    out = found.folder.with_name(f"{found.folder.name}-best")
    settings = {} if found.best is None else found.best["settings"]
    return rerun.new_seeds(found.asked, settings, out)


def _searched(found: Sweep) -> Record:
    return table(found.asked, "search")


def _range(each: Record) -> str:
    """A range in words."""
    if each.get("kind") == "choice":
        return ", ".join(map(rerun.written, each.get("values", [])))
    ends = f"{rerun.written(each.get('low'))} to {rerun.written(each.get('high'))}"
    extra = {"log": ", log-uniform", "int": ", whole numbers"}
    return ends + extra.get(str(each.get("kind")), "")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else rerun.written(value)


def _rank(row: Record) -> tuple[float, float]:
    score = number(row.get("score"))
    return (-score if math.isfinite(score) else math.inf, number(row.get("trial")))


def _point(row: Record, best: Record | None) -> Point:
    return Point(
        number=int(number(row.get("trial"))),
        settings=table(row, "settings"),
        score=number(row.get("score")),
        accuracies=[number(a) for a in row.get("validation_accuracies") or []],
        best=row is best,
    )


def _course(points: list[Point], draw: Draw) -> Plate | None:
    if not points:
        return None
    caption = (
        "Validation accuracy after the final epoch, learning and feedback off. A dot "
        "is the mean over a trial's seeds, its line reaches from the worst seed to the "
        "best."
    )
    panel = draw(sweep_figures.course(points), "sweep")
    return Plate("Scores in the order of the trials", caption, [panel])


def _options(points: list[Point], found: Sweep, draw: Draw) -> Plate | None:
    if not points:
        return None
    taken: set[str] = set()
    panels: list[Any] = []
    for option, each in _searched(found).items():
        figure = sweep_figures.against(points, option, each)
        panels.append(draw(figure, f"sweep_{slug(option, taken)}"))
    caption = (
        "The same scores. Where the best trials crowd at an end of a range, the range "
        "was too narrow."
    )
    return Plate("Scores against each option", caption, panels)
