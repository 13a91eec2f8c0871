"""The one look of all figures, and how a figure becomes a part of a page.

Colours are those of Okabe and Ito, safe for colour-blind readers. A figure file has
the light ones. On a page each colour is a CSS variable with the light one as
fallback, so that one figure serves light and dark.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as MplPath
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox

from onspike.report.files import write_atomic

Draw = Callable[[Figure, str], Markup]  # (figure, name of its files) -> panel

PAPER = "#ffffff"
INK = "#20252b"
MUTED = "#69727c"
GRID = "#e4e7eb"
BLUE = "#0072b2"
VERMILLION = "#d55e00"
GREEN = "#009e73"
ORANGE = "#e69f00"
PURPLE = "#cc79a7"
SKY = "#56b4e9"

SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, MUTED)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

VARIABLES = {
    PAPER: "paper",
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    BLUE: "blue",
    VERMILLION: "vermillion",
    GREEN: "green",
    ORANGE: "orange",
    PURPLE: "purple",
    SKY: "sky",
}

WIDTH = 4.6  # inches: half of a page, the whole of a phone
PNG_DPI = 200

# What users get too, by `plt.style.use("onspike.look")`, and what files need besides.
_LOOK = Path(__file__).parent.parent / "look.mplstyle"
RC: dict[Any, Any] = {
    **matplotlib.rc_params_from_file(_LOOK, use_default_template=False),
    "text.parse_math": False,  # names come from files: a `$` is a `$`
    "svg.hashsalt": "onspike",
}

_STYLE = re.compile(r'style="([^"]*)"')
_PATH = re.compile(r' d="([^"]*)"')
_LONG = re.compile(r"(\.\d\d)\d+")
_UPRIGHT = re.compile(r"M (\S+) (\S+) L \1 (\S+) ?")
_COLOUR = re.compile("|".join(VARIABLES))


@contextmanager
def look() -> Iterator[None]:
    """The settings of all figures, while they are drawn and saved."""
    with matplotlib.rc_context(RC):
        yield


def figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of one page column.

    Args:
        height: In inches.
        width: In inches.
    """
    return Figure(figsize=(width, height), layout="constrained")


def stack(
    heights: Sequence[float], left: float, legend: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure of panels under each other that share a time axis, at fixed places.

    Args:
        heights: Of the panels, in inches.
        left: Room for their labels, in inches; so are the others.
        legend: Room for a legend below them.
    """
    top, bottom, gap, right = 0.27, 0.44 + legend, 0.13, 0.12
    whole = top + bottom + sum(heights) + gap * (len(heights) - 1)
    figure = Figure(figsize=(WIDTH, whole))
    figure.set_layout_engine("none")
    axes, place, wide = [], whole - top, WIDTH - left - right
    for height in heights:
        place -= height
        bounds = (left / WIDTH, place / whole, wide / WIDTH, height / whole)
        axis = figure.add_axes(bounds, sharex=axes[0] if axes else None)
        axis.yaxis.set_label_coords((0.33 - left) / wide, 0.5)
        axes.append(axis)
        place -= gap
    for axis in axes[:-1]:
        axis.tick_params(axis="x", labelbottom=False)
    axes[-1].tick_params(axis="x", labelbottom=True)
    return figure, axes


def level(axis: Axes, height: float | None, name: str = "chance") -> None:
    """Marks a level, if it is known, with its name beside the axis."""
    if height is None:
        return
    axis.axhline(height, color=MUTED, linestyle=":", linewidth=1)
    axis.annotate(
        name,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        color=MUTED,
    )


def percent_axis(axis: Axes, which: str = "y") -> None:
    """Labels an axis of shares in per cent."""
    target = axis.yaxis if which == "y" else axis.xaxis
    target.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def whole_numbers(axis: Axes) -> None:
    """Puts the ticks of the x axis at whole numbers."""
    axis.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def time_unit(recording: Mapping[str, np.ndarray]) -> tuple[str, float]:
    """The unit of a recording's time axis, and how much of it a tick is."""
    ticks, dt = len(recording["mask"]), float(np.asarray(recording["dt"]).ravel()[0])
    return ("ms", 1e3 * dt) if ticks * dt < 1 else ("s", dt)


def window(
    axis: Axes, mask: np.ndarray, per_tick: float, label: str | None = None
) -> None:
    """Shades the ticks in which a target is valid, unless all are."""
    if mask.all():
        return
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(bool), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        axis.axvspan(
            start * per_tick,
            stop * per_tick,
            facecolor=ORANGE,
            alpha=0.16,
            linewidth=0,
            label=label,
        )


def marks(
    axis: Axes, when: np.ndarray, low: Any, high: Any, width: float = 1.0
) -> None:
    """Spikes: one upright mark each, all of them one path.

    Args:
        axis: Where.
        when: Their times.
        low: Where marks begin, for all or for each.
        high: Where they end.
        width: Their line width, in points.
    """
    if not len(when):
        return
    ends = np.stack(np.broadcast_arrays(when, low, when, high), axis=1)
    codes = np.tile([MplPath.MOVETO, MplPath.LINETO], len(when))
    look = {"edgecolor": BLUE, "linewidth": width, "capstyle": "butt"}
    axis.add_patch(PathPatch(MplPath(ends.reshape(-1, 2), codes), fill=False, **look))


def thinned(
    time: np.ndarray, values: np.ndarray, most: int = 600
) -> tuple[np.ndarray, np.ndarray]:
    """A line of fewer points that looks the same: extremes of each stretch."""
    if len(values) <= 2 * most:
        return time, values
    picked = []
    for part in np.array_split(np.arange(len(values)), most):
        low, high = np.argmin(values[part]), np.argmax(values[part])
        picked += sorted({part[low], part[high]})
    return time[picked], values[picked]


def save(drawn: Figure, folder: Path, name: str) -> Markup:
    """Saves a figure as SVG and PNG.

    Args:
        drawn: The figure.
        folder: Where the two files go.
        name: Their name without suffix, which may hold `a-z0-9_-` only.

    Returns:
        The figure as an `<svg>` for a page.
    """
    _settle(drawn)
    svg, png = io.BytesIO(), io.BytesIO()
    # `savefig` would draw each file twice: once to see where things go, which is known.
    drawn.set_dpi(PNG_DPI)
    FigureCanvasSVG(drawn).print_svg(svg, metadata={"Date": None})
    drawn.set_dpi(PNG_DPI)  # which SVG has changed
    FigureCanvasAgg(drawn).print_png(png)
    write_atomic(folder / f"{name}.svg", svg.getvalue())
    write_atomic(folder / f"{name}.png", png.getvalue())
    return inline(svg.getvalue().decode("utf-8"), name)


def _settle(drawn: Figure) -> None:
    """Lays a figure out once, for all its files, to places that repeat exactly."""
    engine = drawn.get_layout_engine()
    if engine is None:  # it has its places
        return
    engine.execute(drawn)
    drawn.set_layout_engine("none")
    for axis in drawn.axes:
        bounds = (round(v, 4) for v in axis.get_position(original=True).bounds)
        axis.set_position(Bbox.from_bounds(*bounds))


def saver(folder: Path) -> Draw:
    """What saves each figure that it is given into `folder`, as `save` does."""
    return lambda drawn, name: save(drawn, folder, name)


def inline(svg: str, name: str) -> Markup:
    """An SVG file as a part of a page: own ids, page colours, no preamble.

    Args:
        svg: The file, as matplotlib writes it.
        name: What all its ids will begin with.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style.*?</style>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', svg)
    svg = re.sub(r'xlink:href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = _STYLE.sub(lambda m: f'style="{_COLOUR.sub(_variable, m[1])}"', svg)
    svg = _PATH.sub(_shorter, svg)
    return Markup(svg.replace("<svg ", '<svg role="img" ', 1))


def _shorter(match: re.Match[str]) -> str:
    digits = " ".join(_LONG.sub(r"\1", match[1]).split())
    upright = _UPRIGHT.sub(r"M\1 \2V\3", digits)
    return f' d="{upright}"'


def _variable(match: re.Match[str]) -> str:
    return f"var(--{VARIABLES[match[0]]}, {match[0]})"
