"""Some ticks in one compiled program, and what of them is shown."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from onspike.engine import Record, some_ticks
from onspike.engine.scan import blank, real, tally
from onspike.learner import Learner, State
from onspike.network import Network
from onspike.probe import watch
from onspike.rules import Factors
from onspike.tasks.base import AbstractTask, Split
from onspike.types import Key, Params, Sample, Tree

SHOWN = 4  # neurons of a population whose membranes are drawn


class Synapse(NamedTuple):
    """One synapse of the network."""

    projection: str
    post: int
    pre: int


class Frame(NamedTuple):
    """What is shown of one tick of one sample; of several, time first."""

    x: Float[Array, " n_in"]
    y: Float[Array, " n_out"]
    target: Float[Array, " n_out"]
    mask: Bool[Array, ""]
    z: dict[str, Bool[Array, " n"]]  # by spiking population
    v: dict[str, Float[Array, " shown"]]  # by population
    signal: dict[str, Float[Array, " shown"]]  # by population that hears one
    pre: Float[Array, ""]  # of the synapse: what arrives
    post: Float[Array, ""]  # spikes of its neuron
    w: Float[Array, ""]
    elig: Float[Array, ""] | None
    learning: Float[Array, ""] | None  # signal of its neuron


class Shot(NamedTuple):
    """Some consecutive ticks of one sample, to be shown."""

    start: int  # the first of them, from the sample's beginning
    label: int
    answer: int | None  # at the sample's last tick
    frames: Frame  # time first, as numpy arrays


def shown(n: int) -> np.ndarray:
    """Which neurons of a population of n are drawn: evenly spread."""
    return np.unique(np.linspace(0, n - 1, SHOWN).round().astype(int))


def beginning(task: AbstractTask, network: Network, batch: int) -> Record:
    """The record of a batch of samples of which no tick has been seen."""

    def nothing() -> Record:
        index = jnp.zeros(batch, jnp.int32)
        return blank(task, network, task.samples("train", index, jax.random.key(0)))

    form = jax.eval_shape(nothing)
    return jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), form)


@jax.jit
def unwatched(
    learner: Learner,
    task: AbstractTask,
    state: State,
    index: Int[Array, "most batch"],
    count: Int[Array, ""],
    key: Key,
) -> tuple[State, Record]:
    """Learns from the first `count` batches of many, as `onspike train` does.

    One program for any count. What comes after it in the records is zero.
    """

    def learn(i: Int[Array, ""], state: State) -> tuple[State, Record]:
        return learner.learn(task, state, task.samples("train", index[i], key))

    def one(i: Int[Array, ""], carry: tuple[State, Record]) -> tuple[State, Record]:
        state, records = carry
        state, now = learn(i, state)
        return state, jax.tree.map(lambda all, a: all.at[i].set(a), records, now)

    form = jax.eval_shape(learn, count, state)[1]
    blanks = jax.tree.map(lambda a: jnp.zeros((len(index), *a.shape), a.dtype), form)
    return jax.lax.fori_loop(0, count, one, (state, blanks))


@partial(jax.jit, static_argnames=("length", "projection"))
def learnt(
    learner: Learner,
    task: AbstractTask,
    state: State,
    record: Record,
    index: Int[Array, " batch"],
    start: Int[Array, ""],
    key: Key,
    at: tuple[Int[Array, ""], Int[Array, ""]],
    *,
    length: int,
    projection: str,
) -> tuple[State, Record, Frame]:
    """Learns from some ticks of a batch of training samples; shows the first of them.

    Args:
        learner: What learns.
        task: What it is to learn.
        state: Before the first of the ticks.
        record: Of the batch so far; begun again at its first tick.
        index: Of the samples.
        start: The first of the ticks.
        key: The run's data key.
        at: Post- and presynaptic neuron of the synapse that is shown.
        length: How many ticks.
        projection: Whose synapse is shown.
    """
    episodes = task.samples("train", index, key)
    new = blank(task, learner.network, episodes)
    record = jax.tree.map(lambda a, b: jnp.where(start == 0, a, b), new, record)

    def tick(carry: tuple[State, Record], sample: Sample) -> tuple[Any, Frame]:
        state, record = carry
        state, seen, look = watch(learner, task, state, real(sample))
        record = tally(record, real(sample), seen.y, seen.z, seen.written)
        frame = _frame(
            learner.network,
            projection,
            at,
            x=look.x,
            y=look.y,
            target=look.teaching.target,
            mask=look.teaching.mask,
            neurons=look.neurons,
            arrived=look.local[projection].pre,
            weights=look.weights,
            factors=look.factors,
        )
        return (state, record), frame

    samples = _ticks(task, episodes, start, length)
    (state, record), frames = jax.lax.scan(tick, (state, record), samples)
    return state, record, frames


@partial(jax.jit, static_argnames=("split", "length", "projection"))
def unplugged(
    network: Network,
    task: AbstractTask,
    params: Params,
    state: Tree,
    record: Record,
    index: Int[Array, " 1"],
    start: Int[Array, ""],
    key: Key,
    at: tuple[Int[Array, ""], Int[Array, ""]],
    *,
    split: Split,
    length: int,
    projection: str,
) -> tuple[Tree, Record, Frame]:
    """The same with learning and feedback off: only the (bare) network runs."""
    episodes = task.samples(split, index, key)
    new = blank(task, network, episodes), network.init(params.noise)
    record, state = jax.tree.map(
        lambda a, b: jnp.where(start == 0, a, b), new, (record, state)
    )

    def tick(carry: tuple[Tree, Record, Array], sample: Sample) -> tuple[Any, Frame]:
        state, record, t = carry
        sample = real(sample)
        key = None if sample.key is None else sample.key[0]
        state, local, y = network.step(params, state, sample.x[0], {}, t, key)
        fired = {name: state.neurons[name].z[None] for name in record.spikes}
        nothing = jnp.zeros((), jnp.int32)
        record = tally(record, sample, y[None], fired, nothing)
        frame = _frame(
            network,
            projection,
            at,
            x=sample.x[0],
            y=y,
            target=sample.target[0],
            mask=sample.mask,
            neurons=state.neurons,
            arrived=local[projection].pre,
            weights=params.weights,
            factors=(),
        )
        return (state, record, t + 1), frame

    samples = _ticks(task, episodes, start, length)
    (state, record, _), frames = jax.lax.scan(tick, (state, record, start), samples)
    return state, record, frames


def _ticks(task: AbstractTask, episodes: Any, start: Array, length: int) -> Sample:
    mask = jax.lax.dynamic_slice(jnp.asarray(task.mask()), (start,), (length,))
    return some_ticks(task, episodes, start, mask)


def _frame(
    network: Network,
    projection: str,
    at: tuple[Array, Array],
    *,
    x: Array,
    y: Array,
    target: Array,
    mask: Array,
    neurons: dict[str, Tree],
    arrived: Array,
    weights: dict[str, Array],
    factors: tuple[Factors, ...],
) -> Frame:
    post, pre = at
    into = network.wiring.wire(projection).post
    elig = [f.eligibility for f in factors if projection in f.eligibility]
    heard = {name: s for f in reversed(factors) for name, s in f.signal.items()}
    rows = {name: shown(p.n) for name, p in network.populations.items()}
    return Frame(
        x=x,
        y=y,
        target=target,
        mask=mask,
        z={n: neurons[n].z != 0 for n, p in network.populations.items() if _spikes(p)},
        v={name: neurons[name].v[rows[name]] for name in network.populations},
        signal={name: heard[name][rows[name]] for name in heard if name in rows},
        pre=arrived[pre],
        post=neurons[into].z[post],
        w=weights[projection][post, pre],
        elig=elig[0][projection][post, pre] if elig else None,
        learning=heard[into][post] if into in heard else None,
    )


def _spikes(population: Any) -> bool:
    return population.neuron.spiking
