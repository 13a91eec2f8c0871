"""The page of a comparison, and its table."""

import math
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from onspike.report import compare_figures, energy, style
from onspike.report.compare_figures import COMPUTES, Cell
from onspike.report.files import slug, write_atomic
from onspike.report.load import (
    Record,
    Run,
    number,
    read_comparison,
    read_run,
    table,
)
from onspike.report.render import (
    MISSING,
    Plate,
    count,
    numbered,
    percent,
    render,
    words,
)
from onspike.report.style import Draw

COSTS = (
    ("learning_state_kib", "learning state (KiB)"),
    ("memory_kib", "all memory (KiB)"),
    ("spikes_per_sample", "spikes per sample"),
    ("weight_writes_per_sample", "weight writes per sample"),
)


def write_comparison(folder: Path) -> Path:
    """Makes the report of a comparison: `report.html`, and the files in `figures/`.

    Links to the reports of the single runs where these exist.

    Args:
        folder: What `onspike compare` wrote.

    Returns:
        The page.

    Raises:
        ValueError: If this is not the folder of a comparison.
    """
    folder = Path(folder)
    compare = read_comparison(folder)
    records = _records(compare)
    rules, devices = _order(compare, "rule"), _order(compare, "device")
    rows = [_row(folder, compare, record) for record in records]
    cells = [row["cell"] for row in rows]
    chance = _chance(rows)

    draw = style.saver(folder / "figures")
    with style.look():
        plates = numbered(
            accuracy=_accuracy(cells, rules, devices, chance, draw),
            costs=_costs(rows, cells, rules, devices, draw),
        )
    seeds = compare.get("seeds")
    html = render(
        "compare.html",
        task=str(compare.get("task", "unnamed")),
        seeds=seeds if isinstance(seeds, list) else [],
        rules=rules,
        devices=devices,
        means={(row["cell"].rule, row["cell"].device): row for row in rows},
        rows=rows,
        chance=chance,
        plates=plates,
        energy=_energy(rows),
        unwritten=any(not seed["link"] for row in rows for seed in row["seeds"]),
    )
    page = folder / "report.html"
    write_atomic(page, html)
    return page


def unwritten(folder: Path) -> list[Path]:
    """The run folders of a comparison that have no report yet.

    Raises:
        ValueError: If this is not the folder of a comparison.
    """
    compare = read_comparison(Path(folder))
    return [
        seed["folder"]
        for record in _records(compare)
        for seed in _seeds(Path(folder), compare, record, _cell(record))
        if seed["link"] is None and (seed["folder"] / "spec.toml").is_file()
    ]


def compare_table(compare: Record) -> str:
    """The Markdown tables of a comparison: accuracies, then what they cost.

    The first has rules down and devices across. In the second, a cell's costs and
    reference methods are means over its seeds that compute, as its accuracy is; the
    worst is of all seeds, and unknown if one diverged.

    Args:
        compare: The content of `compare.json`.
    """
    rules, devices = _order(compare, "rule"), _order(compare, "device")
    cells = {
        (cell.rule, cell.device): _mean(cell) for cell in map(_cell, _records(compare))
    }
    head = ["rule", *devices]
    lines = [head, ["---", *["---:"] * len(devices)]]
    lines += [[r, *[cells.get((r, d), MISSING) for d in devices]] for r in rules]
    return f"{_markdown(lines)}\n{_markdown(_cost_lines(_records(compare)))}"


def _cost_lines(records: list[Record]) -> list[list[str]]:
    """Worst seed, spikes, writes, memory and reference methods, cell by cell."""
    readers = list(dict.fromkeys(n for r in records for n in table(r, "baselines")))
    head = ["rule", "device", "worst seed", "while learning", *_COUNTED.values()]
    head += [words(name.removesuffix("_accuracy")) for name in readers]
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    for record in records:
        found = table(record, "baselines")
        lines.append(
            [
                str(record.get("rule")),
                str(record.get("device")),
                _worst(record),
                percent(record.get("while_learning")),
                *(count(record.get(key)) for key in _COUNTED),
                *(percent(found.get(name)) for name in readers),
            ]
        )
    return lines


_COUNTED = {
    "spikes_per_sample": "spikes per sample",
    "weight_writes_per_sample": "weight writes per sample",
}


def _markdown(lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(map(_plain, line))} |\n" for line in lines)


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _records(compare: Record) -> list[Record]:
    cells = compare.get("cells")
    return [c for c in cells if isinstance(c, dict)] if isinstance(cells, list) else []


def _order(compare: Record, kind: str) -> list[str]:
    """Names as `compare.json` lists them, then those that only cells have."""
    listed = compare.get(f"{kind}s")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    names += [str(cell.get(kind)) for cell in _records(compare)]
    return list(dict.fromkeys(names))


def _numbers(values: Any) -> list[float]:
    return [number(value) for value in values] if isinstance(values, list) else []


def _cell(record: Record) -> Cell:
    return Cell(
        rule=str(record.get("rule")),
        device=str(record.get("device")),
        mean=number(record.get("mean")),
        spread=number(record.get("spread")),
        accuracies=_numbers(record.get("test_accuracies")),
        conditions=[str(c) for c in record.get("conditions") or ()],
    )


def _mean(cell: Cell) -> str:
    """The mean over seeds that compute, and how many are in which bad condition."""
    marks = [f"{n} of {len(cell.conditions)} {c}" for c, n in cell.unwell.items()]
    said = f" ({', '.join(marks)})" if marks else ""
    if not math.isfinite(cell.mean):
        return MISSING + said
    if not math.isfinite(cell.spread) or len(cell.accuracies) == 1:
        return percent(cell.mean) + said
    return f"{100 * cell.mean:.1f} ± {100 * cell.spread:.1f} %{said}"


def _worst(record: Record) -> str:
    """The worst accuracy, if every seed has one."""
    diverged = _cell(record).unwell.get("diverged")
    note = f" ({diverged} diverged)" if diverged else ""
    return percent(record.get("min")) + note


def _row(folder: Path, compare: Record, record: Record) -> dict[str, Any]:
    cell = _cell(record)
    while_learning = record.get("while_learning")
    learning = _numbers(while_learning) or [number(while_learning)]
    memory = number(record.get("memory_bits")) / 8 / 1024
    overhead = number(record.get("learning_overhead"))
    seeds = _seeds(folder, compare, record, cell)
    return {
        "cell": cell,
        "mean": _mean(cell),
        "worst": _worst(record),
        "seeds": seeds,
        "link": next((seed["link"] for seed in seeds if seed["link"]), None),
        "while_learning": sum(learning) / len(learning),
        "learning_overhead": overhead,
        "memory_kib": memory,
        # overhead = learning / inference, and memory = learning + inference
        "learning_state_kib": memory * overhead / (1 + overhead),
        "spikes_per_sample": number(record.get("spikes_per_sample")),
        "weight_writes_per_sample": number(record.get("weight_writes_per_sample")),
    }


def _seeds(
    folder: Path, compare: Record, record: Record, cell: Cell
) -> list[dict[str, Any]]:
    """Each seed of a cell with its accuracy and, where there is one, its report."""
    seeds = compare.get("seeds")
    seeds = seeds if isinstance(seeds, list) else list(range(len(cell.accuracies)))
    place = folder / str(record.get("folder") or f"{cell.rule}-{cell.device}")
    rows = []
    for index, seed in enumerate(seeds):
        run = place / f"seed-{seed}"
        page = run / "report.html"
        relative = Path(os.path.relpath(page, folder)).as_posix()
        known = index < len(cell.accuracies)
        rows.append(
            {
                "seed": seed,
                "folder": run,
                "accuracy": cell.accuracies[index] if known else math.nan,
                "link": quote(relative) if page.is_file() else None,
            }
        )
    return rows


def _energy(rows: list[dict[str, Any]]) -> energy.Table | None:
    """Estimates of all cells that have a finished run that computes."""
    cells: dict[tuple[str, str], list[Run]] = {}
    for row in rows:
        found = [run for seed in row["seeds"] if (run := _finished(seed["folder"]))]
        if found:
            cells[row["cell"].rule, row["cell"].device] = found
    return energy.comparison_table(cells) if cells else None


def _finished(folder: Path) -> Run | None:
    try:
        run = read_run(folder)
    except ValueError:
        return None
    told = run.result and run.result.get("condition", "healthy") in COMPUTES
    return run if told else None


def _chance(rows: list[dict[str, Any]]) -> float | None:
    """Chance level, from the first run folder that tells."""
    for row in rows:
        for seed in row["seeds"]:
            try:
                chance = read_run(seed["folder"]).chance
            except ValueError:
                continue
            if chance is not None:
                return chance
    return None


def _accuracy(
    cells: list[Cell],
    rules: list[str],
    devices: list[str],
    chance: float | None,
    draw: Draw,
) -> Plate | None:
    if not cells:
        return None
    panel = draw(compare_figures.dots(cells, rules, devices, chance), "compare")
    caption = (
        "Test accuracy with learning and feedback off, after the final epoch. A dot "
        "is one seed, the upright line the mean, the bar one standard deviation over "
        "seeds to either side."
    )
    return Plate("Accuracy of each rule on each device", caption, [panel])


def _costs(
    rows: list[dict[str, Any]],
    cells: list[Cell],
    rules: list[str],
    devices: list[str],
    draw: Draw,
) -> Plate | None:
    panels = []
    for key, label in COSTS:
        costs = [row[key] for row in rows]
        if any(map(math.isfinite, costs)):
            figure = compare_figures.cost(cells, costs, label, rules, devices)
            panels.append(draw(figure, f"compare_{slug(key)}"))
    if not panels:
        return None
    caption = (
        "Mean test accuracy, one standard deviation over seeds to either side, against "
        "what it takes. Learning state is what a system that only infers would not "
        "hold; all memory is that, the weights and the neuron state; spikes are those "
        "of a test sample; writes are counted in training. What is off the Pareto "
        "front pays more than another for an accuracy that is no higher."
    )
    if not all(cell.whole for cell in cells):
        caption += (
            " An open mark is a cell of which only so many seeds compute: accuracy and "
            "costs are those of these seeds, and it has no place on the front."
        )
    return Plate("Accuracy and its costs", caption, panels)
