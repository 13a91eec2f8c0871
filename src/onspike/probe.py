"""A look into single ticks: what a rule multiplies, and what it acts on."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike.engine import some_ticks
from onspike.engine.scan import real
from onspike.learner import AbstractLearner, Learner, Tick
from onspike.rules import Factors
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Local, Sample, Teaching, Tree


class Look(NamedTuple):
    """One tick of one sample, from inside."""

    x: Float[Array, " n_in"]  # what arrives at the input
    y: Float[Array, " n_out"]  # the output
    teaching: Teaching  # target, and the error of y where a target is valid
    neurons: dict[str, Tree]  # by population, after the tick
    local: dict[str, Local]  # by projection: all that its synapses can see
    factors: tuple[Factors, ...]  # of each of the rule's terms that is a product
    weights: dict[str, Float[Array, "n_post n_pre"]]  # that the tick computed with


def watch(
    learner: AbstractLearner,
    task: AbstractTask,
    state: Tree,
    sample: Sample,
    which: int = 0,
) -> tuple[Tree, Tick, Look]:
    """One tick of learning, as `learner.tick`, and a look at one sample of the batch.

    What nobody uses of the look costs nothing under `jax.jit`.

    Args:
        learner: What learns.
        task: What it is to learn.
        state: Before the tick.
        sample: What arrives: a batch, as for `learner.tick`.
        which: Whom of the batch to look at.

    Raises:
        ValueError: If the learner has no ticks.
    """
    learner = online(learner)
    after, seen = learner.tick(task, state, sample)
    early, wiring = learner.rule.writes_before_step, learner.network.wiring
    shared = after.shared._replace(tick=state.shared.tick) if early else state.shared
    own = jax.tree.map(lambda a: a[which], state.own)
    one = sample._replace(
        x=sample.x[which],
        target=sample.target[which],
        reward=sample.reward[which],
        key=None if sample.key is None else sample.key[which],
    )
    own = learner.begun(own, one)
    own, local, y = learner.act(shared, own, one, shared.tick)
    params, teaching = learner.device.read(shared.store.die), task.teach(y, one)
    look = Look(
        x=one.x,
        y=y,
        teaching=teaching,
        neurons=own.network.neurons,
        local=local,
        factors=learner.rule.factors(
            shared.rule, own.rule, params, local, teaching, wiring
        ),
        weights=params.weights,
    )
    return after, seen, look


def watch_ticks(
    learner: AbstractLearner,
    task: AbstractTask,
    state: Tree,
    episodes: Episode,
    start: Int[Array, ""] | int,
    length: int,
    keep: Callable[[Tick, Look], Any],
) -> tuple[Tree, Any]:
    """The same for some ticks of a batch of samples, in one loop.

    Args:
        learner: What learns.
        task: What it is to learn.
        state: Before the first of the ticks.
        episodes: The batch.
        start: The first of the ticks.
        length: How many they are.
        keep: What to keep of each tick.

    Returns:
        The state after them, and what was kept, time first.

    Raises:
        ValueError: If the learner has no ticks.
    """
    online(learner)
    start = jnp.asarray(start, jnp.int32)
    mask = jax.lax.dynamic_slice(jnp.asarray(task.mask()), (start,), (length,))

    def tick(state: Tree, sample: Sample) -> tuple[Tree, Any]:
        state, seen, look = watch(learner, task, state, real(sample))
        return state, keep(seen, look)

    return jax.lax.scan(tick, state, some_ticks(task, episodes, start, mask))


def online(learner: AbstractLearner) -> Learner:
    """A learner that learns tick by tick.

    Raises:
        ValueError: If it does not.
    """
    if isinstance(learner, Learner):
        return learner
    raise ValueError(
        f"{type(learner).__name__} learns sample by sample: there is no tick of "
        "learning to look into"
    )
