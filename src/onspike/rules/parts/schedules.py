"""Schedules: how the learning rate changes from write to write."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.types import Scalar


class AbstractSchedule(eqx.Module):
    """A factor on all rates."""

    @abstractmethod
    def __call__(self, writes: Int[Array, ""]) -> Float[Array, ""]:
        """The factor after that many writes."""


class Constant(AbstractSchedule):
    """Always 1."""

    def __call__(self, writes):
        return jnp.ones(())


class LinearDecay(AbstractSchedule):
    """Falls from 1 to 0 over `total` writes.

    Args:
        total: When it reaches 0, in writes.

    Raises:
        ValueError: If `total` is not positive.
    """

    total: Scalar

    def __check_init__(self) -> None:
        checks.positive("LinearDecay", "writes", total=self.total)

    def __call__(self, writes):
        return jnp.maximum(0.0, 1.0 - writes.astype(float) / self.total)
