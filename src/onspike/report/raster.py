"""The figure of one sample: input, hidden spikes, membranes and readout over time."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from onspike.report import style
from onspike.report.load import Arrays

MANY_SPIKES = 6000  # more marks than this become an image
MANY_POINTS = 6000  # as many points of grey lines, too
COLUMNS = 720  # width of that image, in pixels
LANES = 3  # neurons of a population whose membranes are drawn
SOFTMAX = "CrossEntropy"  # the loss that compares the softmax of y with the target

Limits = tuple[float, float]


def populations(sample: Arrays, kind: str = "z") -> list[str]:
    """Names of the populations of which a recording holds spikes ("z"), or "v"."""
    return [
        key.removeprefix(f"{kind}_") for key in sample if key.startswith(f"{kind}_")
    ]


def readout_limits(samples: Iterable[Arrays]) -> Limits:
    """One range of the readout for several recordings."""
    values = np.concatenate([s["y"].ravel() for s in samples])
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


class Lane(NamedTuple):
    """One neuron, in all recordings."""

    column: int  # where its membrane stands
    neuron: int  # which one of its population it is
    low: float  # range of its membrane
    high: float


def lanes(samples: Iterable[Arrays]) -> dict[str, list[Lane]]:
    """Those recorded neurons of each population that fire most, in all recordings."""
    every, found = list(samples), {}
    for name in dict.fromkeys(n for s in every for n in populations(s, "v")):
        seen = [s for s in every if f"v_{name}" in s]
        n = seen[0][f"v_{name}"].shape[1]
        key = f"neurons_{name}"
        numbers = seen[0][key] if key in seen[0] else np.arange(n)
        fired = np.sum([s[f"z_{name}"][:, numbers].sum(0) for s in seen], axis=0)
        busiest = np.argsort(-fired.astype(float), kind="stable")[:LANES]
        found[name] = [
            Lane(k, int(numbers[k]), *_range(seen, name, k))
            for k in np.sort(busiest).tolist()
        ]
    return found


def _range(samples: list[Arrays], name: str, k: int) -> Limits:
    v = np.concatenate([s[f"v_{name}"][:, k] for s in samples])
    v = v[np.isfinite(v)] if np.isfinite(v).any() else np.zeros(1)
    levels = [s[f"threshold_{name}"][k] for s in samples if f"threshold_{name}" in s]
    low, high = np.quantile(v, (0.01, 0.999))
    low, high = float(min([low, *levels])), float(max([high, *levels]))
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def sample(
    recording: Arrays, title: str, limits: Limits, membranes: dict[str, list[Lane]]
) -> Figure:
    """Draws one recorded sample.

    Args:
        recording: The arrays of a `sample_*.npz`.
        title: The title of the panel.
        limits: Range of the readout.
        membranes: Which of them, as `lanes` gives them.
    """
    names = populations(recording)
    inside = [name for name in membranes if f"v_{name}" in recording]
    loss = str(recording["loss"]) if "loss" in recording else None
    y, votes = recording["y"], None
    if np.isin(y, (0, 1)).all():  # a readout of spikes says something by their number
        votes = np.cumsum(y * recording["mask"].astype(bool)[:, None], axis=0)
    target = "target" in recording and loss is not None and votes is None
    compared = loss == SOFTMAX and target
    heights = [1.0, *[1.4] * len(names), *[1.2] * len(inside), 1.15]
    heights += [0.75] * compared
    figure, axes = style.stack(heights, left=0.72, legend=0.42)
    unit, per_tick = style.time_unit(recording)
    rows = iter(axes)
    shown = [("input", recording["x"])] + [(n, recording[f"z_{n}"]) for n in names]
    for label, activity in shown:
        axis = next(rows)
        style.window(axis, recording["mask"], per_tick)
        _activity(axis, activity, per_tick)
        axis.set_ylabel(f"{label}\n({activity.shape[1]})")
    for name in inside:
        axis = next(rows)
        style.window(axis, recording["mask"], per_tick)
        _lanes(axis, recording, name, membranes[name], per_tick)
    readout = next(rows)
    _readout(readout, recording, y if votes is None else votes, per_tick)
    if votes is None:
        readout.set_ylim(*limits)
    else:
        readout.set_ylim(-0.05, max(1.05, 1.05 * votes.max()))
    readout.set_ylabel("readout y" if votes is None else "spikes of y\nso far")
    asked = readout
    if compared:
        asked = next(rows)
        _readout(asked, recording, _softmax(y), per_tick)
        asked.set_ylim(-0.06, 1.06)
        asked.set_ylabel("softmax(y)")
    if target:
        _target(asked, recording, per_tick)
    axes[-1].set_xlim(0, len(recording["y"]) * per_tick)
    axes[-1].set_xlabel(f"time ({unit})")
    axes[0].set_title(title)
    named = {
        label: line
        for axis in axes[len(shown) :]
        for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        named.values(), named.keys(), loc="lower left", ncols=4, columnspacing=1
    )
    return figure


def _activity(axis: Axes, activity: np.ndarray, per_tick: float) -> None:
    """Spikes as marks; graded or very dense activity as an image."""
    ticks, n = activity.shape
    axis.grid(False)
    axis.set_ylim(n - 0.5, -0.5)
    axis.set_yticks([0, n - 1] if n > 1 else [0])
    spikes = np.isin(activity, (0, 1)).all()
    when, who = np.nonzero(activity)
    if spikes and len(when) <= MANY_SPIKES:
        half = 0.5 if n > 60 else 0.4
        width = 0.8 if n > 60 else 1.0
        style.marks(axis, (when + 0.5) * per_tick, who - half, who + half, width)
        return
    bins = np.array_split(np.arange(ticks), min(ticks, COLUMNS))
    pooled = np.stack([_strongest(activity[b]) for b in bins], axis=1)
    scale = np.abs(pooled).max(initial=0) or 1.0
    image = np.empty((*pooled.shape, 4))
    image[..., :3] = np.where(
        pooled[..., None] >= 0, to_rgb(style.BLUE), to_rgb(style.VERMILLION)
    )
    image[..., 3] = np.abs(pooled) / scale
    axis.imshow(
        image,
        aspect="auto",
        interpolation="none",
        extent=(0, ticks * per_tick, n - 0.5, -0.5),
    )


def _strongest(block: np.ndarray) -> np.ndarray:
    """The value of largest size in each column of a block of ticks."""
    rows = np.abs(np.nan_to_num(block)).argmax(axis=0)
    return np.nan_to_num(block)[rows, np.arange(block.shape[1])].astype(float)


def _lanes(
    axis: Axes, recording: Arrays, name: str, shown: list[Lane], per_tick: float
) -> None:
    """A lane for each neuron: its membrane, its threshold, and its spikes above."""
    v, z = recording[f"v_{name}"], recording[f"z_{name}"]
    threshold = recording.get(f"threshold_{name}")
    time = (np.arange(len(v)) + 0.5) * per_tick
    bottoms = 1.45 * np.arange(len(shown))[::-1]
    for bottom, lane in zip(bottoms, shown, strict=True):
        height = lane.high - lane.low
        if threshold is not None:
            axis.axhline(
                bottom + (threshold[lane.column] - lane.low) / height,
                color=style.MUTED,
                linestyle=":",
                linewidth=0.8,
                label="threshold",
            )
        values = np.clip((v[:, lane.column] - lane.low) / height, -0.08, 1.08)
        axis.plot(
            *style.thinned(time, bottom + values),
            color=style.INK,
            linewidth=0.7,
            label="membrane",
        )
        fired = time[np.flatnonzero(z[:, lane.neuron])]
        style.marks(axis, fired, bottom + 1.1, bottom + 1.3)
    axis.grid(False)
    axis.set_ylim(-0.2, bottoms[0] + 1.4)
    axis.set_yticks(bottoms + 0.5, [f"#{lane.neuron}" for lane in shown])
    axis.tick_params(axis="y", length=0)
    axis.set_ylabel(f"{name}\nmembrane v")


def _readout(axis: Axes, recording: Arrays, y: np.ndarray, per_tick: float) -> None:
    time = (np.arange(len(y)) + 0.5) * per_tick
    if len(y) == 1:  # no line goes through one point: draw how long it lasts
        y, time = np.repeat(y, 2, axis=0), np.array([0.0, per_tick])
    label, answer = verdict(recording)
    style.window(axis, recording["mask"], per_tick, label="target window")
    coloured = [k for k in (answer, label) if k is not None and k < y.shape[1]]
    others = [k for k in range(y.shape[1]) if k not in coloured]
    lines = [style.thinned(time, y[:, k]) for k in range(y.shape[1])]
    rasterised = sum(len(lines[k][0]) for k in others) > MANY_POINTS
    for k in others:
        axis.plot(
            *lines[k],
            color=style.MUTED,
            alpha=0.8,
            linewidth=1,
            rasterized=rasterised,
            label="others",
        )
    if label in coloured:
        axis.plot(*lines[label], color=style.BLUE, label=f"label: {label}")
    if answer in coloured and answer != label:
        axis.plot(*lines[answer], color=style.VERMILLION, label=f"answer: {answer}")


def _softmax(y: np.ndarray) -> np.ndarray:
    powers = np.exp(y - y.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _target(axis: Axes, recording: Arrays, per_tick: float) -> None:
    """What the label's unit should be, where that is asked."""
    label, _ = verdict(recording)
    target = np.asarray(recording["target"], float).ravel()
    which = range(len(target)) if label is None else [label]
    mask = recording["mask"].astype(bool)
    time = (np.arange(len(mask)) + 0.5) * per_tick
    for k in (k for k in which if k < len(target)):
        axis.plot(
            time,
            np.where(mask, target[k], np.nan),
            color=style.GREEN,
            linewidth=2.4,
            solid_capstyle="butt",
            label="target",
        )


def verdict(recording: Arrays) -> tuple[int | None, int | None]:
    """Label and answer of a recorded sample, `None` where they are not recorded."""
    label, answer = (
        int(np.asarray(recording[key]).ravel()[0]) if key in recording else None
        for key in ("label", "answer")
    )
    return label, answer
