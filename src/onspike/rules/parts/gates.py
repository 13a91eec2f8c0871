"""Gates: when a write may happen."""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from onspike.types import Sample


class When(NamedTuple):
    """What to do with the updates of this tick; the same for all samples of a batch."""

    gather: Bool[Array, ""] | bool  # they count
    write: Bool[Array, ""] | bool  # what has been gathered is written now


class AbstractGate(eqx.Module):
    """Opens and closes the way from rule to device.

    A gate that `accumulates` gathers updates between writes, one value per synapse;
    else each update is written in its own tick or lost.
    """

    accumulates: eqx.AbstractClassVar[bool]

    @abstractmethod
    def when(self, sample: Sample) -> When:
        """What to do in this tick. Depends on what all samples of a batch share."""


class EveryTick(AbstractGate):
    """A write at every tick."""

    accumulates: ClassVar[bool] = False

    def when(self, sample):
        return When(gather=True, write=True)


class TargetWindow(AbstractGate):
    """A write at each tick in which a target is valid.

    Source: Frenkel & Indiveri 2022, arXiv 2208.09759.
    """

    accumulates: ClassVar[bool] = False

    def when(self, sample):
        return When(gather=sample.mask, write=sample.mask)


class EndOfSample(AbstractGate):
    """Updates add up; one write at the sample's last tick.

    Args:
        window_only: Gather only while a target is valid.
    """

    window_only: bool = eqx.field(static=True, default=False)

    accumulates: ClassVar[bool] = True

    def when(self, sample):
        gather = sample.mask if self.window_only else True
        return When(gather=gather, write=jnp.asarray(sample.last))
