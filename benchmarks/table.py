"""docs/benchmarks.json, and the tables that docs/benchmarks.md shows of it.

    python benchmarks/table.py [ROWS.json ...]

Writes the tables again; with files, first takes over the rows in them, each of which
replaces the row of its name and cores. A file is a list of rows, or an object with
`rows`. What a row holds: `Row`.
"""

import argparse
import json
from pathlib import Path
from typing import Any, NotRequired, TypedDict

DOCS = Path(__file__).parents[1] / "docs"
RECORD, PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"


class Row(TypedDict):
    """One figure of ours beside what it is compared with."""

    name: str  # "W2 step / snntorch"
    beside: str  # the case that `peer` is of: "W2 snntorch"
    unit: str  # of both figures: "ms, CPU"
    ours: float  # median
    peer: float  # median
    ratio: float  # of the medians
    spread: dict[str, list[float]]  # "ours", "peer": least and most
    cores: int
    versions: dict[str, str]  # of the packages behind both
    command: str  # that made it
    goal: NotRequired[float]  # the ratio that was asked for, or with `absolute` ours
    aim: NotRequired[float]
    absolute: NotRequired[bool]


def merge(rows: list[Row], cases: list[dict[str, Any]], **about: Any) -> dict[str, Any]:
    """The record with these rows and cases in place of those of the same name."""
    found = json.loads(RECORD.read_text()) if RECORD.exists() else {}

    def joined(old: list, new: list, *names: str) -> list:
        by_name = {tuple(one[n] for n in names): one for one in [*old, *new]}
        return list(by_name.values())

    return (
        found
        | about
        | {
            "rows": joined(found.get("rows", []), rows, "name", "cores"),
            "cases": joined(found.get("cases", []), cases, "case", "cores"),
        }
    )


def write(record: dict[str, Any]) -> None:
    """Writes the record, and its tables between the page's marks."""
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    page = PAGE.read_text()
    tables = {
        "goals": ratios([row for row in record["rows"] if "goal" in row]),
        "others": ratios([row for row in record["rows"] if "goal" not in row]),
        "times": times([c for c in record["cases"] if "cpu" in c]),
        "memory": memory([c for c in record["cases"] if "added" in c]),
        "about": about(record),
    }
    for name, table in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = page.split(start)
        page = before + start + "\n" + table + "\n" + end + rest.split(end)[1]
    PAGE.write_text(page)


def ratios(rows: list[Row]) -> str:
    lines = [
        "| figure | beside | cores | unit | ours | peer | ratio | goal (aim) | |",
        "|---|---|---:|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        goal, met = "", ""
        if "goal" in row:
            value = row["ours"] if row.get("absolute") else row["ratio"]
            goal = f"{row['goal']:g}" + (f" ({row['aim']:g})" if "aim" in row else "")
            met = "met" if value <= row["goal"] else "**missed**"
        lines.append(
            f"| {row['name']} | {row['beside']} | {row['cores']} | {row['unit']} | "
            f"{spread(row['ours'], row['spread']['ours'])} | "
            f"{spread(row['peer'], row['spread']['peer'])} | "
            f"{row['ratio']:.3g} | {goal} | {met} |"
        )
    return "\n".join(lines)


def times(cases: list[dict[str, Any]]) -> str:
    lines = [
        "| case | cores | CPU ms | wall ms | us per tick and sample | first call s "
        "| spikes | loss |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for c in cases:
        per = 1e6 * c["wall" if c["cores"] > 1 else "cpu"][0] / c["ticks"]
        cpu, wall = ([1e3 * s for s in c[kind]] for kind in ("cpu", "wall"))
        loss = f"{c['loss']:.4f}" if "loss" in c else ""
        share = f"{100 * c['spikes']:.2f} %" if "spikes" in c else ""
        yardstick = "spikes" not in c
        lines.append(
            f"| {c['case']} | {c['cores']} | {spread(cpu[0], cpu[1:])} | "
            f"{spread(wall[0], wall[1:])} | {'' if yardstick else f'{per:.3g}'} | "
            f"{c['first']:.1f} | {share} | {loss} |"
        )
    return "\n".join(lines)


def memory(cases: list[dict[str, Any]]) -> str:
    lengths = sorted({c["ticks"] for c in cases})
    found = {(c["library"], c["ticks"]): c["added"] for c in cases}
    lines = [
        "| MB added at T = | " + " | ".join(f"{t:,}" for t in lengths) + " |",
        "|---|" + len(lengths) * "---:|",
    ]
    for library in dict.fromkeys(c["library"] for c in cases):
        cells = (found.get((library, t)) for t in lengths)
        cells = ["" if c is None else f"{c:,.0f}" for c in cells]
        lines.append(f"| {library} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def about(record: dict[str, Any]) -> str:
    versions = {}
    for row in record["rows"]:
        versions |= row["versions"]
    known = ", ".join(f"{name} {v}" for name, v in sorted(versions.items()))
    commands = dict.fromkeys(row["command"] for row in record["rows"])
    made = "\n".join(f"    {command}" for command in commands)
    return f"{record['machine']}. {known}.\n\nMade by\n\n{made}"


def spread(median: float, ends: list[float]) -> str:
    """A median with what was least and most, three figures each."""
    if not ends or max(ends) == min(ends):
        return number(median)
    return f"{number(median)} ({number(min(ends))} to {number(max(ends))})"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    rows = []
    for file in parser.parse_args().files:
        found = json.loads(file.read_text())
        rows += found["rows"] if isinstance(found, dict) else found
    write(merge(rows, []))


if __name__ == "__main__":
    main()
