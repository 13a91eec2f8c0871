"""Populations of dies: many runs in one program, each on a die of its own.

The die of a run depends on the run's seed and nothing else, so that every arm of a
study meets the same dies, whatever learns.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from onspike.devices import AbstractDevice
from onspike.experiment import build, measure
from onspike.experiment.run import (
    Seeds,
    Step,
    beginning,
    keys_of,
    rounds,
    side_by_side,
)
from onspike.experiment.spec import Spec
from onspike.tasks.base import Split

Weights = dict[str, Any]  # by projection, run first


def fleet(specs: Sequence[Spec], devices: Sequence[AbstractDevice]) -> Seeds:
    """A run for every specification and its device, all of one structure."""
    tasks: dict = {}
    runs = []
    for spec, device in zip(specs, devices, strict=True):
        if spec.task not in tasks:
            tasks[spec.task] = spec.built("task")
        task = tasks[spec.task]
        learner = build.learner(spec, task)
        clamp = spec.train.clamp
        if clamp is not None:
            device = build.clamped(device, clamp, spec.train.clamp_low)
        runs.append((eqx.tree_at(lambda one: one.device, learner, device), task))
    return side_by_side(runs, [keys_of(jax.random.key(spec.seed)) for spec in specs])


def placed(runs: Seeds, step: Step, weights: Weights | None = None) -> Step:
    """The beginning of all runs, each on its own die, programmed with given weights.

    Without `weights` each run has its own initial ones.
    """

    @partial(jax.vmap, in_axes=(None, 0, 0, 0, 0))
    def one(common: Any, own: Any, state: Any, key: Any, weights: Any) -> Any:
        learner, _ = eqx.combine(own, common)
        params = learner.network.init_params(jax.random.fold_in(key, 1))
        if weights is not None:
            params = params._replace(weights=weights)
        wiring, for_die = learner.network.wiring, jax.random.fold_in(key, 2)
        die = learner.device.fabricate(params, wiring, for_die)
        die = jax.tree.map(lambda a: jax.lax.convert_element_type(a, a.dtype), die)
        return eqx.tree_at(_die_of, state, die)

    keys = jnp.stack([k.start for k in runs.keys])
    common = runs.learner, runs.task
    state = jax.jit(one)(common, runs.own, step.state, keys, weights)
    return step._replace(state=state)


def _die_of(state: Any) -> Any:
    return (state.shared if hasattr(state, "shared") else state).store.die


def trained(
    specs: Sequence[Spec],
    devices: Sequence[AbstractDevice],
    weights: Weights | None = None,
) -> tuple[Seeds, Step]:
    """Trains every run on its die, from given weights or its own."""
    runs, options = fleet(specs, devices), specs[0].train
    step = placed(runs, beginning(runs, options.batch), weights)
    for after in rounds(runs, step, options.epochs, options.batch):
        step = after
    return runs, step


def untrained(
    specs: Sequence[Spec], devices: Sequence[AbstractDevice], weights: Weights
) -> tuple[Seeds, Step]:
    """Programs every die with given weights, and leaves it at that."""
    runs = fleet(specs, devices)
    return runs, placed(runs, beginning(runs, specs[0].train.batch), weights)


def weights_of(runs: Seeds, step: Step) -> Weights:
    """What all runs have learnt."""
    each = [runs.params(step.state, r).weights for r in range(len(runs.keys))]
    return jax.tree.map(lambda *w: jnp.stack(w), *each)


def tallies(runs: Seeds, step: Step, split: Split = "test") -> list[measure.Tally]:
    """What every run does on a split, with learning and feedback off."""
    found = []
    for r, keys in enumerate(runs.keys):
        learner, task = runs.one(r)
        params = runs.params(step.state, r)
        network = learner.network
        found.append(measure.evaluate(network, task, params, split, keys.data))
    return found


def accuracies(runs: Seeds, step: Step, split: Split = "test") -> np.ndarray:
    """The accuracy of every run, with learning and feedback off."""
    return np.array([measure.accuracy(t) for t in tallies(runs, step, split)])


def quartiles(values: np.ndarray) -> str:
    """Median and quartiles over dies, in per cent."""
    low, middle, high = 100 * np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.1f} ({low:.1f}-{high:.1f})"


def bootstrap(
    statistic: Any, *values: np.ndarray, draws: int = 10_000
) -> tuple[float, float]:
    """The middle 95 % of a statistic over dies drawn again and again."""
    rng = np.random.default_rng(0)
    n = len(values[0])
    index = rng.integers(n, size=(draws, n))
    found = [statistic(*(v[i] for v in values)) for i in index]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)
