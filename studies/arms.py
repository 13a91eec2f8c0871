"""Both, one, the other, or none: what each half of the tug-of-war does.

Four arms learn Yin-Yang: feedback control and predictive plasticity in the hidden layer
together, each alone, and a hidden layer that stays as it began. In all of them
controllers teach the readout. Half-way, all input rates double and the chip changes:
every constant and synapse gets a mismatch with a coefficient of variation of 0.2.
Learning goes on, with rates that fall to zero over the whole of it, as the recipe has
them: it loses in speed what it gains in accuracy. Rates are those of the recipe, tuned
for feedback control, in all arms. All arms and seeds are one program.

    python studies/arms.py [--out runs/study/arms] [--seeds 100,101,102,103,104]
"""

from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import together

from onspike.devices import Ideal, Mismatch
from onspike.experiment import measure
from onspike.experiment.run import Seeds, Step, beginning, nothing_yet, rounds
from onspike.experiment.spec import Spec, resolve
from onspike.report import style

ARMS = {  # rates of feedback control and of predictive plasticity, hidden layer
    "both": (0.6, 1e-7),
    "feedback only": (0.6, 0.0),
    "unsupervised only": (0.0, 1e-7),
    "frozen hidden": (0.0, 0.0),
}
CV = 0.2
BEFORE = (1000, 2500, 5000)  # looks, in samples
AFTER = (0, 125, 250, 500, 1000, 2500, 5000)  # likewise, after the change
MARGIN = 0.02  # recovered: as good as before the change, but for this


class Look(NamedTuple):
    """One look at all runs, with learning and feedback off; runs first."""

    samples: int
    accuracy: np.ndarray
    spread: np.ndarray  # of firing rates across hidden neurons, sd over mean
    spikes: np.ndarray  # per sample


def spec(arm: str, seed: int) -> Spec:
    rate, predictive = ARMS[arm]
    settings = {
        "rule.rate": rate,
        "rule.rate_predictive": predictive,
        "task.validation_samples": 500,
        "train.epochs": 2,
    }
    return resolve("yin-yang", rule="tug-of-war", seed=seed, settings=settings)


def changed(runs: Seeds, state: Any) -> Any:
    """The state after the chips have changed; the weights stay."""
    network = runs.learner.network
    neurons = {name: p.neuron for name, p in network.populations.items()}

    @jax.vmap
    def one(state, key):
        die = state.shared.store.die
        params = die.stored._replace(neurons=neurons, inlets={})
        other = Mismatch(Ideal(), CV).fabricate(params, network.wiring, key)
        return eqx.tree_at(lambda s: s.shared.store.die, state, other)

    keys = jnp.stack([jax.random.fold_in(k.start, 1) for k in runs.keys])
    return one(state, keys)


def look(runs: Seeds, state: Any, samples: int) -> Look:
    seen = []
    for r, keys in enumerate(runs.keys):
        learner, task = runs.one(r)
        params = runs.params(state, r)
        network, data = learner.network, keys.data
        seen.append(measure.evaluate(network, task, params, "validation", data))
    hidden = np.stack([s.spikes["hidden"] for s in seen])
    spikes = np.array([sum(z.sum() for z in s.spikes.values()) / s.seen for s in seen])
    return Look(
        samples,
        np.array([measure.accuracy(s) for s in seen]),
        hidden.std(1) / np.maximum(hidden.mean(1), 1e-9),
        spikes,
    )


def course(
    runs: Seeds, start: Step, moments: tuple[int, ...]
) -> tuple[Step, list[Look]]:
    """Learns through one epoch, and looks at those moments of it."""
    last = start._replace(tallies=nothing_yet(runs), seconds=0.0)
    looks = [look(runs, last.state, 0)] if 0 in moments else []
    unit = int(np.gcd.reduce([moment for moment in moments if moment]))
    for step in rounds(runs, last, last.position.epoch + 1, 1, unit):
        last, done = step, step.position.samples or runs.task.size("train")
        if done in moments:
            looks.append(look(runs, last.state, done))
            print(f"{done} samples: {looks[-1].accuracy.mean():.3f}", flush=True)
    return last, looks


def twice_the_rates(one: Spec) -> Spec:
    task = msgspec.structs.replace(one.task, rate=2 * one.task.rate)
    return msgspec.structs.replace(one, task=task)


def recovered(looks: list[Look], level: np.ndarray) -> np.ndarray:
    """Samples until a run is as good as before; infinite if it is not."""
    when = np.full(len(level), np.inf)
    for one in reversed(looks):
        when = np.where(one.accuracy >= level - MARGIN, one.samples, when)
    return when


def samples_text(when: np.ndarray) -> str:
    reached = np.isfinite(when)
    median = f"{np.median(when):,.0f}" if reached.sum() * 2 > len(when) else "not"
    return f"{median} ({reached.sum()} of {len(when)} seeds)"


def main() -> None:
    options = together.options(__doc__, Path("runs/study/arms"))
    specs = [spec(arm, seed) for arm in ARMS for seed in options.seeds]
    exact = Mismatch(Ideal(), 0.0)  # a chip as designed, that can become another
    runs = together.program(specs, exact)
    middle, before = course(runs, beginning(runs, 1), BEFORE)
    faster = together.program([twice_the_rates(s) for s in specs], exact)
    middle = middle._replace(state=changed(runs, middle.state))
    written = [tally.written / tally.seen for tally in middle.tallies]
    last, after = course(faster, middle, AFTER)
    shape = len(ARMS), len(options.seeds)

    def arms(values: np.ndarray) -> np.ndarray:
        return np.asarray(values).reshape(shape)

    when = arms(recovered(after, before[-1].accuracy))
    again = [tally.written / tally.seen for tally in last.tallies]
    lines = [
        "| hidden layer | before | after the change | at the end | recovered after "
        "| rate spread (before, after, at the end) | spikes per sample "
        "| weight writes per sample |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for a, arm in enumerate(ARMS):
        marks = [arms(one.accuracy)[a] for one in (before[-1], after[0], after[-1])]
        spreads = [
            f"{arms(one.spread)[a].mean():.2f}"
            for one in (before[-1], after[0], after[-1])
        ]
        cells = [
            arm,
            *map(together.spread, marks),
            samples_text(when[a]),
            ", ".join(spreads),
            f"{arms(before[-1].spikes)[a].mean():,.0f}, "
            f"{arms(after[-1].spikes)[a].mean():,.0f}",
            f"{arms(np.array(written))[a].mean():,.0f}, "
            f"{arms(np.array(again))[a].mean():,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    together.write(options.out, lines)
    draw(options.out, before, after, arms)


def draw(out: Path, before: list[Look], after: list[Look], arms: Any) -> None:
    half = before[-1].samples
    looks = [(one.samples, one) for one in before]
    looks += [(half + max(one.samples, 1), one) for one in after]
    with style.look():
        for name, label in (
            ("accuracy", "validation accuracy, feedback off"),
            ("spread", "firing rates of hidden neurons, sd / mean"),
        ):
            figure = style.figure(2.9)
            axis = figure.add_subplot()
            axis.set(xlabel="samples", ylabel=label)
            axis.set_title("Rates double and the chip changes half-way")
            axis.axvline(half, color=style.MUTED, linewidth=0.8, linestyle=":")
            x = [when for when, _ in looks]
            for a, (arm, colour, mark) in enumerate(
                zip(ARMS, style.SERIES, style.MARKERS, strict=False)
            ):
                values = [arms(getattr(one, name))[a] for _, one in looks]
                middle = [v.mean() for v in values]
                axis.plot(x, middle, color=colour, marker=mark, markersize=3, label=arm)
                low, high = ([f(v) for v in values] for f in (np.min, np.max))
                axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            if name == "accuracy":
                style.percent_axis(axis)
            axis.legend()
            style.save(figure, out, name)


if __name__ == "__main__":
    main()
