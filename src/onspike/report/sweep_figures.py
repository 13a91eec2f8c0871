"""Figures of a sweep: the score of every trial, against time and each option."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from onspike.report import style
from onspike.report.load import Record, number
from onspike.report.rerun import written

HEIGHT = 2.7  # inches
JITTER = 0.28  # of the distance between two choices


@dataclass(frozen=True)
class Point:
    """One trial."""

    number: int
    settings: Record
    score: float  # NaN if it has none
    accuracies: list[float]  # one for each seed
    best: bool  # whether it won


def course(points: Sequence[Point]) -> Figure:
    """Scores in the order of the trials, and the best so far."""
    figure, axis = _empty()
    _dots(axis, [point.number for point in points], points)
    scores = [-math.inf if math.isnan(p.score) else p.score for p in points]
    so_far = np.maximum.accumulate(scores)
    known = np.isfinite(so_far)
    axis.step(
        np.array([point.number for point in points])[known],
        so_far[known],
        where="post",
        color=style.INK,
        linewidth=1,
        zorder=2,
    )
    axis.set_xlabel("trial")
    style.whole_numbers(axis)
    line = Line2D([], [], color=style.INK, linewidth=1, label="best so far")
    _finish(figure, axis, points, line)
    return figure


def against(points: Sequence[Point], option: str, searched: Record) -> Figure:
    """Scores against one option.

    Args:
        points: The trials.
        option: "section.option".
        searched: Its range, as in `sweep.toml`.
    """
    figure, axis = _empty()
    found = [point.settings.get(option) for point in points]
    if searched.get("kind") == "choice":
        names = [written(value) for value in searched.get("values", [])]
        _dots(axis, _beside([written(value) for value in found], names), points)
        axis.set_xticks(range(len(names)), names)
        axis.set_xlim(-0.5, len(names) - 0.5)
    else:
        _dots(axis, found, points)
        if searched.get("kind") == "log":
            _log(axis, number(searched.get("high")) / number(searched.get("low")))
        if searched.get("kind") == "int":
            style.whole_numbers(axis)
    axis.set_xlabel(option)
    _finish(figure, axis, points)
    return figure


def _empty() -> tuple[Figure, Axes]:
    figure = style.figure(HEIGHT)
    return figure, figure.add_subplot()


def _log(axis: Axes, ratio: float) -> None:
    """A logarithmic axis with labels that a range of this width has room for."""
    axis.set_xscale("log")
    labelled = (1.0,) if ratio > 100 else (1.0, 2.0, 5.0)
    axis.xaxis.set_major_locator(LogLocator(subs=labelled))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _beside(values: Sequence[str], names: Sequence[str]) -> list[float]:
    """The place of each value, with those of one name side by side."""
    shift = {
        name: iter(np.linspace(-JITTER, JITTER, max(2, values.count(name))))
        for name in names
    }
    return [names.index(value) + float(next(shift[value])) for value in values]


def _dots(axis: Axes, places: Sequence[Any], points: Sequence[Point]) -> None:
    for x, point in zip(places, points, strict=True):
        if math.isnan(point.score):
            beneath = axis.get_xaxis_transform()
            axis.plot(x, 0.03, "x", color=style.MUTED, transform=beneath)
            continue
        colour = style.VERMILLION if point.best else style.BLUE
        over = 4 if point.best else 3
        if len(point.accuracies) > 1:
            ends = [min(point.accuracies), max(point.accuracies)]
            axis.plot([x, x], ends, color=colour, linewidth=0.8, alpha=0.5, zorder=over)
        axis.plot(
            x,
            point.score,
            "o",
            color=colour,
            markeredgewidth=0,
            alpha=0.85,
            zorder=over,
        )


def _finish(figure: Figure, axis: Axes, points: Sequence[Point], *more: Line2D) -> None:
    axis.set_ylabel("validation accuracy")
    style.percent_axis(axis)
    handles = [_mark("o", style.BLUE, "trial"), _mark("o", style.VERMILLION, "best")]
    if any(math.isnan(point.score) for point in points):
        handles.append(_mark("x", style.MUTED, "no score"))
    figure.legend(
        handles=[*handles, *more],
        loc="outside lower left",
        ncols=4,
        columnspacing=1.2,
        handletextpad=0.4,
    )


def _mark(kind: str, colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker=kind, ls="", markersize=5, label=label)
