"""The published experiments with the predictive rule: a table and nine figures.

Pairing protocols against their reference values, the sequence among noise, recall in a
chain of neurons, and neurons set apart by inhibition. In double precision.

    python studies/predictive.py [--out runs/study/predictive] [--only PART ...]

Ends with status 1 if a number of the table is off by more than its tolerance.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pairings
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from pairings import Data, Row

from onspike.experiment.predictive import (
    follow,
    inhibited_learner,
    recall_learner,
    recall_network,
    respond,
    sequence_neuron,
)
from onspike.report import style
from onspike.tasks import Sequence, pairing

FROEMKE, NEVIAN = "Froemke et al. 2006", "Nevian & Sakmann 2006"

Drawn = dict[str, Figure]  # by name of the file


class Part(NamedTuple):
    """What one part of the study gives."""

    rows: list[Row]
    figures: Drawn
    said: list[str] = []  # measured, but with nothing to compare to


def panel(title: str, x: str, y: str, height: float = 2.7) -> tuple[Figure, Axes]:
    figure = style.figure(height)
    axis = figure.add_subplot()
    axis.set(title=title, xlabel=x, ylabel=y)
    return figure, axis


def window_axis(title: str) -> tuple[Figure, Axes]:
    x = "time of strong input minus time of weak input (ms)"
    figure, axis = panel(title, x, "weak weight / its start")
    axis.axhline(1, color=style.MUTED, linewidth=0.8)
    return figure, axis


def beside_data(axis: Axes, data: Data, colour: str, label: str | None = None) -> None:
    axis.errorbar(
        data.x,
        data.change,
        yerr=data.error if any(data.error) else None,
        fmt="o",
        color=colour,
        markerfacecolor=style.PAPER,
        elinewidth=0.8,
        capsize=2,
        label=label,
    )


def anticipation() -> Part:
    protocols = [pairing.anticipation(start) for start in pairings.STARTS]
    done = pairings.run(protocols)
    figure = style.figure(4.2)
    above, below = figure.subplots(2, sharex=True)
    for i, start in enumerate(pairings.STARTS):
        colour, dt = style.SERIES[i], protocols[i].task.dt
        epoch, tick = np.nonzero(done.spikes[i, :, :, 0])
        above.plot(
            epoch + 1,
            1e3 * dt * tick,
            ".",
            color=colour,
            markersize=2,
            label=f"{start:g}",
        )
        weights = done.weights["out"][i, :, 0]
        number = np.arange(1, len(weights) + 1)
        below.plot(number, weights[:, 0], color=colour)
        below.plot(number, weights[:, 1], "--", color=colour)
    for moment in (4, 8):
        above.axhline(moment, color=style.MUTED, linewidth=0.8, linestyle=":")
    above.set(title="Output spikes move towards the first input", ylabel="time (ms)")
    above.set_ylim(3.5, 13)
    above.legend(title="start weight", markerscale=4, ncols=3, loc="upper right")
    below.set(xlabel="pairing", ylabel="weight", ylim=(0, None))
    below.set_title("Weights of the first (solid) and second input (dashed)")
    return Part(pairings.anticipation(), {"anticipation": figure})


def both_orders(make: Callable[..., Any], delays: np.ndarray) -> tuple:
    """Signed delays in ms, and the changes at them, through both orders."""
    late = pairings.changes([make(delay=1e-3 * d, weak_first=False) for d in delays])
    early = pairings.changes([make(delay=1e-3 * d, weak_first=True) for d in delays])
    return np.concatenate([-delays[::-1], delays]), np.concatenate([late[::-1], early])


def draw_window(axis: Axes, x: np.ndarray, change: np.ndarray, **look: Any) -> None:
    """Two branches, which no line joins."""
    half = len(x) // 2
    axis.plot(x[:half], change[:half], **look)
    axis.plot(x[half:], change[half:], **look | {"label": None})


def classic() -> Part:
    figure, axis = window_axis("Classic window, by membrane time constant")
    for colour, tau in zip(style.SERIES, (10, 15, 20), strict=False):

        def make(delay: float, weak_first: bool, tau: int = tau) -> Any:
            return pairing.classic(delay, 1e-3 * tau, weak_first)

        x, change = both_orders(make, np.arange(2.0, 60.0))
        draw_window(axis, x, change, color=colour, label=f"{tau} ms")
    axis.legend()
    return Part(pairings.classic(), {"classic-window": figure})


def symmetric() -> Part:
    figure, axis = window_axis("Symmetric window: 5 ms membrane, low threshold")
    x, change = both_orders(pairing.symmetric, np.arange(2.0, 31.0))
    draw_window(axis, x, change, color=style.BLUE)
    return Part(pairings.symmetric(), {"symmetric-window": figure})


def frequency() -> Part:
    rows = pairings.frequency()
    figure, axis = panel("Five pairs", "pairs per second (Hz)", "weak weight / start")
    axis.axhline(1, color=style.MUTED, linewidth=0.8)
    hertz = np.array([10, 12.5, 20, 25, 40, 50, 62.5, 80, 100])
    change = pairings.changes([pairing.frequency(1 / float(f)) for f in hertz])
    axis.plot(hertz, change, color=style.BLUE, label="rule")
    beside_data(axis, pairings.FREQUENCY, style.INK, FROEMKE)
    axis.legend()
    return Part(rows, {"frequency": figure})


def spike_count() -> Part:
    rows = pairings.spike_count()
    figure, axis = panel(
        "Burst at 100 Hz", "spikes of the strong input", "weight / start"
    )
    axis.axhline(1, color=style.MUTED, linewidth=0.8)
    change = [row.measured for row in rows[:-1]]
    axis.plot(pairings.COUNTS, change, color=style.BLUE, label="rule")
    beside_data(axis, pairings.COUNT, style.INK, FROEMKE)
    style.whole_numbers(axis)
    axis.legend()
    return Part(rows, {"spike-count": figure})


def burst() -> Part:
    rows = pairings.burst()
    figure, axis = panel(
        "Three strong spikes", "their rate (Hz)", "weak weight / start"
    )
    axis.axhline(1, color=style.MUTED, linewidth=0.8)
    hertz = np.linspace(20, 100, 17)
    for first, colour, data in (
        (True, style.BLUE, pairings.WEAK_FIRST),
        (False, style.VERMILLION, pairings.WEAK_LAST),
    ):
        change = pairings.changes([pairing.burst(float(r), first) for r in hertz])
        name = "weak spike before them" if first else "weak spike after them"
        axis.plot(hertz, change, color=colour, label=name)
        beside_data(axis, data, colour)
    axis.plot([], [], "o", color=style.MUTED, mfc=style.PAPER, label=NEVIAN)
    axis.legend()
    return Part(rows, {"burst": figure})


def sequence() -> Part:
    small = Sequence(n_per_group=30, n_distractors=30, onset=62e-3, ticks=2480)
    rows = []
    for task, samples in ((small, 300), (Sequence(), 1000)):
        learner, key = sequence_neuron(task), jax.random.key(0)
        course = follow(learner, task, key, samples)
        spikes = np.asarray(course.spikes[:, :, 0])
        w = np.asarray(course.weights["out"][-1, 0])
        start = jnp.full((1, task.n_in), 0.1)
        before, after = (
            float(respond(learner.network, task, {"out": one}, key).sum((1, 2)).mean())
            for one in (start, course.weights["out"][-1])
        )
        n = task.n_per_group
        if task is small:
            rows = [
                Row("sequence of 30, spikes before learning", 173, before, 25),
                Row("sequence of 30, spikes after learning", 5, after, 6),
                Row(
                    "sequence of 30, largest of last 5", 0, float(w[25:30].max()), 2e-4
                ),
                Row("sequence of 30, mean of first 5", 0.03, float(w[:5].mean()), 0.02),
            ]
    for_data, _ = jax.random.split(key)  # as `follow` does

    @jax.vmap
    def begins(index: Any) -> Any:
        return task.episode("train", index, for_data).content.moments.min()

    sample, tick = np.nonzero(spikes)
    onset = np.asarray(begins(jnp.arange(samples, dtype=jnp.int32)))
    moment = 1e3 * task.dt * (tick - onset[sample])  # ms
    lasts = 1e3 * task.interval * n
    during = (moment >= 0) & (moment < lasts)
    first, last = (
        np.median(moment[during & some])
        for some in (sample < 50, sample >= samples - 50)
    )
    said = [
        f"sequence of 100: {before:.0f} spikes a sample before learning, {after:.1f} "
        f"after; median moment in the sequence {first:.0f} ms in the first 50 samples, "
        f"{last:.0f} ms in the last 50; largest weight {w.max():.2g}, of input "
        f"{w.argmax() + 1}; largest of the last fifty {w[n // 2 : n].max():.1g}, of "
        f"the distractors {w[n:].max():.2g}"
    ]
    figure = style.figure(4.6)
    above, below = figure.subplots(2)
    some = sample % 4 == 0
    above.plot(sample[some] + 1, moment[some], ".", color=style.BLUE, markersize=1)
    above.axhspan(0, lasts, color=style.GRID, zorder=0)
    above.set(
        title="Output spikes (band: while the sequence lasts)",
        xlabel="sample",
        ylabel="after its first spike (ms)",
    )
    below.semilogy(np.arange(1, n + 1), w[:n], color=style.BLUE, label="sequence")
    below.semilogy(
        np.arange(n + 1, 2 * n + 1), w[n:], color=style.MUTED, label="distractors"
    )
    below.axhline(0.1, color=style.MUTED, linewidth=0.8, linestyle=":")
    below.set(
        title="Weights at the end (dotted: start)",
        xlabel="input",
        ylabel="weight",
        ylim=(1e-6, 0.5),
    )
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    below.legend(ncols=2)
    return Part(rows, {"sequence": figure}, said)


RECALL = dict(
    n_per_group=8, n_distractors=0, jitter=1e-3, noise=5, onset=0.0, ticks=2580
)
SEEDS = 2


def recall() -> Part:
    n, samples, step = 10, 2000, 50
    task = Sequence(np.ones((1, n), bool), **RECALL)
    cue = Sequence(np.eye(1, n, dtype=bool), **RECALL)  # the first group alone
    marks = jnp.arange(0, samples, step)
    figure = style.figure(4.6)
    axes = figure.subplots(2, sharex=True)
    said = []
    for axis, advances in zip(axes, (2, 1), strict=True):
        learner, tested = recall_learner(task, advances), recall_network(task, 1)

        @jax.jit
        def one(key: Any, learner: Any = learner, tested: Any = tested) -> Any:
            weights = follow(learner, task, key, samples).weights
            some = jax.tree.map(lambda w: w[marks], weights)

            def answer(w: Any) -> Any:
                fired = respond(tested, cue, w, key).any(1)
                spikes = respond(tested, task, w, key)
                when = jnp.where(spikes.any(1), jnp.argmax(spikes, 1), jnp.nan)
                span = jnp.nanmax(when, 1) - jnp.nanmin(when, 1)
                return fired.all(1).mean(), span.mean() * task.dt

            return jax.lax.map(answer, some)

        keys = jax.random.split(jax.random.key(5), SEEDS)
        share, span = (np.asarray(a) for a in jax.lax.map(one, keys))
        for seed in range(SEEDS):
            axis.plot(
                marks, share[seed], color=style.SERIES[seed], label=f"seed {seed}"
            )
        twice = "twice" if advances == 2 else "once"
        before, after = 1e3 * span[:, 0].mean(), 1e3 * span[:, -1].mean()
        said.append(
            f"recall, tails advanced {twice}: P(all fire) at most {share.max(1)}, "
            f"at the end {share[:, -1]}; first spikes of the neurons, all "
            f"stimulated, span {before:.1f} ms before, {after:.1f} ms after"
        )
        axis.set_title(f"Recurrent tails advanced {twice} a tick in training")
        axis.set(ylabel="P(all 10 fire)", ylim=(-0.05, 1.05))
    axes[0].legend()
    axes[1].set_xlabel("training samples")
    return Part([], {"recall": figure}, said)


STRENGTHS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0)


def unique(spikes: np.ndarray) -> int:
    """Sequences (on the leading axis) whose first spike is one neuron's, and whose
    neuron is the first in no other."""
    firsts = []
    for one in spikes:
        when = np.where(one.any(0), one.argmax(0), len(one))
        alone = when.min() < len(one) and np.sum(when == when.min()) == 1
        firsts.append(int(when.argmin()) if alone else -1)
    return sum(f >= 0 and firsts.count(f) == 1 for f in firsts)


def inhibition() -> Part:
    groups, n, samples, seeds = 4, 8, 400, 10
    rows = np.eye(groups, dtype=bool)
    options = dict(n_per_group=10, n_distractors=0, onset=0.0, ticks=820)
    task = Sequence(rows, jitter=1e-3, noise=5, **options)
    clean = Sequence(rows, jitter=0.0, noise=0, test_samples=groups, **options)

    @jax.jit
    def one(key: Any, strength: Any) -> Any:
        for_start, for_rest = jax.random.split(key)
        start = jax.random.uniform(for_start, (n, task.n_in), float, 0.05, 0.15)
        learner = inhibited_learner(task, start, strength)
        weights = follow(learner, task, for_rest, samples).weights
        last = jax.tree.map(lambda w: w[-1], weights)
        return respond(learner.network, clean, last, for_rest)

    every = jax.vmap(jax.vmap(one, (None, 0)), (0, None))
    spikes = every(jax.random.split(jax.random.key(0), seeds), jnp.asarray(STRENGTHS))
    count = np.array([[unique(s) for s in per] for per in np.asarray(spikes)])
    active = np.asarray(spikes).any((3, 4)).mean((0, 2))
    mean, error = count.mean(0), count.std(0, ddof=1) / np.sqrt(seeds)
    said = [
        f"inhibition, J = {STRENGTHS}: of {groups} sequences, with a neuron of their "
        f"own {mean.round(2).tolist()}, standard error {error.round(2).tolist()}; "
        f"share with any spike {active.round(2).tolist()}"
    ]
    figure, axis = panel(
        f"Sequences with a neuron of their own, of {groups}",
        "inhibition J (threshold 1.4)",
        f"mean of {seeds} seeds",
    )
    axis.errorbar(STRENGTHS, mean, yerr=error, fmt="o-", color=style.BLUE, capsize=2)
    axis.set_ylim(0, None)
    return Part([], {"inhibition": figure}, said)


PARTS = {
    part.__name__.replace("_", "-"): part
    for part in (
        anticipation,
        classic,
        frequency,
        spike_count,
        burst,
        symmetric,
        sequence,
        recall,
        inhibition,
    )
}


def table(rows: list[Row]) -> str:
    lines = [
        "| what | expected | measured | relative error | |",
        "|---|---:|---:|---:|---|",
    ]
    for row in rows:
        off = abs(row.measured - row.expected)
        relative = f"{off / abs(row.expected):.1e}" if row.expected else "-"
        lines.append(
            f"| {row.name} | {row.expected:g} | {row.measured:.5g} | {relative} | "
            f"{'' if row.holds else 'OFF'} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/study/predictive"))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    out: Path = options.out
    if out.exists() and any(out.iterdir()):
        sys.exit(f"{out} is not empty: name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)
    rows, said = [], []
    with style.look():
        for name in options.only:
            wall, cpu = time.perf_counter(), time.process_time()
            part = PARTS[name]()
            for file, figure in part.figures.items():
                style.save(figure, out, file)
            rows += part.rows
            said += part.said
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{name}: {wall:.0f} s, {cpu:.0f} s of CPU", flush=True)
    text = "\n\n".join([table(rows), *said])
    print(text)
    (out / "table.md").write_text(text + "\n")
    if not all(row.holds for row in rows):
        sys.exit("some numbers are off by more than their tolerance")


if __name__ == "__main__":
    main()
