"""Losses: how far an output is from its target, and what would bring it closer."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class AbstractLoss(eqx.Module):
    """What is to become small, and its derivative with respect to the output."""

    @abstractmethod
    def value(
        self, y: Float[Array, " n_out"], target: Float[Array, " n_out"]
    ) -> Float[Array, ""]:
        """The loss of one tick."""

    @abstractmethod
    def error(
        self, y: Float[Array, " n_out"], target: Float[Array, " n_out"]
    ) -> Float[Array, " n_out"]:
        """Its derivative dE/dy."""


class CrossEntropy(AbstractLoss):
    """Softmax cross-entropy with a one-hot target; error = softmax(y) - target."""

    def value(self, y, target):
        return -jnp.sum(target * jax.nn.log_softmax(y))

    def error(self, y, target):
        return jax.nn.softmax(y) - target


class SquaredError(AbstractLoss):
    """Half the squared distance; error = y - target."""

    def value(self, y, target):
        return 0.5 * jnp.sum((y - target) ** 2)

    def error(self, y, target):
        return y - target


class SmoothL1(AbstractLoss):
    """Half the squared distance of each value up to 1, its distance less half beyond.

    error = y - target, kept between -1 and 1.

    Source: Girshick 2015, arXiv 1504.08083, eq. 3.
    """

    def value(self, y, target):
        gap = jnp.abs(y - target)
        return jnp.sum(jnp.where(gap < 1, 0.5 * gap**2, gap - 0.5))

    def error(self, y, target):
        return jnp.clip(y - target, -1.0, 1.0)
