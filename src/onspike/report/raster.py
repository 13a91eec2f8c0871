"""The figure of one sample: input, hidden spikes and readout over time."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from onspike.report import style
from onspike.report.load import Arrays

MANY_SPIKES = 6000  # more marks than this become an image
MANY_POINTS = 16000  # as many points of grey lines, too
COLUMNS = 720  # width of that image, in pixels

Limits = tuple[float, float]


def hidden(sample: Arrays) -> list[str]:
    """Names of the hidden populations that a recording holds."""
    return [key.removeprefix("z_") for key in sample if key.startswith("z_")]


def readout_limits(*samples: Arrays | None) -> Limits:
    """One range of the readout for several recordings."""
    values = np.concatenate([s["y"].ravel() for s in samples if s is not None])
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def sample(recording: Arrays, title: str, limits: Limits) -> Figure:
    """Draws one recorded sample.

    Args:
        recording: The arrays of a `sample_*.npz`.
        title: The title of the panel.
        limits: Range of the readout.
    """
    names = hidden(recording)
    heights = [1.0] + [1.5] * len(names) + [1.3]
    figure = style.figure(sum(heights) + 0.75)
    axes = figure.subplots(
        len(heights), 1, sharex=True, height_ratios=heights, squeeze=False
    )[:, 0]
    ticks = len(recording["y"])
    seconds = float(np.asarray(recording["dt"]).ravel()[0])
    unit, per_tick = ("ms", 1e3 * seconds) if ticks * seconds < 1 else ("s", seconds)
    for axis, (label, activity) in zip(
        axes,
        [("input", recording["x"])] + [(n, recording[f"z_{n}"]) for n in names],
        strict=False,
    ):
        _window(axis, recording["mask"], per_tick)
        _activity(axis, activity, per_tick)
        axis.set_ylabel(f"{label}\n({activity.shape[1]})")
    _readout(axes[-1], recording, per_tick, limits)
    axes[-1].set_xlim(0, ticks * per_tick)
    axes[-1].set_xlabel(f"time ({unit})")
    axes[0].set_title(title)
    figure.legend(
        *axes[-1].get_legend_handles_labels(), loc="outside lower left", ncols=4
    )
    figure.align_ylabels()
    return figure


def _window(axis: Axes, mask: np.ndarray, per_tick: float) -> None:
    """Shades the ticks in which a target is valid."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(bool), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        axis.axvspan(
            start * per_tick,
            stop * per_tick,
            facecolor=style.ORANGE,
            alpha=0.16,
            linewidth=0,
            label="target window" if start == edges[0] else None,
        )


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
        middle = (when + 0.5) * per_tick
        ends = np.stack([middle, who - half, middle, who + half], axis=1)
        if len(when):
            codes = np.tile([Path.MOVETO, Path.LINETO], len(when))
            axis.add_patch(
                PathPatch(
                    Path(ends.reshape(-1, 2), codes),
                    fill=False,
                    edgecolor=style.BLUE,
                    linewidth=0.8 if n > 60 else 1.0,
                    capstyle="butt",
                )
            )
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


def _readout(axis: Axes, recording: Arrays, per_tick: float, limits: Limits) -> None:
    y = recording["y"]
    time = (np.arange(len(y)) + 0.5) * per_tick
    if len(y) == 1:  # no line goes through one point: draw how long it lasts
        y, time = np.repeat(y, 2, axis=0), np.array([0.0, per_tick])
    label, answer = verdict(recording)
    _window(axis, recording["mask"], per_tick)
    coloured = [k for k in (answer, label) if k is not None and k < y.shape[1]]
    others = [k for k in range(y.shape[1]) if k not in coloured]
    rasterised = len(others) * len(y) > MANY_POINTS
    for place, k in enumerate(others):
        axis.plot(
            time,
            y[:, k],
            color=style.MUTED,
            alpha=0.8,
            linewidth=1,
            rasterized=rasterised,
            label="others" if place == 0 else None,
        )
    if label in coloured:
        axis.plot(time, y[:, label], color=style.BLUE, label=f"label: {label}")
    if answer in coloured and answer != label:
        axis.plot(time, y[:, answer], color=style.VERMILLION, label=f"answer: {answer}")
    axis.set_ylim(*limits)
    axis.set_ylabel("readout y")


def verdict(recording: Arrays) -> tuple[int | None, int | None]:
    """Label and answer of a recorded sample, `None` where they are not recorded."""
    label, answer = (
        int(np.asarray(recording[key]).ravel()[0]) if key in recording else None
        for key in ("label", "answer")
    )
    return label, answer
