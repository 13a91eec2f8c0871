"""What the command line says: progress, results and tables of options.

Nothing here is slow to import: help must come at once.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onspike.experiment.doctor import Diagnosis


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


def conclude_sweep(out: Path) -> None:
    """Writes the report of a sweep and says who won."""
    from onspike import report

    page = report.write_sweep(out)
    print(report.sweep_summary(out))
    print(f"report: {page}")
