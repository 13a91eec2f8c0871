"""Recorded samples: of a task, and many of them through a chip in one program."""

import time as clock
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from onspike.chips.reckon.dataset import Recorded
from onspike.chips.reckon.sample import Result, Sample, run, samples
from onspike.chips.reckon.state import Chip, State
from onspike.tasks.base import AbstractTask, Split
from onspike.types import Key


class Epoch(NamedTuple):
    """What came of going through some samples once."""

    answers: np.ndarray  # labels that the chip sent
    labels: np.ndarray
    spikes: np.ndarray  # of the recurrent neurons, in each sample
    learnt: np.ndarray  # ticks with EPROP
    ticks: int
    seconds: float

    @property
    def share_right(self) -> float:
        """Share of right answers."""
        return float(np.mean(self.answers == self.labels))


@jax.jit
def in_order(chip: Chip, state: State, many: Sample) -> tuple[State, Result]:
    """Samples of one length, one after the other on the same chip."""
    return jax.lax.scan(lambda state, one: run(chip, state, one), state, many)


def go_through(
    chip: Chip, state: State, recorded: Sequence[Recorded], supervised: int
) -> tuple[State, Epoch]:
    """Runs a program on samples in order; it learns unless DO_EPROP is 0.

    Args:
        chip: The chip.
        state: Between two samples.
        recorded: At least one; of several lengths, each is compiled once.
        supervised: The tick from which INFER_ACC is high, and TARGET_VALID as well if
            the chip learns.

    Raises:
        ValueError: If no tick of a sample is supervised.
    """
    begun, results = clock.perf_counter(), []
    learns = bool(np.any(np.asarray(chip.registers.do_eprop)))
    for ticks, some in groupby(recorded, lambda one: one.ticks):
        if supervised >= ticks:
            raise ValueError(
                f"supervision begins at tick {supervised}; a sample has {ticks} ticks"
            )
        state, result = in_order(
            chip, state, _pins(chip, list(some), supervised, learns)
        )
        results.append(jax.tree.map(np.asarray, result))
    result = jax.tree.map(lambda *a: np.concatenate(a), *results)
    return state, Epoch(
        answers=result.label,
        labels=np.array([one.label for one in recorded]),
        spikes=result.spikes.sum(1),
        learnt=result.learnt,
        ticks=sum(one.ticks for one in recorded),
        seconds=clock.perf_counter() - begun,
    )


def of_task(task: AbstractTask, split: Split, n: int, key: Key) -> list[Recorded]:
    """The first samples of a task, as events: what its dataset file would hold.

    Args:
        task: Whose input that is not 0 is an event.
        split: Of the task.
        n: How many samples.
        key: The run's data key.
    """

    def one(i: Int[Array, ""]) -> tuple[Array, Array]:
        episode = task.episode(split, i, key)
        return task.block(episode, jnp.int32(0), task.ticks).astype(bool), episode.label

    found = jax.jit(lambda i: jax.lax.map(one, i))(jnp.arange(n, dtype=jnp.int32))
    samples = []
    for events, label in zip(*map(np.asarray, found), strict=True):
        time, neuron = np.nonzero(events)
        samples.append(Recorded(neuron, time, int(label), task.ticks))
    return samples


def _pins(chip: Chip, some: list[Recorded], supervised: int, learns: bool) -> Any:
    events = np.stack([one.events(chip.registers.n_inp) for one in some])
    labels = np.array([one.label for one in some])
    infer = np.arange(some[0].ticks) >= supervised
    told = samples(chip.registers, events, labels, infer & learns, infer)
    return jax.tree.map(jnp.asarray, told)
