"""The one look of all figures, and how a figure becomes a part of a page.

Colours are those of Okabe and Ito, safe for colour-blind readers. A figure file has
the light ones. On a page each colour is a CSS variable with the light one as
fallback, so that one figure serves light and dark.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
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

RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "text.parse_math": False,  # names come from files: a `$` is a `$`
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.borderaxespad": 0.3,
    "legend.handlelength": 1.6,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "onspike",
    "path.simplify": True,
    "path.simplify_threshold": 0.25,
}

_STYLE = re.compile(r'style="([^"]*)"')
_PATH = re.compile(r' d="([^"]*)"')
_LONG = re.compile(r"(\.\d\d)\d+")
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
    drawn.draw_without_rendering()
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
    digits = _LONG.sub(r"\1", match[1])
    return f' d="{" ".join(digits.split())}"'


def _variable(match: re.Match[str]) -> str:
    return f"var(--{VARIABLES[match[0]]}, {match[0]})"
