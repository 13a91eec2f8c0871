"""The picture of the README: a sample from inside, and the feedback unplugged.

Left, one sample of cue accumulation in a network that has learnt it. Right, one layer
and two that learn Yin-Yang under feedback control: what the controllers make of the
output, and what the weights make of it alone.

    python studies/picture.py [--out docs/figures]
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import together
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onspike.experiment import measure
from onspike.experiment.run import beginning, rounds
from onspike.experiment.spec import resolve
from onspike.probe import watch_ticks
from onspike.report import style

SAMPLE = 12  # of the test split: five cues to two
EVERY = 1000  # samples between two tests without controllers
DARK = {style.INK: "#e6e9ec", style.MUTED: "#98a2ac", style.GRID: "#3a414a"}
LEFT, RIGHT, NOISE = style.BLUE, style.VERMILLION, style.MUTED


def sample() -> dict[str, np.ndarray]:
    """Every tick of a test sample, learnt from as a training sample would be."""
    spec = resolve("cue-accumulation", settings={"train.epochs": 3})
    runs = together.program([spec])
    last = None
    for last in rounds(runs, beginning(runs, 1), 3, 1):
        print(f"cue accumulation: epoch {last.position.epoch} of 3", flush=True)
    assert last is not None
    (learner, task), state = runs.one(0), runs.of(last.state, 0)
    episode = task.sample("test", jnp.int32(SAMPLE), runs.keys[0].data)
    batch = jax.tree.map(lambda a: a[None], episode)

    def kept(_: Any, look: Any) -> dict[str, jax.Array]:
        (factors,) = look.factors
        spikes, signal = look.neurons["hidden"].z, factors.signal["hidden"]
        return {"x": look.x, "z": spikes, "y": look.y, "signal": signal}

    begin = jnp.int32(0)
    _, film = jax.jit(
        lambda s, b: watch_ticks(learner, task, s, b, begin, task.ticks, kept)
    )(state, batch)
    film = {name: np.asarray(a) for name, a in film.items()}
    return film | {"sides": np.asarray(episode.content.sides), "mask": task.mask()}


def control(rule: str, **settings: Any) -> np.ndarray:
    """Samples seen, accuracy with the controllers on, and of the weights alone."""
    sizes = {"task.train_samples": 5000, "train.epochs": 3}
    spec = resolve("yin-yang", rule=rule, settings=sizes | settings)
    runs, points = together.program([spec]), []
    learner, task = runs.one(0)
    begin, epochs = beginning(runs, spec.train.batch), spec.train.epochs
    for step in rounds(runs, begin, epochs, spec.train.batch, segment=EVERY):
        (tally,) = step.tallies  # of the epoch so far
        params, data = runs.params(step.state, 0), runs.keys[0].data
        off = measure.evaluate(learner.subject, task, params, "validation", data, 500)
        seen = EVERY * (1 + len(points))
        points.append((seen, measure.accuracy(tally), measure.accuracy(off)))
    print(f"{rule}: {points[-1]}", flush=True)
    return np.array(points).T


def dots(axis: Axes, spikes: np.ndarray, colours: list[str], size: float) -> None:
    """A raster: neuron i of colour i."""
    ticks, neurons = np.nonzero(spikes)
    chosen = np.array(colours)[neurons]
    axis.scatter(1e-3 * ticks, neurons, s=size, c=chosen, lw=0, rasterized=True)
    axis.set(ylim=(-1, spikes.shape[1]), yticks=[], xticks=[])
    axis.grid(False)
    axis.spines["left"].set_visible(False)


def inside(figure: Figure, film: dict[str, np.ndarray], place: Any) -> None:
    """One sample: input, hidden neurons, readout, learning signal."""
    rows = place.subgridspec(4, 1, height_ratios=(1.3, 2.0, 1.1, 1.1), hspace=0.36)
    axes = [figure.add_subplot(row) for row in rows]
    cues, end = len(film["sides"]), 1e-3 * len(film["x"])
    window = 1e-3 * np.flatnonzero(film["mask"])[0]
    for axis in axes:
        axis.axvspan(window, end, color=style.GREEN, alpha=0.16, lw=0)
        axis.set_xlim(-0.01, end)
    groups = [LEFT, RIGHT, style.GREEN, NOISE]
    order = np.r_[30:40, 20:30, 10:20, 0:10]  # noise at the foot, cues on top
    dots(axes[0], film["x"][:, order], [groups[i // 10] for i in order], 2.6)
    shares = np.bincount(film["sides"], minlength=2)
    axes[0].set_title(f"input: {cues} cues, {shares[0]} left and {shares[1]} right")
    axes[0].text(0.5 * (1.05 + window), 25, "one second of noise", ha="center")
    axes[0].text(end, 44, "which were more?", ha="right", color=style.GREEN)
    hears = film["signal"][film["mask"]].mean(0)
    order = np.argsort(hears)
    told = [LEFT if hears[i] < 0 else RIGHT for i in order]
    dots(axes[1], film["z"][:, order], told, 2.6)
    axes[1].set_title(f"{len(order)} hidden neurons that remember")
    time = 1e-3 * np.arange(len(film["y"]))
    for k, (name, colour) in enumerate((("left", LEFT), ("right", RIGHT))):
        axes[2].plot(time, film["y"][:, k], color=colour, label=name)
    axes[2].set(title="readout", xticks=[], yticks=[])
    axes[2].legend(loc="lower right", bbox_to_anchor=(1.0, 0.92), ncols=2)
    for i in order:
        colour = LEFT if hears[i] < 0 else RIGHT
        axes[3].plot(time, film["signal"][:, i], color=colour, lw=0.6, alpha=0.7)
    axes[3].set(
        title="what each hidden neuron is told: nothing until there is a target"
    )
    axes[3].set(yticks=[], xlabel="seconds")
    for axis in axes[2:]:
        axis.spines["left"].set_visible(False)


def unplugged(axis: Axes, one: np.ndarray, two: np.ndarray) -> None:
    """Accuracy with the controllers on, and without them."""
    for points, colour in (two, style.GREEN), (one, style.ORANGE):
        seen, on, off = points
        axis.plot(1e-3 * seen, 100 * on, color=colour, ls=(0, (4, 2)), lw=1.2)
        axis.plot(1e-3 * seen, 100 * off, color=colour, lw=2.2)
    bold: Any = {"weight": "bold", "va": "top"}
    axis.text(0.8, 91, "two layers,\nunplugged", color=style.GREEN, **bold)
    axis.text(15, 50, "one layer, unplugged", color=style.ORANGE, ha="right", **bold)
    middle = 0.5e-3 * one[0, -1]
    axis.text(middle, 102.5, "controllers on: looks solved", ha="center")
    axis.axhline(100 / 3, color=style.MUTED, lw=0.8, ls=":")
    axis.text(0.5, 34.5, "chance")
    axis.set(title="what the weights have learnt", ylim=(30, 107))
    axis.set(xlabel="samples seen (thousands)", ylabel="accuracy (%)")
    axis.set_yticks([40, 60, 80, 100])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    out = parser.parse_args().out
    film = sample()
    one = control("feedback-control", **{"rule.control_gain": 1.0})
    two = control("deep-feedback-control")
    for name, colours in (("light", {}), ("dark", DARK)):
        changed = {
            key: colours.get(value, value) if isinstance(value, str) else value
            for key, value in style.RC.items()
        }
        clear = {"figure.facecolor": "none", "savefig.facecolor": "none"}
        with style.look(), style.matplotlib.rc_context(changed | clear):
            figure = style.figure(4.6, 9.6)
            left, right = figure.add_gridspec(1, 2, width_ratios=(1.75, 1), wspace=0.16)
            inside(figure, film, left)
            unplugged(figure.add_subplot(right), one, two)
            figure.savefig(out / f"picture-{name}.png", dpi=style.PNG_DPI)


if __name__ == "__main__":
    main()
