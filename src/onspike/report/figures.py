"""Figures of one run, from its metrics and its result: data in, `Figure` out."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from onspike.report import style
from onspike.report.load import Record, named, number, table

Curve = list[tuple[float, float]]  # (epoch, value) where the value is a number

READABLE = 12  # more classes than this get no number in each cell


def curve(epochs: Sequence[Record], key: str) -> Curve:
    """The values of `key` over the epochs, without those that are no numbers."""
    points = [(number(line.get("epoch")), number(line.get(key))) for line in epochs]
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def accuracy_limits(*curves: Curve, chance: float | None) -> tuple[float, float]:
    """One range of accuracies for several panels, chance level included."""
    values = [y for points in curves for _, y in points]
    values += [chance] if chance is not None else []
    low = min(values, default=0.0)
    return max(-0.03, math.floor(low * 10) / 10 - 0.05), 1.03


def validation_curve(
    points: Curve,
    test: tuple[float, float] | None,
    chance: float | None,
    limits: tuple[float, float],
) -> Figure:
    """Validation accuracy over epochs, and the test accuracy at the end."""
    figure = style.figure(2.7)
    axis = figure.add_subplot()
    axis.plot(*zip(*points, strict=True), "o-", color=style.BLUE, label="validation")
    if test is not None:
        axis.plot(
            *test,
            "D",
            color=style.VERMILLION,
            markersize=6,
            zorder=5,
            clip_on=False,
            label="test, final epoch",
        )
    _accuracy_axes(axis, chance, limits)
    axis.legend(loc="best")
    axis.set_title("Learning and feedback off")
    return figure


def while_learning_curve(
    points: Curve, chance: float | None, limits: tuple[float, float]
) -> Figure:
    """Accuracy with learning on: in another panel, and in another colour."""
    figure = style.figure(2.7)
    axis = figure.add_subplot()
    axis.plot(
        *zip(*points, strict=True),
        "o--",
        color=style.MUTED,
        markerfacecolor=style.PAPER,
    )
    _accuracy_axes(axis, chance, limits)
    axis.set_title("While learning: not a result")
    return figure


def _accuracy_axes(
    axis: Axes, chance: float | None, limits: tuple[float, float]
) -> None:
    style.level(axis, chance)
    axis.set_ylim(*limits)
    axis.set_xlabel("epoch")
    axis.set_ylabel("accuracy")
    axis.margins(x=0.04)
    style.percent_axis(axis)
    style.whole_numbers(axis)


def shares(
    values: dict[str, float],
    title: str,
    kind: str,
    quantity: str,
    level: tuple[float | None, str],
) -> Figure:
    """One bar per group or class.

    Args:
        values: Shares, between 0 and 1, by name.
        title: The title of the panel.
        kind: What the names are, below the axis.
        quantity: What the bars are, beside the axis.
        level: Height, if known, and name of the dotted line.
    """
    figure = style.figure(2.7)
    axis = figure.add_subplot()
    places = np.arange(len(values))
    heights = np.nan_to_num(np.array(list(values.values()), dtype=float))
    bars = axis.bar(places, heights, width=0.62, color=style.BLUE)
    if len(values) <= READABLE:
        texts = [f"{100 * height:.1f}" for height in heights]
        ground = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6}
        axis.bar_label(bars, texts, padding=2.5, fontsize=8, bbox=ground, zorder=3)
    style.level(axis, *level)
    _names(axis, list(values))
    axis.set_xlim(-0.7, len(values) - 0.3)
    axis.set_ylim(0, max(float(heights.max(initial=0)) * 1.14, 0.05))
    axis.set_xlabel(kind)
    axis.set_ylabel(quantity)
    axis.tick_params(axis="x", length=0)
    style.percent_axis(axis)
    axis.set_title(title)
    return figure


def _names(axis: Axes, names: list[str]) -> None:
    step = math.ceil(len(names) / 26)
    short = [name if len(name) <= 18 else f"{name[:17]}…" for name in names]
    crowded = sum(len(name) + 2 for name in short[::step]) > 50
    axis.set_xticks(
        range(0, len(names), step),
        short[::step],
        rotation=40 if crowded else 0,
        ha="right" if crowded else "center",
        rotation_mode="anchor",
    )


def confusion(counts: np.ndarray) -> Figure:
    """Share of each label's samples that got each answer; the counts in figures.

    Args:
        counts: (n, n), by label and answer.
    """
    n = len(counts)
    figure = style.figure(2.9, 3.1)
    axis = figure.add_subplot()
    axis.set_aspect("equal")
    axis.grid(False)
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for (row, column), share in np.ndenumerate(counts / totals):
        colour = style.BLUE if row == column else style.VERMILLION
        if share > 0:
            axis.add_patch(
                Rectangle(
                    (column - 0.5, row - 0.5),
                    1,
                    1,
                    facecolor=colour,
                    alpha=0.08 + 0.92 * share,
                    lw=0,
                )
            )
        if n <= READABLE and counts[row, column] > 0:
            axis.text(
                column,
                row,
                f"{counts[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=9 if n <= 6 else 7,
                color=style.PAPER if share > 0.55 else style.INK,
            )
    axis.set_xlim(-0.5, n - 0.5)
    axis.set_ylim(n - 0.5, -0.5)
    for spine in axis.spines.values():
        spine.set_visible(True)
    step = math.ceil(n / 20)
    axis.set_xticks(range(0, n, step))
    axis.set_yticks(range(0, n, step))
    axis.tick_params(length=0)
    axis.set_xlabel("answer")
    axis.set_ylabel("label")
    axis.set_title("Confusion")
    return figure


def rates(epochs: Sequence[Record], population: str) -> Figure:
    """Mean rate and rate of the fastest neuron of a population, over epochs."""
    lines = [
        {"epoch": line.get("epoch"), **table(table(line, "rates"), population)}
        for line in epochs
    ]
    figure = style.figure(2.4)
    axis = figure.add_subplot()
    for key, label, marks, colour in (
        ("max", "fastest neuron", "s--", style.ORANGE),
        ("mean", "mean", "o-", style.BLUE),
    ):
        points = curve(lines, key)
        if points:
            axis.plot(*zip(*points, strict=True), marks, color=colour, label=label)
    axis.set_ylim(0, max(axis.get_ylim()[1], 1))
    axis.set_xlabel("epoch")
    axis.set_ylabel("rate (Hz)")
    axis.margins(x=0.04)
    style.whole_numbers(axis)
    if axis.lines:
        figure.legend(loc="outside lower left", ncols=2)
    axis.set_title(population)
    return figure


def final_rates(record: Record) -> list[tuple[str, float, float, float]]:
    """Rows of (population, mean Hz, fastest Hz, silent share)."""
    rows = []
    for name, values in table(record, "rates").items():
        row = named(values)
        mean, fastest, silent = (
            row.get(key, math.nan) for key in ("mean", "max", "silent")
        )
        rows.append((name, mean, fastest, silent))
    return rows
