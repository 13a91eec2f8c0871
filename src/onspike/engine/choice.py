"""Which engine runs a learner fastest."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from onspike.devices import Ideal
from onspike.engine.base import AbstractEngine
from onspike.engine.chunked import Chunked
from onspike.engine.event import Event
from onspike.engine.event.full import is_full
from onspike.engine.scan import Scan
from onspike.rules.parts.eligibility import PreTrace
from onspike.rules.parts.gates import EndOfSample
from onspike.tasks.base import AbstractTask

# From here on matrix products of the whole batch are faster: measured with 100 and 256
# hidden neurons, 1 to 32 samples, and 2 to 100 % of the input channels active. Traces
# for each synapse are no faster in any other engine.
_BUSY = 0.5  # share of input with an event, where writes wait for the end of a sample
_MANY = 32  # samples, where real numbers are written at every tick
_CHUNKED = 16  # samples; with a trace per synapse blocks are faster at any number


class Choice(NamedTuple):
    """An engine, and why it was chosen."""

    engine: AbstractEngine
    reason: str


def fastest(learner: Any, task: AbstractTask, batch: int) -> Choice:
    """The fastest engine of those that give what `Scan` gives.

    Args:
        learner: A `Learner`.
        task: What it learns; a few of its samples tell how busy the input is.
        batch: Samples that learn side by side.
    """
    event, chunked = Event(), Chunked()
    no_event = event.refuses(learner, task) or _slow_event(learner, task, batch)
    if no_event is None:
        return Choice(event, "it takes all of this, and touches only what has an event")
    no_chunked = chunked.refuses(learner, task) or _slow_chunked(learner, batch)
    if no_chunked is None:
        return Choice(chunked, f"not event: {no_event}")
    return Choice(Scan(), f"not event: {no_event}; not chunked: {no_chunked}")


def _slow_event(learner: Any, task: AbstractTask, batch: int) -> str | None:
    if not isinstance(learner.rule.gate, EndOfSample):
        slow = batch >= _MANY and isinstance(learner.device, Ideal)
        return f"a batch of {batch} is written at every tick" if slow else None
    if batch == 1 or is_full(learner):
        return None
    share = busy(task)
    return f"{share:.0%} of the input has an event" if share > _BUSY else None


def _slow_chunked(learner: Any, batch: int) -> str | None:
    rule = learner.rule
    full = rule.readout_filter is not None or type(rule.eligibility) is not PreTrace
    return None if full or batch <= _CHUNKED else f"a batch of {batch} is large"


def busy(task: AbstractTask, samples: int = 4, ticks: int = 64) -> float:
    """Share of input channels and ticks with an event, in a few training samples."""
    starts = task.ticks * jnp.arange(ticks, dtype=jnp.int32) // ticks

    def one(index):
        episode = task.episode("train", index, jax.random.key(0))
        return jax.vmap(lambda start: task.block(episode, start, 1))(starts)

    index = jnp.arange(min(samples, task.size("train")), dtype=jnp.int32)
    return float(jax.jit(lambda i: jax.vmap(one)(i).astype(bool).mean())(index))
