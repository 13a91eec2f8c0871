"""The reference engine: `jax.lax.scan` over ticks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from onspike.engine.base import AbstractEngine, Record
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Sample, Tree

BLOCK = 256  # most ticks of input that exist at a time


class Scan(AbstractEngine):
    """Scans `learner.tick`."""

    def unroll(self, learner, task, state, episodes):
        def tick(carry, sample):
            (state, record) = carry
            state, seen = learner.tick(task, state, sample)
            return state, tally(record, sample, seen.y, seen.z, seen.written)

        record = blank(task, learner.network, episodes)
        state, record = over_ticks(task, episodes, tick, (state, record))
        return state, settle(record)


def over_ticks(
    task: AbstractTask,
    episodes: Episode,
    tick: Callable[[Tree, Sample], Tree],
    carry: Tree,
) -> Tree:
    """Scans `tick` over all ticks of a batch of episodes.

    Input is made a block of ticks at a time, outside the inner loop, so that memory
    does not grow with the length of a sample.

    Args:
        task: Makes the input.
        episodes: A batch, on the leading axis.
        tick: `(carry, sample) -> carry`, on the whole batch.
        carry: Before the first tick.

    Returns:
        The carry after the last tick.
    """

    def block(carry: Tree, samples: Sample) -> Tree:
        return jax.lax.scan(lambda c, s: (tick(c, real(s)), None), carry, samples)[0]

    return over_blocks(task, episodes, block, carry, BLOCK)


def over_blocks(
    task: AbstractTask,
    episodes: Episode,
    block: Callable[[Tree, Sample], Tree],
    carry: Tree,
    most: int,
) -> Tree:
    """The same, a block of ticks at a time.

    `block` gets the samples of a whole block of `most` ticks or fewer, time first, and
    the input as the task gives it, where spikes may be of type bool.
    """
    length = _block_length(task.ticks, most)
    whole = task.ticks // length
    mask = jnp.asarray(task.mask())

    def one(carry: Tree, now: tuple[Int[Array, ""], Array]) -> tuple[Tree, None]:
        return block(carry, some_ticks(task, episodes, *now)), None

    starts = length * jnp.arange(whole, dtype=jnp.int32)
    masks = mask[: whole * length].reshape(whole, length)
    carry, _ = jax.lax.scan(one, carry, (starts, masks))
    if whole * length < task.ticks:
        rest = jnp.asarray(whole * length, jnp.int32), mask[whole * length :]
        carry, _ = one(carry, rest)
    return carry


def some_ticks(
    task: AbstractTask,
    episodes: Episode,
    start: Int[Array, ""],
    mask: Bool[Array, " length"],
) -> Sample:
    """What arrives in some ticks of a batch of episodes, time first.

    Args:
        task: Makes the input.
        episodes: A batch, on the leading axis.
        start: The first of the ticks.
        mask: The task's own, of these ticks: how many they are.
    """
    length = len(mask)
    t = start + jnp.arange(length, dtype=start.dtype)
    target = jax.vmap(task.target)(episodes)
    reward = jnp.zeros(target.shape[0])

    def each(t: Int[Array, ""]) -> Tree:  # of all samples
        return jax.vmap(lambda key: jax.random.fold_in(key, t))(episodes.key)

    return Sample(
        x=jax.vmap(lambda e: task.block(e, start, length), out_axes=1)(episodes),
        target=repeat(target, length),
        mask=mask,
        reward=repeat(reward, length),
        first=t == 0,
        last=t == task.ticks - 1,
        key=None if episodes.key is None else jax.vmap(each)(t),
    )


def real(sample: Sample) -> Sample:
    """The same with real numbers as input: a spike is 1."""
    return sample._replace(x=sample.x.astype(float))


def _block_length(ticks: int, most: int) -> int:
    """Ticks per block: a divisor of the sample's length, unless all are small.

    A rest is a second program to compile; a block of one tick is slow at every tick.
    """
    divisor = next(k for k in range(min(most, ticks), 0, -1) if not ticks % k)
    return divisor if 4 * divisor >= min(most, ticks) else min(most, ticks)


def repeat(tree: Tree, times: int) -> Tree:
    """The same arrays so many times, on a new leading axis."""
    return jax.tree.map(lambda a: jnp.broadcast_to(a, (times, *a.shape)), tree)


def blank(task: AbstractTask, network: Any, episodes: Episode) -> Record:
    """A record of nothing yet; `answer` holds the votes until `settle`."""
    batch = episodes.label.shape[0]
    return Record(
        answer=jnp.zeros((batch, task.n_out)),
        label=episodes.label,
        group=episodes.group,
        arrived=jnp.zeros(task.n_in),
        spikes={
            name: jnp.zeros(p.n)
            for name, p in network.populations.items()
            if p.neuron.spiking
        },
        written=jnp.zeros((), jnp.int32),
    )


def tally(
    record: Record,
    sample: Sample,
    y: Array,
    z: dict[str, Array],
    written: Int[Array, ""],
) -> Record:
    """Adds one tick: the output's vote where a target is valid, spikes, writes.

    A spike counts as one whatever it carries.
    """
    # Adding 0 * x counts nothing, but lets an input that is not finite show.
    arrived = ((sample.x != 0).astype(sample.x.dtype) + 0 * sample.x).sum(0)
    return record._replace(
        answer=record.answer + jnp.where(sample.mask, y, jnp.zeros_like(y)),
        arrived=record.arrived + arrived.astype(record.arrived.dtype),
        spikes={
            name: n + (z[name] != 0).astype(n.dtype).sum(0)
            for name, n in record.spikes.items()
        },
        written=record.written + written,
    )


def settle(record: Record) -> Record:
    """Turns votes into answers: the class with the largest summed output."""
    return record._replace(answer=jnp.argmax(record.answer, axis=-1))
