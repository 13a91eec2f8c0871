"""Feedback control on a device like DYNAP-SE: populations, parallel connections, dies.

Every output unit is a population, and so is each of its two controllers. A weight is a
number of parallel connections, of which a neuron has 64; a host keeps the exact weights
(chip in the loop). Every die has its own mismatch in all constants of neurons, in every
synapse's gain, and in the controllers.

    python studies/dynapse.py [--out runs/study/dynapse] [--dies 5] [--full]
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dies
import jax
import jax.numpy as jnp
import numpy as np
import together
from jaxtyping import Array

from onspike.devices import AbstractDevice, Mismatch, Nearest, Parallel, Shadow
from onspike.engine import infer
from onspike.experiment.run import Seeds, Step
from onspike.experiment.spec import Spec, resolve
from onspike.report import style

FIRST, CV, UNIT = 400, 0.2, 10
CONTROLLERS = ("more", "less")
CONTROL_CVS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
SIZES = (1, 2, 5, 10, 20)
ONCE = {"rule.gate": "end-of-sample"}  # the host writes the chip after every sample
SETTINGS: dict[str, dict[str, Any]] = {
    "binary": {**ONCE, "rule.rate": 3e-3, "network.mean_out": 0.04},
    "yin-yang": {**ONCE, "task.n_per_feature": 10, "rule.rate": 2e-2},
}
HEADROOM = {"binary": 2.0, "yin-yang": 4.0}


def specs(task: str, seeds: Sequence[int], unit: int = UNIT) -> list[Spec]:
    sizes = {"network.unit": unit, "network.controllers": unit}
    return [
        resolve(task, rule="feedback-control", seed=s, settings=SETTINGS[task] | sizes)
        for s in seeds
    ]


def device(task: str, cv: float = CV, control: float | None = None) -> AbstractDevice:
    """One die; controllers have a CV of their own if one is given."""
    memory = Shadow(Parallel(64, Nearest(), HEADROOM[task]))
    if control is None:
        return Mismatch(memory, cv)
    return Mismatch(Mismatch(memory, cv, only=("out",)), control, only=CONTROLLERS)


@partial(jax.jit, static_argnames="size")
def rates_of(
    network: Any, task: Any, params: Any, size: int, key: Any
) -> tuple[Array, Array]:
    """The rate of every unit in every test sample, in hertz, and the labels."""

    def one(index: Array) -> tuple[Array, Array]:
        episode = task.sample("test", index, key)
        alone = jax.tree.map(lambda a: a[None], episode)
        spikes = infer(network, task, params, alone).spikes[network.output]
        return network.wiring.pool(spikes) / (task.ticks * task.dt), episode.label

    index = jnp.arange(size, dtype=jnp.int32)
    return jax.lax.map(one, index, batch_size=50)


def unit_rates(runs: Seeds, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Rates, (run, sample, unit), and labels, (run, sample); feedback unplugged."""
    found = []
    for r, keys in enumerate(runs.keys):
        learner, task = runs.one(r)
        params, size = runs.params(step.state, r), task.size("test")
        found.append(rates_of(learner.network.bare(), task, params, size, keys.data))
    rates, labels = (
        np.stack([np.asarray(a) for a in each]) for each in zip(*found, strict=True)
    )
    return rates, labels


def target_error(spec: Spec, rates: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far units are from their targets on average, in hertz, by run."""
    right = labels[..., None] == np.arange(rates.shape[-1])
    target = np.where(right, spec.rule.target_high, spec.rule.target_low)
    return np.abs(rates - target).mean((1, 2))


def result(task: str, runs: Seeds, step: Step, spec: Spec) -> dict[str, list[float]]:
    rates, labels = unit_rates(runs, step)
    return {
        "accuracy": dies.accuracies(runs, step).tolist(),
        "target error": target_error(spec, rates, labels).tolist(),
        "writes": [t.written / max(1, t.seen) for t in step.tallies],
    }


def spread_of_a_unit(task: str, unit: int, dies_: Sequence[int]) -> float:
    """Of nominal weights on many dies: sd over dies of a unit's rate, in hertz.

    Dies differ in the output neurons and in their synapses alone, so that a unit's rate
    is the mean of so many draws.
    """
    one = specs(task, [FIRST], unit)
    learnt = dies.weights_of(*dies.trained(one, [device(task, 0.0)]))
    many = specs(task, [FIRST], unit) * len(dies_)
    runs = dies.fleet(many, [device(task)] * len(dies_))
    keys = [
        k._replace(start=jax.random.key(d))
        for k, d in zip(runs.keys, dies_, strict=True)
    ]
    runs = runs._replace(keys=keys)
    start = dies.beginning(runs, 1)
    weights = {n: jnp.tile(w, (len(dies_), 1, 1)) for n, w in learnt.items()}
    rates, _ = unit_rates(runs, dies.placed(runs, start, weights))
    return float(rates.std(0, ddof=1).mean())


def main() -> None:
    options = together.options(__doc__, Path("runs/study/dynapse"), 5, "twenty dies")
    seeds = range(FIRST, FIRST + (20 if options.full else options.dies))
    kept: dict[str, Any] = {"dies": {}, "controllers": {}, "size": {}, "spread": {}}
    lines = ["| task | test accuracy, each die | mean | target error, Hz | writes |"]
    lines.append("|---|---|---:|---:|---:|")
    for task in SETTINGS:
        many = specs(task, seeds)
        found = result(task, *dies.trained(many, [device(task)] * len(seeds)), many[0])
        kept["dies"][task] = found
        accuracy = np.array(found["accuracy"])
        each = ", ".join(f"{100 * a:.1f}" for a in accuracy)
        error, writes = (np.mean(found[k]) for k in ("target error", "writes"))
        lines.append(
            f"| {task} | {each} | {100 * accuracy.mean():.1f} % | {error:.1f} | "
            f"{writes:.0f} |"
        )
        print(lines[-1], flush=True)
    lines += ["", "| CV of the controllers | " + " | ".join(SETTINGS) + " |"]
    lines.append("|---:|---:|---:|")
    for task in SETTINGS:
        many = [spec for _ in CONTROL_CVS for spec in specs(task, seeds)]
        each = [device(task, CV, cv) for cv in CONTROL_CVS for _ in seeds]
        found = dies.accuracies(*dies.trained(many, each))
        kept["controllers"][task] = found.reshape(len(CONTROL_CVS), -1).tolist()
    for i, cv in enumerate(CONTROL_CVS):
        cells = [together.spread(np.array(e[i])) for e in kept["controllers"].values()]
        lines.append(f"| {cv:g} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    lines += [
        "",
        "| neurons per unit | accuracy | target error, Hz | spread of a unit over "
        "dies, nominal weights, Hz | times the root of the size |",
        "|---:|---:|---:|---:|---:|",
    ]
    for unit in SIZES:
        many = specs("binary", seeds, unit)
        found = result(
            "binary", *dies.trained(many, [device("binary")] * len(seeds)), many[0]
        )
        sd = spread_of_a_unit("binary", unit, range(1000, 1000 + 20))
        kept["size"][unit], kept["spread"][unit] = found, sd
        lines.append(
            f"| {unit} | {together.spread(np.array(found['accuracy']))} | "
            f"{np.mean(found['target error']):.1f} | {sd:.2f} | "
            f"{sd * unit**0.5:.2f} |"
        )
        print(lines[-1], flush=True)
    slope = np.polyfit(np.log(SIZES), np.log(list(kept["spread"].values())), 1)[0]
    lines += ["", f"The spread goes with the size to the power of {slope:.2f}."]
    (options.out / "results.json").write_text(json.dumps(kept, indent=1))
    together.write(options.out, lines)
    draw(options.out, kept)


def draw(out: Path, kept: dict[str, Any]) -> None:
    """What controllers may be like, and what more neurons bring."""
    with style.look():
        figure = style.figure(5.6)
        (left, middle), (right, empty) = figure.subplots(2, 2)
        empty.set_axis_off()
        left.set(xlabel="CV of the controllers", ylabel="test accuracy, %")
        for i, (task, found) in enumerate(kept["controllers"].items()):
            each, colour = 100 * np.array(found), style.SERIES[i]
            left.plot(CONTROL_CVS, each, ".", color=colour, alpha=0.4, ms=4)
            left.plot(CONTROL_CVS, each.mean(1), "o-", c=colour, ms=4, label=task)
        left.legend()
        middle.set(xlabel="neurons per unit", ylabel="target error, Hz", xscale="log")
        for unit, found in kept["size"].items():
            each = found["target error"]
            middle.plot([unit] * len(each), each, ".", color=style.BLUE, alpha=0.4)
            middle.plot(unit, np.mean(each), "o", color=style.BLUE)
        spread = np.array(list(kept["spread"].values()))
        right.loglog(SIZES, spread, "o", c=style.BLUE, label="over 20 dies")
        law = spread[0] / np.sqrt(np.array(SIZES) / SIZES[0])
        right.loglog(SIZES, law, c=style.MUTED, lw=1, label="1 / root of the size")
        right.set(xlabel="neurons per unit", ylabel="spread of a unit, Hz")
        right.set_yticks((5, 10, 20), ("5", "10", "20"))
        right.legend()
        for axis in (middle, right):
            axis.set_xticks(SIZES, [str(n) for n in SIZES])
            axis.minorticks_off()
        style.save(figure, out, "dynapse")


if __name__ == "__main__":
    main()
