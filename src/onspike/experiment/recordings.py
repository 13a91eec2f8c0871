"""What a run keeps beside its numbers: samples tick by tick, weights, the die."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from onspike.engine import Recording, record
from onspike.experiment import measure
from onspike.experiment.run import Seeds
from onspike.experiment.store import RunFolder
from onspike.learner import AbstractLearner, Store
from onspike.network import Network
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Params, Tree, constant_name

MEMBRANES = 8  # of each population


def moments(epochs: int) -> dict[int, str]:
    """When something is recorded, by the epochs that are done then."""
    halfway = {epochs // 2: "during"} if epochs > 1 else {}
    return {0: "before", **halfway, epochs: "after"}


def keep(
    seeds: Seeds,
    params: Params,
    s: int,
    store: RunFolder,
    when: str,
    epoch: int,
    eval_batch: int,
) -> None:
    """Keeps the weights, and two test samples tick by tick, learning and feedback off.

    Args:
        seeds: The runs.
        params: What this run has learnt so far.
        s: Which run it is.
        store: Its folder.
        when: One of `moments`.
        epoch: Epochs that are done.
        eval_batch: Samples that are tested at a time.
    """
    task = seeds.task
    some = measure.at_once(task.size("test"), eval_batch)  # as a test draws them
    first = jnp.zeros((), jnp.int32)
    episodes = measure.drawn(task, "test", first, some, seeds.keys[s].data)
    chosen = _chosen(np.asarray(episodes.label))
    shown = store.recording("sample_before") or {}  # the same neurons at all moments
    for name, index in zip(("sample", "sample2"), chosen, strict=False):
        episode = jax.tree.map(lambda a, i=index: a[i], episodes)
        arrays = _sample(seeds.learner, task, params, episode, shown)
        shown = shown or arrays
        arrays |= {"index": np.asarray(index), "epoch": np.asarray(epoch)}
        store.add_recording(f"{name}_{when}", arrays)
    weights = {name: np.asarray(w) for name, w in params.weights.items()}
    store.add_recording(f"weights_{when}", weights)


def keep_die(seeds: Seeds, state: Tree, s: int, store: RunFolder) -> None:
    """Keeps what chance made of a run's die: nothing of one that is as designed.

    Args:
        seeds: The runs.
        state: Their first one.
        s: Which run it is.
        store: Its folder.
    """
    store.add_recording("die", _drawn(seeds.learner, seeds.of(state, s)))


def die_of(state: Tree) -> Tree | None:
    """What the device stores, wherever a learner keeps it; None of a chip."""
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Store))
    return next((node.die for node in nodes if isinstance(node, Store)), None)


def _drawn(learner: AbstractLearner, state: Tree) -> dict[str, np.ndarray]:
    """By "neurons.POPULATION.WHAT" and "synapses.PROJECTION.WHAT"."""
    die = die_of(state)
    if die is None:
        return {}
    params, arrays = learner.device.read(die), {}
    for name, population in learner.network.populations.items():
        leaves = jax.tree_util.tree_leaves_with_path
        designed = dict(leaves(population.neuron))
        for path, value in leaves(params.neurons[name]):
            made, design = (_single(a) for a in (value, designed[path]))
            if np.any(made != design):
                constant = path[-1].name
                arrays[f"neurons.{name}.{constant}"] = made
                arrays[f"design.{name}.{constant}"] = design
    for what, each in (("alive", params.alive), ("injected", params.inlets)):
        arrays |= {f"neurons.{name}.{what}": a for name, a in each.items()}
    synapses = learner.device.drawn(die)
    if params.connections:
        synapses = synapses | {"connections": params.connections}
    for what, each in synapses.items():
        arrays |= {f"synapses.{name}.{what}": a for name, a in each.items()}
    return {name: _single(a) for name, a in arrays.items()}


def _single(a: Any) -> np.ndarray:
    """Real numbers in single precision, others as they are."""
    array = np.asarray(a)
    real = np.issubdtype(array.dtype, np.floating)
    return array.astype(np.float32) if real else array


def _chosen(labels: np.ndarray) -> list[int]:
    """The first sample, and the first one with another label."""
    return [0, *np.flatnonzero(labels != labels[0])[:1].tolist()]


def _sample(
    learner: AbstractLearner,
    task: AbstractTask,
    params: Params,
    episode: Episode,
    shown: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """One sample tick by tick, as docs/reference/run-folder.md says."""
    seen = _recorded(learner.subject, task, params, episode)
    y = np.asarray(seen.y)
    mask = np.asarray(task.mask())[-len(y) :]  # a long sample's last ticks
    arrays = {
        "x": _compact(seen.x),
        "y": y,
        "mask": mask,
        "target": np.asarray(task.target(episode)),
        "loss": np.asarray(type(task.loss).__name__),
        "label": np.asarray(episode.label),
        "answer": np.argmax((y * mask[:, None]).sum(0)),
        "dt": np.asarray(float(task.dt)),
    }
    for name, z in seen.z.items():
        fired = np.asarray(z != 0, np.uint8)
        busiest = np.argsort(-fired.sum(0, dtype=int), kind="stable")[:MEMBRANES]
        neurons = shown.get(f"neurons_{name}", np.sort(busiest))
        arrays[f"z_{name}"] = fired
        arrays[f"neurons_{name}"] = neurons
        arrays[f"v_{name}"] = np.asarray(seen.v[name], np.float32)[:, neurons]
        if (threshold := threshold_of(params, name)) is not None:
            each = np.broadcast_to(np.asarray(threshold, np.float32), z.shape[1])
            arrays[f"threshold_{name}"] = each[neurons]
    return arrays


def _compact(x: Array) -> np.ndarray:
    """Spikes as bytes, anything graded as it is."""
    real = np.asarray(x, np.float32)
    return real.astype(np.uint8) if np.isin(real, (0, 1)).all() else real


def threshold_of(params: Params, population: str) -> Any:
    """Where neurons fire, adaptation left out; None if they have no such constant."""
    neuron = params.neurons.get(population)
    designed: Any = getattr(neuron, "v_threshold", getattr(neuron, "I_spk", None))
    learnt = params.weights.get(constant_name(population, "v_threshold"))
    return designed if learnt is None else designed * jnp.exp(learnt[:, 0])


@jax.jit
def _recorded(
    subject: Network | AbstractLearner,
    task: AbstractTask,
    params: Params,
    episode: Episode,
) -> Recording:
    if isinstance(subject, AbstractLearner):
        return subject.record(task, params, episode)
    return record(subject, task, params, episode)
