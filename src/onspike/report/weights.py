"""Figures of weights: how they are distributed, and how far they go."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from onspike.report import style
from onspike.report.load import Record, number, table

QUANTILES = 5  # of metrics.jsonl: 5, 25, 50, 75 and 95 %


def distribution(name: str, weights: Mapping[str, np.ndarray]) -> Figure:
    """Weights of a projection at some moments, in the same bins.

    Args:
        name: The projection.
        weights: Its weights, by the moment: "before", "during", "after" training.
    """
    kept = {
        when: array[np.isfinite(array)].astype(float) for when, array in weights.items()
    }
    low, high = _range(*kept.values())
    size = max(array.size for array in kept.values())
    bars = int(np.clip(2 * size**0.5, 12, 52))
    bins = np.linspace(low, high, bars).tolist()
    figure = style.figure(2.4)
    axis = figure.add_subplot()
    for when, array in kept.items():
        beyond = int(np.sum((array < low) | (array > high)))
        label = f"{when} ({beyond:,} beyond)" if beyond else when
        axis.hist(array, bins, label=label, **_LOOKS[when])
    axis.set_xlabel("weight")
    axis.set_ylabel("synapses")
    axis.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    figure.legend(loc="outside lower left", ncols=3, columnspacing=1)
    axis.set_title(name)
    return figure


_LOOKS = {
    "before": {"color": style.MUTED, "alpha": 0.45},
    "during": {"histtype": "step", "color": style.ORANGE, "linewidth": 1.1},
    "after": {"histtype": "step", "color": style.BLUE, "linewidth": 1.4},
}


def _range(*arrays: np.ndarray) -> tuple[float, float]:
    """What the axis shows: all, but for a few weights that are far from all others."""
    everything = np.concatenate([array.ravel() for array in arrays])
    if not everything.size:
        return -1.0, 1.0
    low, high = float(everything.min()), float(everything.max())
    most = [np.quantile(array, (0.005, 0.995)) for array in arrays if array.size]
    inner_low = float(min(quantiles[0] for quantiles in most))
    inner_high = float(max(quantiles[1] for quantiles in most))
    margin = 0.5 * (inner_high - inner_low)
    if margin > 0:
        low, high = max(low, inner_low - margin), min(high, inner_high + margin)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def projections(epochs: Sequence[Record]) -> list[str]:
    """Names of the projections whose course the metrics tell."""
    return list(dict.fromkeys(n for line in epochs for n in table(line, "weights")))


def course(epochs: Sequence[Record], name: str) -> Figure | None:
    """Quantiles of a projection's weights over epochs; None if none are recorded."""
    when, rows = [], []
    for line in epochs:
        values = table(table(line, "weights"), name).get("quantiles")
        known = [number(v) for v in values] if isinstance(values, list) else []
        if (
            len(known) == QUANTILES
            and np.isfinite([number(line.get("epoch")), *known]).all()
        ):
            when.append(number(line.get("epoch")))
            rows.append(known)
    if not rows:
        return None
    lowest, low, middle, high, highest = np.asarray(rows).T
    figure = style.figure(2.4)
    axis = figure.add_subplot()
    if len(rows) == 1:  # no band goes through one point
        axis.vlines(when, lowest, highest, color=style.BLUE, alpha=0.3, linewidth=8)
        axis.vlines(when, low, high, color=style.BLUE, alpha=0.5, linewidth=8)
    labels = ("5 to 95 %", "25 to 75 %")
    for (bottom, top), alpha, label in zip(
        ((lowest, highest), (low, high)), (0.18, 0.32), labels, strict=True
    ):
        axis.fill_between(
            when, bottom, top, color=style.BLUE, alpha=alpha, linewidth=0, label=label
        )
    axis.plot(when, middle, "o-", color=style.BLUE, markersize=3, label="median")
    axis.set_xlabel("epoch")
    axis.set_ylabel("weight")
    axis.margins(x=0.04)
    style.whole_numbers(axis)
    figure.legend(loc="outside lower left", ncols=3, columnspacing=1)
    axis.set_title(f"{name}, over epochs")
    return figure


def moved(epochs: Sequence[Record]) -> Figure | None:
    """How far the weights are from where they began; None if it is not recorded."""
    figure = style.figure(2.4)
    axis = figure.add_subplot()
    for k, name in enumerate(projections(epochs)):
        points = [(0.0, 0.0)] + [
            (
                number(line.get("epoch")),
                number(table(table(line, "weights"), name).get("moved")),
            )
            for line in epochs
        ]
        points = [point for point in points if np.isfinite(point).all()]
        if len(points) > 1:
            axis.plot(
                *zip(*points, strict=True),
                marker=style.MARKERS[k % len(style.MARKERS)],
                markersize=3.5,
                color=style.SERIES[k % len(style.SERIES)],
                label=name,
            )
    if not axis.lines:
        return None
    axis.set_ylim(bottom=0)
    axis.set_xlabel("epoch")
    axis.set_ylabel("|w − w₀| / |w₀|")
    axis.margins(x=0.04)
    style.whole_numbers(axis)
    figure.legend(loc="outside lower left", ncols=4, columnspacing=1)
    axis.set_title("Distance from the first weights")
    return figure
