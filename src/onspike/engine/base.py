"""What an engine is: it runs many ticks, and only how is its own."""

from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
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

    @property
    def share_right(self) -> Float[Array, ""]:
        """The share of right answers: an accuracy only if `infer` gave them.

        Of what `learn` gives it says little about what was learnt: the weights change,
        and feedback may steer the output, while it is counted.
        """
        return jnp.mean(self.answer == self.label.astype(self.answer.dtype))


class AbstractEngine(eqx.Module):
    """Runs a learner through whole samples; every engine gives what `Scan` gives."""

    def refuses(self, learner: Any, task: AbstractTask) -> str | None:
        """Why a learner cannot be run on a task, or None if it can."""
        del learner, task
        return None

    def accept(self, learner: Any, task: AbstractTask) -> None:
        """Raises ValueError if a learner cannot be run on a task."""
        reason = self.refuses(learner, task)
        if reason is not None:
            name = type(self).__name__
            raise ValueError(f"engine {name} cannot run this learner: {reason}")

    @abstractmethod
    def unroll(
        self, learner: Any, task: AbstractTask, state: Tree, episodes: Episode
    ) -> tuple[Tree, Record]:
        """Learns from one batch of samples, tick by tick."""
