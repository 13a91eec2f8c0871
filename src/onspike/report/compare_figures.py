"""Figures of a comparison: every seed as a dot, and accuracy against its costs."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from onspike.report import style

WIDE = 5.2  # inches
COLUMNS = 4  # of a legend
DECADES = 30  # from this ratio of the largest to the smallest on, an axis is a log axis


COMPUTES = ("healthy", "runaway")  # conditions in which an accuracy says something


@dataclass(frozen=True)
class Cell:
    """One rule on one device, over all seeds."""

    rule: str
    device: str
    mean: float  # over the seeds that compute
    spread: float  # standard deviation over these
    accuracies: list[float] = field(default_factory=list)  # one for each seed
    conditions: list[str] = field(default_factory=list)  # the same: how the net is

    @property
    def unwell(self) -> dict[str, int]:
        """How many seeds are in which bad condition."""
        return Counter(c for c in self.conditions if c != "healthy")

    @property
    def computing(self) -> int:
        """How many seeds compute."""
        return sum(c in COMPUTES for c in self.conditions)

    @property
    def whole(self) -> bool:
        """Whether all of them do."""
        return self.computing == len(self.conditions)


def colours(devices: Sequence[str]) -> dict[str, str]:
    """One colour for each device."""
    return {d: style.SERIES[i % len(style.SERIES)] for i, d in enumerate(devices)}


def markers(rules: Sequence[str]) -> dict[str, str]:
    """One mark for each rule."""
    return {r: style.MARKERS[i % len(style.MARKERS)] for i, r in enumerate(rules)}


def dots(
    cells: Sequence[Cell],
    rules: Sequence[str],
    devices: Sequence[str],
    chance: float | None,
) -> Figure:
    """Grouped by rule and coloured by device: each seed, the mean, the spread."""
    here = {r: [d for d in devices if (r, d) in _pairs(cells)] for r in rules}
    most = max((len(own) for own in here.values()), default=1)
    step = 0.8 / max(most, 1)
    height = max(2.2, 0.9 + len(rules) * max(0.5, 0.26 * most))
    figure = style.figure(height, WIDE)
    axis = figure.add_subplot()
    axis.grid(False)
    axis.grid(True, axis="x")
    colour = colours(devices)
    for cell in cells:
        middle = rules.index(cell.rule)
        own = here[cell.rule]
        place = middle + (own.index(cell.device) - (len(own) - 1) / 2) * step
        shown = np.asarray(cell.accuracies)
        well = np.ones(len(shown), bool)
        if len(cell.conditions) == len(shown):
            well = np.asarray([c == "healthy" for c in cell.conditions])
        shift = np.linspace(-0.16, 0.16, len(shown)) * step * (len(shown) > 1)
        if cell.spread > 0:
            axis.plot(
                [cell.mean - cell.spread, cell.mean + cell.spread],
                [place, place],
                color=style.MUTED,
                linewidth=1,
            )
        for mark, some in (("o", well), ("x", ~well)):
            axis.scatter(  # NaN draws nothing
                shown[some],
                place + shift[some],
                s=20,
                color=colour[cell.device],
                alpha=0.75,
                marker=mark,
                linewidths=0 if mark == "o" else 1.2,
                zorder=3,
            )
        axis.plot(
            [cell.mean, cell.mean],
            [place - 0.36 * step, place + 0.36 * step],
            color=style.INK,
            linewidth=1.6,
            zorder=4,
        )
    for edge in range(1, len(rules)):
        axis.axhline(edge - 0.5, color=style.GRID, linewidth=0.7)
    near = _near(chance, cells)
    if chance is not None and near:
        axis.axvline(chance, color=style.MUTED, linestyle=":", linewidth=1)
    axis.set_ylim(len(rules) - 0.5, -0.5)
    axis.set_yticks(range(len(rules)), rules)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("test accuracy, learning and feedback off")
    style.percent_axis(axis, "x")
    low, high = axis.get_xlim()
    axis.set_xlim(max(low, -0.02), min(high, 1.02))
    marks = [
        Line2D([], [], color=style.INK, marker="|", markersize=9, ls="", label="mean"),
        Line2D([], [], color=style.MUTED, lw=1, label="± spread"),
    ]
    if near:
        line = Line2D([], [], color=style.MUTED, ls=":", lw=1, label="chance")
        marks.append(line)
    if any(cell.unwell for cell in cells):
        marks.append(_dot(style.MUTED, "x", "silent, runaway or one answer"))
    _legend(figure, [_dot(colour[device], "o", device) for device in devices], marks)
    return figure


def _pairs(cells: Sequence[Cell]) -> set[tuple[str, str]]:
    return {(cell.rule, cell.device) for cell in cells}


def cost(
    cells: Sequence[Cell],
    costs: Sequence[float],
    label: str,
    rules: Sequence[str],
    devices: Sequence[str],
) -> Figure:
    """Mean accuracy against one cost; the mark tells the rule, the colour the device.

    The line is the Pareto front: whoever is not on it pays more than another for an
    accuracy that is no higher. A cell of which some seeds do not compute has no place
    on it, and an open mark.

    Args:
        cells: What to draw.
        costs: The cost of each cell, of the seeds that compute; NaN leaves it out.
        label: What the cost is, with its unit.
        rules: All rules.
        devices: All devices.
    """
    legend_rows = 1 + sum(math.ceil(len(x) / COLUMNS) for x in (rules, devices))
    figure = style.figure(2.55 + 0.18 * legend_rows)
    axis = figure.add_subplot()
    axis.grid(True, axis="x")
    colour, mark = colours(devices), markers(rules)
    points = [
        (x, cell)
        for cell, x in zip(cells, costs, strict=True)
        if math.isfinite(x) and math.isfinite(cell.mean)
    ]
    front = pareto([(x, cell.mean) for x, cell in points if cell.whole])
    if front:
        axis.step(*zip(*front, strict=True), where="post", **_FRONT)
    for x, cell in points:
        if math.isfinite(cell.spread) and cell.spread > 0:
            ends = cell.mean - cell.spread, cell.mean + cell.spread
            axis.plot([x, x], ends, color=colour[cell.device], alpha=0.4, linewidth=1)
        axis.plot(
            x,
            cell.mean,
            mark[cell.rule],
            color=colour[cell.device],
            markersize=6,
            alpha=0.85,
            **(_FULL if cell.whole else _OPEN),
        )
        if not cell.whole:
            axis.annotate(
                f"{cell.computing} of {len(cell.conditions)}",
                (x, cell.mean),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=style.MUTED,
            )
    _cost_axis(axis, [x for x in costs if math.isfinite(x)])
    axis.margins(0.08)
    axis.set_xlabel(label)
    axis.set_ylabel("test accuracy")
    style.percent_axis(axis)
    notes = [Line2D([], [], label="Pareto front", **_FRONT)]
    if not all(cell.whole for _, cell in points):
        open_mark = _dot(style.MUTED, "o", "some seeds do not compute")
        open_mark.set(**_OPEN)
        notes.append(open_mark)
    _legend(
        figure,
        [_dot(style.MUTED, mark[rule], rule) for rule in rules],
        [_dot(colour[device], "o", device) for device in devices],
        notes,
    )
    return figure


_FULL: dict[str, Any] = {"markeredgewidth": 0}
_OPEN: dict[str, Any] = {"fillstyle": "none", "markeredgewidth": 1.2}
_FRONT: dict[str, Any] = {"color": style.MUTED, "linewidth": 1, "zorder": 0}


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points (cost, gain) that no other one beats in both, by cost."""
    front: list[tuple[float, float]] = []
    for cost, gain in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or gain > front[-1][1]:
            front.append((cost, gain))
    return front


def _cost_axis(axis: Axes, costs: list[float]) -> None:
    plain = FuncFormatter(lambda x, _: f"{x:,.0f}" if abs(x) >= 1000 else f"{x:g}")
    positive = [x for x in costs if x > 0]
    if not positive or max(positive) / min(positive) < DECADES:
        axis.xaxis.set_major_formatter(plain)
        return
    if len(positive) == len(costs):
        axis.set_xscale("log")
    else:
        axis.set_xscale("symlog", linthresh=min(positive))
    axis.xaxis.set_major_formatter(plain)
    axis.xaxis.set_minor_formatter(NullFormatter())


def _dot(colour: str, mark: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker=mark, ls="", markersize=5, label=label)


def _near(chance: float | None, cells: Sequence[Cell]) -> bool:
    """Whether an axis that shows the chance level still tells the seeds apart."""
    values = [a for cell in cells for a in (cell.mean, *cell.accuracies)]
    values = [a for a in values if math.isfinite(a)]
    if chance is None or not values:
        return False
    return min(values) - chance <= 2 * (max(values) - min(values))


def _rows(*groups: Sequence[Line2D]) -> list[list[Line2D]]:
    """Rows of a legend: a group begins on a row of its own."""
    return [
        list(group[at : at + COLUMNS])
        for group in groups
        for at in range(0, len(group), COLUMNS)
    ]


def _legend(figure: Figure, *groups: Sequence[Line2D]) -> None:
    rows = _rows(*groups)
    columns = max(map(len, rows))
    blank = Line2D([], [], ls="", label=" ")
    filled = [row + [blank] * (columns - len(row)) for row in rows]
    figure.legend(
        handles=[row[k] for k in range(columns) for row in filled],
        loc="outside lower left",
        ncols=columns,
        columnspacing=1.2,
        handletextpad=0.4,
    )
