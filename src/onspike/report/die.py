"""The die as it was drawn: what chance made of constants and synapses."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from onspike.report import style
from onspike.report.load import Arrays

FEW = 150  # values that are still drawn one by one
WORDS = {"injected": "gain of injected currents", "gain": "gain of weights"}
FACTORS = ("injected", "gain")  # of 1 as designed


class Drawn(NamedTuple):
    """One quantity, of a population's neurons or of a projection's synapses."""

    where: str
    what: str
    values: np.ndarray
    design: np.ndarray | None  # as designed, if it varies around a design

    @property
    def name(self) -> str:
        """Its name in words."""
        return WORDS.get(self.what, self.what)

    @property
    def factors(self) -> np.ndarray | None:
        """The values over their design; None where that is nothing, or 0."""
        if self.design is None or not np.all(self.design):
            return None
        return np.ravel(self.values / self.design)


def quantities(die: Arrays) -> Iterator[Drawn]:
    """What a `die.npz` holds, population by population, then by projection."""
    for key, values in die.items():
        kind, _, rest = key.partition(".")
        if kind in ("neurons", "synapses") and "." in rest:
            where, _, what = rest.rpartition(".")
            design = die.get(f"design.{rest}")
            if what in FACTORS:
                design = np.ones(())
            yield Drawn(where, what, values, design)


def rows(die: Arrays) -> list[dict[str, Any]]:
    """The quantities as numbers: in each row mean, spread and range, or a share."""
    found = []
    for one in quantities(die):
        values = np.asarray(one.values)
        row = {"where": one.where, "what": one.name, "n": values.size, "said": None}
        if one.what == "alive":
            row |= {"what": "dead neurons", "said": f"{int((values == 0).sum()):,}"}
        elif one.what == "sign":
            row |= {"what": "excitatory", "said": f"{int((values > 0).sum()):,}"}
        elif values.dtype == bool:
            what = "stuck synapses" if one.what == "stuck" else one.name
            row |= {"what": what, "said": f"{int(values.sum()):,}"}
        else:
            real = values.astype(float)
            design = None if one.design is None else float(np.mean(one.design))
            row |= {
                "design": design,
                "mean": float(real.mean()),
                "sd": float(real.std()),
                "low": float(real.min()),
                "high": float(real.max()),
            }
        found.append(row)
    return found


def spread(die: Arrays) -> Figure | None:
    """Every quantity that varies around a design, over it; None if there is none."""
    lines = [(q, f) for q in quantities(die) if (f := q.factors) is not None]
    if not lines:
        return None
    figure = style.figure(0.75 + 0.24 * len(lines), 5.2)
    axis = figure.add_subplot()
    axis.grid(False)
    axis.grid(True, axis="x")
    axis.axvline(1.0, color=style.MUTED, linewidth=1, linestyle=":")
    for place, (_, factors) in enumerate(lines):
        low, first, middle, last, high = np.quantile(
            factors, (0.01, 0.25, 0.5, 0.75, 0.99)
        )
        axis.plot([low, high], [place] * 2, color=style.MUTED, linewidth=1)
        axis.plot(
            [first, last],
            [place] * 2,
            color=style.BLUE,
            linewidth=5,
            alpha=0.35,
            solid_capstyle="butt",
        )
        if len(factors) <= FEW:
            axis.plot(
                factors,
                np.full(len(factors), place),
                "o",
                color=style.BLUE,
                markersize=2.6,
                alpha=0.55,
                markeredgewidth=0,
            )
        axis.plot(middle, place, "|", color=style.INK, markersize=9)
    axis.set_ylim(len(lines) - 0.5, -0.5)
    axis.set_yticks(
        range(len(lines)), [f"{drawn.where}: {drawn.name}" for drawn, _ in lines]
    )
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("value on this die / value as designed")
    return figure
