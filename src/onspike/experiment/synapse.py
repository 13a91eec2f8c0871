"""One synapse through one sample that is learnt: the traces that a rule multiplies."""

from functools import partial
from typing import Any

import jax
import numpy as np

from onspike.experiment import measure
from onspike.experiment.recordings import threshold_of
from onspike.experiment.run import Seeds
from onspike.learner import AbstractLearner, Learner, State, Tick
from onspike.probe import Look, watch_ticks
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Tree, is_constant

MOST = 5000  # ticks of the sample that are kept

Chosen = dict[str, tuple[Any, Any]]  # by projection: neurons after and before it


def film(seeds: Seeds, states: dict[str, Tree], s: int) -> dict[str, np.ndarray] | None:
    """The first training sample, learnt once more, from within a few synapses.

    For a hidden projection and for the readout: the synapse that changed most when the
    sample was learnt from the first of the states.

    Args:
        seeds: The runs.
        states: From where it is learnt, by the moment; what it changes is forgotten.
        s: Which run it is.

    Returns:
        What docs/reference/run-folder.md says; None for a learner without ticks, or one
        that changes no weight of a projection.
    """
    learner, task = seeds.one(s)
    plastic = [
        name
        for name, rate in learner.rates().items()
        if not is_constant(name) and float(rate) > 0
    ]
    if not isinstance(learner, Learner) or not plastic:
        return None
    episodes = measure.drawn(task, "train", 0, 1, seeds.keys[s].data)
    begun = {when: _one(seeds.of(state, s)) for when, state in states.items()}
    state = next(iter(begun.values()))
    anywhere: Chosen = dict.fromkeys(plastic, (0, 0))
    after, _ = _filmed(learner, task, state, episodes, anywhere)
    chosen = _most_changed(learner, plastic, state, after)
    arrays = {
        "dt": np.asarray(float(task.dt)),
        "projections": np.asarray(list(chosen)),
        "populations": np.asarray(
            [learner.network.wiring.wire(name)[:2] for name in chosen]
        ),
        "synapses": np.asarray(list(chosen.values())),
    }
    for name, (post, _) in chosen.items():
        population = learner.network.wiring.wire(name).post
        threshold = threshold_of(learner.params(state), population)
        if threshold is not None:
            arrays[f"threshold.{name}"] = np.broadcast_to(
                np.asarray(threshold, np.float32),
                learner.network.wiring.size(population),
            )[post]
    every = anywhere | chosen
    for when, state in begun.items():
        _, traces = _filmed(learner, task, state, episodes, every)
        for name in chosen:
            for trace, values in traces[name].items():
                arrays[f"{when}.{name}.{trace}"] = values
    return arrays


def _one(state: State) -> State:
    """What learns from a single sample."""
    return state._replace(own=jax.tree.map(lambda a: a[:1], state.own))


def _filmed(
    learner: Learner, task: AbstractTask, state: State, episodes: Episode, at: Chosen
) -> tuple[State, dict[str, dict[str, np.ndarray]]]:
    """A whole sample, at most MOST ticks at a time; the last ones are kept."""
    traces: Any = None
    for start in range(0, task.ticks, MOST):
        length = min(MOST, task.ticks - start)
        state, more = _part(learner, task, state, episodes, at, start, length)
        some = jax.tree.map(np.asarray, more)
        if traces is not None:
            some = jax.tree.map(lambda *a: np.concatenate(a)[-MOST:], traces, some)
        traces = some
    return state, traces


@partial(jax.jit, static_argnames="length")
def _part(
    learner: Learner,
    task: AbstractTask,
    state: State,
    episodes: Episode,
    at: Chosen,
    start: Any,
    length: int,
) -> tuple[State, Any]:
    def keep(tick: Tick, look: Look) -> dict[str, dict[str, Any]]:
        del tick
        return {name: _look(learner, look, name, *at[name]) for name in at}

    return watch_ticks(learner, task, state, episodes, start, length, keep)


def _look(
    learner: Learner, look: Look, name: str, post: Any, pre: Any
) -> dict[str, Any]:
    """One synapse in one tick; eligibility and signal where the rule has such."""
    local, population = look.local[name], learner.network.wiring.wire(name).post
    seen = {
        "pre": local.pre[pre],
        "z": local.z[post],
        "v": local.new.v[post],
        "psi": local.psi[post],
        "w": look.weights[name][post, pre],
        "mask": look.teaching.mask,
    }
    for factors in look.factors:
        if name in factors.eligibility:
            seen["elig"] = factors.eligibility[name][post, pre]
            seen["signal"] = factors.signal[population][post]
            if name in factors.unfiltered:
                seen["unfiltered"] = factors.unfiltered[name][post, pre]
                seen["regulariser"] = factors.regulariser[population][post]
            break
    return seen


def _most_changed(
    learner: AbstractLearner, plastic: list[str], before: State, after: State
) -> dict[str, tuple[int, int]]:
    """A synapse within the network and one into the readout, where these are plastic.

    Of several projections the one with the largest change over its weights' size.
    """
    old, new = (learner.params(state).weights for state in (before, after))
    output = learner.network.output
    best: dict[bool, tuple[float, str, tuple[int, int]]] = {}
    for name in plastic:
        w, moved = (np.asarray(a, float) for a in (old[name], new[name] - old[name]))
        place = np.unravel_index(np.abs(moved).argmax(), moved.shape)
        size = float(np.abs(moved[place])) / (float(np.abs(w).mean()) or 1.0)
        readout = learner.network.wiring.wire(name).post == output
        if readout not in best or size > best[readout][0]:
            best[readout] = size, name, (int(place[0]), int(place[1]))
    return {name: place for _, (_, name, place) in sorted(best.items())}
