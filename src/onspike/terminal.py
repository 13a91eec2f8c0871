"""What the command line says: progress, results and tables of options.

Nothing here is slow to import: help must come at once.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onspike.experiment.doctor import Diagnosis
    from onspike.experiment.runs import Progress


def options_table(kind: str, name: str | None) -> Any:
    """The options of a name, or of a section without names."""
    import msgspec
    from rich.markup import escape
    from rich.table import Table

    from onspike.experiment.spec import kind_of

    table = Table(
        title=" ".join(filter(None, (kind, name))),
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for column in ("--set", "type", "default"):
        table.add_column(column)
    for field in msgspec.structs.fields(kind_of(kind, name)):
        if field.name != "name":
            default = "must be set" if field.required else repr(field.default)
            cells = (f"{kind}.{field.name}", _type_name(field.type), default)
            table.add_row(*map(escape, cells))
    return table


def _type_name(kind: Any) -> str:
    choices = getattr(kind, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " | ".join(choices)
    return kind.__name__ if isinstance(kind, type) and not choices else str(kind)


def conclude(result: dict[str, Any], folder: Path, say: Callable[[str], None]) -> None:
    """Writes the report of a run and says what came of it."""
    from onspike import report

    page = report.write(folder)
    memory = result["memory"]
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    learning, test = result["accuracy_while_learning"], result["test_accuracy"]
    say(f"accuracy while learning {learning:.4f} (not a result)")
    if "controllers" in memory["learning_detail"]:
        say(
            f"the gap: {100 * learning:.1f} % while learning, controllers on; "
            f"{100 * test:.1f} % on held-out samples, controllers unplugged"
        )
    say(
        f"learning state {memory['learning_state'] / 8192:.1f} KiB, learning overhead "
        f"{100 * memory['learning_overhead']:.1f}% of what inference needs"
    )
    for name, value in result["baselines"].items():
        say(f"baseline {name} {value:.4f}")
    print(
        f"test accuracy {test:.4f} on {result['test_samples']} "
        "held-out samples (learning and feedback off)"
    )
    print(f"report: {page}")


def conclude_comparison(found: dict[str, Any], out: Path) -> None:
    """Writes the report of a comparison, and of a run per cell; prints the table."""
    from onspike import report

    for cell in found["cells"]:  # of one seed: drawing may take longer than learning
        report.write(out / cell["folder"] / f"seed-{found['seeds'][0]}")
    page = report.write_comparison(out)
    table = report.compare_table(found)
    (out / "compare.md").write_text(table)
    print(table)
    print(f"report: {page}")


def show_energy(run: Path, as_json: bool) -> None:
    """Prints estimates of a run's energy, and what they assume."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from onspike.report import energy
    from onspike.report.load import read_run

    read = read_run(run)
    if as_json:
        print(json.dumps(energy.plain(energy.estimates(read)), indent=2))
        return
    found = energy.table(read)
    console = Console()
    table = Table(title=found.unit, title_justify="left", box=None, pad_edge=False)
    for name in found.head:
        table.add_column(name, justify="right" if name in found.numbers else "left")
    for row in found.rows:
        table.add_row(*map(escape, row))
    console.print(table)
    for name, note in found.notes:
        console.print(f"\n[bold]{name}[/]: {escape(note)}", highlight=False)


def show_diagnosis(found: "Diagnosis") -> None:
    """Prints what was looked at, and what is wrong."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    def table(title: str, *columns: str) -> Table:
        one = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for i, column in enumerate(columns):
            one.add_column(column, justify="right" if i and title else "left")
        return one

    def percent(share: float | None) -> str:
        return "-" if share is None else f"{100 * share:.0f} %"

    def number(value: float) -> str:
        return f"{value:.0f}" if 100 <= value < 1e6 else f"{value:.3g}"

    console = Console()
    console.print(f"trained for {found.trained}; looked at {found.evaluated}")
    heads = "population", "mean (Hz)", "fastest (Hz)", "never fires"
    populations = table("learning and feedback off", *heads)
    for p in found.populations:
        rates = number(p.mean), number(p.fastest), percent(p.never)
        populations.add_row(escape(p.name), *rates)
    heads = "projection", "plastic", "changed", "norm / first", "largest", "at a bound"
    projections = table("weights", *heads)
    for w in found.projections:
        growth = "-" if w.growth is None else number(w.growth)
        numbers = percent(w.changed), growth, number(w.largest), percent(w.at_bound)
        projections.add_row(escape(w.name), "yes" if w.plastic else "no", *numbers)
    for one in (populations, projections):
        console.print()
        console.print(one)
    shares = ", ".join(percent(share) for share in found.answers)
    console.print(f"\nanswers by class: {shares}\n", highlight=False)
    if not found.findings:
        console.print("nothing wrong found", style="green")
        return
    findings = table("", "where", "what", "measured", "try")
    for finding in found.findings:
        findings.add_row(*map(escape, finding))
    console.print(findings)


def trials(
    tell: Callable[[str, "Progress"], None], say: Callable[[str], None]
) -> Callable[..., None]:
    """Tells the progress of a program of trials, and its best trial at the end."""

    def heard(name: str, p: "Progress", rows: Sequence[dict[str, Any]]) -> None:
        tell(name, p)
        if rows:
            numbers = ", ".join(str(row["trial"]) for row in rows)
            scored = [row for row in rows if row["score"] is not None]
            best = max(scored, key=lambda row: row["score"], default=None)
            what = "no score"
            if best is not None:
                what = f"best validation {best['score']:.3f} in trial {best['trial']}"
            say(f"trials {numbers}: {what}")

    return heard


def conclude_sweep(out: Path) -> None:
    """Writes the report of a sweep and says who won."""
    from onspike import report

    page = report.write_sweep(out)
    print(report.sweep_summary(out))
    print(f"report: {page}")


def printer(quiet: bool) -> Callable[[str], None]:
    """What says the things that quiet runs leave out."""
    return (lambda text: None) if quiet else print


@contextmanager
def progress(
    quiet: bool, warn: bool = False
) -> Iterator[Callable[[str, "Progress"], None]]:
    """How progress is told: a bar on a terminal, a line per epoch elsewhere.

    What is wrong is told once for each name; when quiet, if it is to `warn`.
    """
    if not quiet and sys.stdout.isatty():
        with _bar() as tell:
            yield tell
        return
    told = _Told()

    def line(name: str, p: "Progress") -> None:
        where = f"{name}: " if name else ""
        if p.metrics and not quiet:
            print(f"{where}{_summary(p)}", flush=True)
        if warn or not quiet:
            for text in told.new(name, p):
                print(f"warning: {where}{text}", file=sys.stderr, flush=True)

    yield line


class _Told:
    """Warnings that have been told: with other numbers they are no news."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()

    def new(self, name: str, p: "Progress") -> Iterator[str]:
        for text in (w for row in p.metrics for w in row["warnings"]):
            gist = name, re.sub(r"\d[\d.,]*", "#", text)
            if gist not in self._seen:
                self._seen.add(gist)
                yield text


def _summary(p: "Progress") -> str:
    def mean(key: str) -> float | None:
        values = [row[key] for row in p.metrics]
        return None if None in values else sum(values) / len(values)

    seen = mean("validation_accuracy")
    parts = [
        f"epoch {p.position.epoch}",
        f"{p.done}/{p.total} samples",
        f"while learning {mean('accuracy_while_learning'):.3f}",
        "" if seen is None else f"validation {seen:.3f}",
        f"{p.ticks_per_second:,.0f} ticks/s",
    ]
    return ", ".join(part for part in parts if part)


@contextmanager
def _bar() -> Iterator[Callable[[str, "Progress"], None]]:
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("samples"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns) as bar:
        shown: dict[str, Any] = {}
        told = _Told()
        first = bar.add_task("compiling", total=None)

        def tell(name: str, p: "Progress") -> None:
            bar.update(first, visible=False)
            if name not in shown:
                shown[name] = bar.add_task(name or "training", total=p.total)
            bar.update(shown[name], completed=p.done)
            if p.metrics:
                bar.console.print(f"{name + ': ' if name else ''}{_summary(p)}")
            for text in told.new(name, p):
                bar.console.print(f"[yellow]warning:[/] {escape(text)}")

        yield tell
