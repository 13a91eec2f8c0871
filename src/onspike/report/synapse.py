"""The figure of one synapse through one sample: what a rule multiplies."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from onspike.report import style
from onspike.report.load import Arrays


class Synapse(NamedTuple):
    """Which one was recorded."""

    projection: str
    pre: str  # its populations
    post: str
    before: int  # the neuron before it
    after: int  # and the one after it

    @property
    def name(self) -> str:
        """From where to where it leads."""
        return f"{self.pre} #{self.before} → {self.post} #{self.after}"


def recorded(found: Arrays) -> Iterator[Synapse]:
    """The synapses of a `synapse.npz`."""
    rows = zip(
        found["projections"], found["populations"], found["synapses"], strict=True
    )
    for projection, (pre, post), (after, before) in rows:
        yield Synapse(str(projection), str(pre), str(post), int(before), int(after))


ROWS = (  # trace, label, colour, height in inches
    ("pre", "pre\nx", style.BLUE, 0.42),
    ("v", "membrane\nv", style.INK, 0.95),
    ("psi", "dz/dv\nψ", style.PURPLE, 0.6),
    ("elig", "eligibility\ne", style.GREEN, 0.8),
    ("signal", "signal\nL", style.VERMILLION, 0.8),
    ("regulariser", "regulariser\nC", style.ORANGE, 0.6),
    ("w", "weight\nw", style.BLUE, 0.8),
)


def traces(found: Arrays, synapse: Synapse, when: str) -> Figure:
    """All traces of a synapse through the sample, under each other.

    Args:
        found: The arrays of a `synapse.npz`.
        synapse: One that they hold.
        when: From which weights the sample was learnt: "before" or "after" training.
    """
    own = {
        trace: found[key]
        for trace in ("z", "mask", *(row[0] for row in ROWS))
        if (key := f"{when}.{synapse.projection}.{trace}") in found
    }
    spiking = bool(np.isin(own["z"], (0, 1)).all())
    idle = {"psi"} if not spiking else set()
    if not pulls(found, synapse):
        idle.add("regulariser")
    rows = [r for r in ROWS if r[0] in own and r[0] not in idle]
    figure, axes = style.stack([row[3] for row in rows], left=0.95)
    unit, per_tick = style.time_unit({"mask": own["mask"], "dt": found["dt"]})
    time = (np.arange(len(own["mask"])) + 0.5) * per_tick
    for axis, (trace, label, colour, _) in zip(axes, rows, strict=True):
        style.window(axis, own["mask"], per_tick)
        values = np.asarray(own[trace], float)
        axis.set_ylabel(label)
        if trace == "pre" and np.isin(values, (0, 1)).all():
            style.marks(axis, time[np.flatnonzero(values)], 0.1, 0.9)
            axis.set_ylim(0, 1)
            axis.set_yticks([])
            axis.grid(False)
            continue
        axis.plot(*style.thinned(time, values), color=colour, linewidth=1)
        level = found.get(f"threshold.{synapse.projection}")
        if trace == "v" and spiking and level is not None:
            look = {"color": style.MUTED, "linestyle": ":", "linewidth": 0.9}
            axis.plot(time[[0, -1]], np.broadcast_to(level, 2), **look)
        _range(axis, found, synapse, trace)
        if trace == "v" and spiking:
            low, high = axis.get_ylim()
            top = high + 0.22 * (high - low)
            fired = time[np.flatnonzero(own["z"])]
            style.marks(axis, fired, high + 0.06 * (high - low), top)
            axis.set_ylim(low, top)
        elif trace == "v":
            axis.set_ylabel("readout\nv")
        if trace in ("elig", "signal", "regulariser"):
            axis.axhline(0, color=style.MUTED, linewidth=0.6, zorder=0)
        axis.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]))
        form = ScalarFormatter(useOffset=False)
        form.set_powerlimits((-4, 5))
        axis.yaxis.set_major_formatter(form)
    axes[-1].set_xlim(0, len(time) * per_tick)
    axes[-1].set_xlabel(f"time ({unit})")
    axes[0].set_title(f"{when.capitalize()} training: {synapse.name}")
    return figure


def pulls(found: Arrays, synapse: Synapse) -> bool:
    """Whether a regulariser has acted on a synapse, at any of the moments."""
    own = f".{synapse.projection}.regulariser"
    return any(np.any(array) for key, array in found.items() if key.endswith(own))


def _range(axis: Axes, found: Arrays, synapse: Synapse, trace: str) -> None:
    """One range for both moments, but for what may have gone elsewhere."""
    if trace in ("v", "w"):
        axis.margins(y=0.1)
        return
    values = np.concatenate(
        [
            array
            for key, array in found.items()
            if key.endswith(f".{synapse.projection}.{trace}")
        ]
    )
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    margin = 0.08 * (high - low) or 0.5
    axis.set_ylim(low - margin, high + margin)
