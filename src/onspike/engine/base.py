"""What an engine is: it runs many ticks, and only how is its own."""

from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, Int

from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Tree


class Record(NamedTuple):
    """What is left of one sample (of every sample of a batch) when it is over."""

    answer: Int[Array, " batch"]
    label: Int[Array, " batch"]
    group: Int[Array, " batch"]
    # Events (x != 0) by channel, of the batch; NaN where an input was not finite.
    arrived: Float[Array, " n_in"]
    spikes: dict[str, Float[Array, " n"]]  # by spiking population, summed likewise
    written: Int[Array, ""]  # stored weights that changed


class AbstractEngine(eqx.Module):
    """Runs a learner through whole samples; every engine gives what `Scan` gives."""

    @abstractmethod
    def unroll(
        self, learner: Any, task: AbstractTask, state: Tree, episodes: Episode
    ) -> tuple[Tree, Record]:
        """Learns from one batch of samples, tick by tick."""
