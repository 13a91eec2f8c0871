"""Targets: what a controller pulls an output towards."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.types import Scalar, Tree


class AbstractTarget(eqx.Module):
    """The spikes that each output unit should send, and which pull is allowed."""

    @abstractmethod
    def init(self, n_out: int) -> Tree:
        """The state at the start of a sample."""

    @abstractmethod
    def step(
        self, state: Tree, target: Float[Array, " n_out"], dt: Scalar
    ) -> tuple[Tree, Float[Array, " n_out"]]:
        """The target's spikes in a tick, of a sample with this (one-hot) target."""

    def sides(
        self, target: Float[Array, " n_out"]
    ) -> tuple[Float[Array, " n_out"], Float[Array, " n_out"]]:
        """How much a pull towards more, and towards less, counts for each unit."""
        return jnp.ones_like(target), jnp.ones_like(target)


class TargetRates(AbstractTarget):
    """Regular trains: one rate for the true class, another for all others.

    Args:
        high: Rate of the true class, in hertz.
        low: Rate of the other classes, in hertz.
        overshoot: How much a pull counts that answers an overshoot in the right
            direction: the true class too fast, another too slow. 1 makes the rates
            points to stay at, 0 margins to stay beyond; with a little, weights stay
            bounded and nearly nothing is spent on what is right.

    Raises:
        ValueError: If a rate or `overshoot` is negative, or `high` is not above `low`.

    Source: Saponati et al. 2026, arXiv 2602.13261.
    """

    high: Scalar = 50.0
    low: Scalar = 5.0
    overshoot: Scalar = 1.0

    def __check_init__(self) -> None:
        checks.non_negative("TargetRates", "hertz", high=self.high, low=self.low)
        checks.positive("TargetRates", "hertz above low", high=self.high - self.low)
        checks.non_negative("TargetRates", "1 (a share)", overshoot=self.overshoot)

    def init(self, n_out):
        return jnp.full(n_out, 0.5, float)

    def step(self, state, target, dt):
        phase = state + dt * (self.low + (self.high - self.low) * target)
        spikes = (phase >= 1).astype(phase.dtype)
        return phase - spikes, spikes

    def sides(self, target):
        others = 1.0 - target
        return target + self.overshoot * others, others + self.overshoot * target


class TrainsState(NamedTuple):
    """Where in the trains a sample stands."""

    tick: Int[Array, ""]


class TargetTrains(AbstractTarget):
    """Given spike trains, one for each unit in samples of each class.

    Args:
        trains: 0 or 1 by class, tick and unit; silence follows the last tick.

    Raises:
        ValueError: If a value is negative or not finite.
    """

    trains: Float[Array, "n_out ticks n_out"]

    def __check_init__(self) -> None:
        checks.non_negative("TargetTrains", "spikes", trains=self.trains)

    def init(self, n_out):
        checks.shape(
            "TargetTrains", (n_out, self.trains.shape[1], n_out), trains=self.trains
        )
        return TrainsState(jnp.zeros((), jnp.int32))

    def step(self, state, target, dt):
        del dt
        now = jnp.take(self.trains, state.tick, axis=1, mode="fill", fill_value=0)
        return TrainsState(state.tick + 1), target @ now
