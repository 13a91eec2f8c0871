"""Codes: how the features of a sample, between 0 and 1, become input over time."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Int32, Shaped, UInt32

from onspike import checks
from onspike.tasks import draws, timing
from onspike.types import Key, Scalar, Tree


class AbstractCode(eqx.Module):
    """Turns a vector of features into the input of each tick."""

    @abstractmethod
    def n_in(self, n_features: int) -> int:
        """The number of inputs that so many features need."""

    @abstractmethod
    def check(self, ticks: int, dt: float) -> None:
        """Raises ValueError if the code does not fit into samples of `ticks` ticks."""

    @abstractmethod
    def encode(self, features: Float[Array, " n"], dt: Scalar, key: Key) -> Tree:
        """What `block` needs; everything that is drawn once a sample is drawn here."""

    @abstractmethod
    def block(
        self, content: Tree, start: Int[Array, ""], length: int
    ) -> Shaped[Array, "length n_in"]:
        """The input of ticks `start .. start + length - 1`, however they are cut."""


class Phase(NamedTuple):
    """Phase accumulators, in units of 2^-32 cycles: integers, so they never drift."""

    first: UInt32[Array, " n_in"]
    step: UInt32[Array, " n_in"]  # per tick


class Rate(AbstractCode):
    """Regular trains: a phase advances by rate x feature, and each wrap is a spike.

    The number of spikes differs by less than one from rate x feature x time. The
    start phase is drawn for every sample and input. The inputs of one feature are
    neighbours.

    Args:
        rate: Rate at a feature of 1, in hertz.
        n: Inputs for each feature.

    Raises:
        ValueError: If `rate` is negative or `n` is not a whole number above zero;
            from the task, if `rate` exceeds one spike a tick.

    Source: the phase-accumulator encoder, common in event-driven hardware.
    """

    rate: Scalar = 100.0
    n: int = eqx.field(static=True, default=5)

    def __check_init__(self) -> None:
        checks.non_negative("Rate", "hertz", rate=self.rate)
        checks.at_least("Rate", "inputs per feature", 1, n=self.n)

    def n_in(self, n_features: int) -> int:
        return self.n * n_features

    def check(self, ticks: int, dt: float) -> None:
        timing.check_rate("Rate", dt, rate=self.rate)

    def encode(self, features: Float[Array, " n"], dt: Scalar, key: Key) -> Phase:
        step = draws.threshold(self.rate * dt * jnp.repeat(features, self.n))
        return Phase(first=jax.random.bits(key, step.shape, jnp.uint32), step=step)

    def block(self, content: Phase, start, length: int) -> Bool[Array, "length n_in"]:
        tick = timing.block_ticks(start, length).astype(jnp.uint32)
        after = content.first[None, :] + (tick + 1)[:, None] * content.step[None, :]
        return after < content.step[None, :]


class Chance(NamedTuple):
    """Independent draws: the bits of a tick lie below a limit."""

    key: Key
    limit: UInt32[Array, " n_in"]


class Poisson(AbstractCode):
    """Random trains: each input spikes in a tick with chance rate x feature x dt.

    The inputs of one feature are neighbours, and independent.

    Args:
        rate: Rate at a feature of 1, in hertz.
        n: Inputs for each feature.

    Raises:
        ValueError: If `rate` is negative or `n` is not a whole number above zero;
            from the task, if `rate` exceeds one spike a tick.

    Source: the Bernoulli approximation of a Poisson process, for example Gerstner
    et al. 2014, doi:10.1017/CBO9781107447615, chapter 7.
    """

    rate: Scalar = 100.0
    n: int = eqx.field(static=True, default=5)

    def __check_init__(self) -> None:
        checks.non_negative("Poisson", "hertz", rate=self.rate)
        checks.at_least("Poisson", "inputs per feature", 1, n=self.n)

    def n_in(self, n_features: int) -> int:
        return self.n * n_features

    def check(self, ticks: int, dt: float) -> None:
        timing.check_rate("Poisson", dt, rate=self.rate)

    def encode(self, features: Float[Array, " n"], dt: Scalar, key: Key) -> Chance:
        limit = draws.threshold(self.rate * dt * jnp.repeat(features, self.n))
        return Chance(key=key, limit=limit)

    def block(self, content: Chance, start, length: int) -> Bool[Array, "length n_in"]:
        bits = draws.tick_bits(content.key, start, length, content.limit.shape[0])
        return bits < content.limit[None, :]


class Latency(AbstractCode):
    r"""One spike per feature, the later the larger: $t = t_0 + x (t_1 - t_0)$.

    Times are rounded to the nearest tick; tick 0 is time 0.

    Args:
        t_min: Time of the spike of a feature of 0, in seconds.
        t_max: Time of the spike of a feature of 1, in seconds.
        bias: Time of the spike of one more input, in seconds; None for no such input.

    Raises:
        ValueError: If a time is negative or `t_max` comes before `t_min`; from the
            task, if a spike would come after the end of the sample.

    Source: Wunderlich and Pehle 2021, doi:10.1038/s41598-021-91786-z, Methods.
    """

    t_min: Scalar = 10e-3
    t_max: Scalar = 40e-3
    bias: Scalar | None = 20e-3

    def __check_init__(self) -> None:
        checks.non_negative("Latency", "seconds", t_min=self.t_min, t_max=self.t_max)
        if self.bias is not None:
            checks.non_negative("Latency", "seconds", bias=self.bias)
        known = not any(isinstance(time, Tracer) for time in (self.t_min, self.t_max))
        if known and np.any(np.asarray(self.t_max) < np.asarray(self.t_min)):
            raise ValueError(
                f"Latency.t_max must be at least t_min = {self.t_min} seconds; "
                f"got {self.t_max}"
            )

    def n_in(self, n_features: int) -> int:
        return n_features + (self.bias is not None)

    def check(self, ticks: int, dt: float) -> None:
        for field, time in (("t_max", self.t_max), ("bias", self.bias)):
            if time is None or isinstance(time, Tracer):
                continue
            if np.any(np.rint(np.asarray(time) / dt) > ticks - 1):
                raise ValueError(
                    f"Latency.{field} must be at most (ticks - 1) * dt = "
                    f"{(ticks - 1) * dt:g} seconds; got {time}"
                )

    def encode(
        self, features: Float[Array, " n"], dt: Scalar, key: Key
    ) -> Int32[Array, " n_in"]:
        times = self.t_min + features * (self.t_max - self.t_min)
        if self.bias is not None:
            bias = jnp.asarray(self.bias, dtype=times.dtype)
            times = jnp.concatenate([times, bias[None]])
        return jnp.rint(times / dt).astype(jnp.int32)

    def block(
        self, content: Int32[Array, " n_in"], start, length: int
    ) -> Bool[Array, "length n_in"]:
        tick = timing.block_ticks(start, length)
        return tick[:, None] == content[None, :]


class Graded(AbstractCode):
    """No spikes: each feature is the constant value of one input.

    Args:
        gain: Input at a feature of 1, in threshold units per tick.

    Raises:
        ValueError: If `gain` is not finite.
    """

    gain: Scalar = 1.0

    def __check_init__(self) -> None:
        checks.finite("Graded", "threshold units per tick", gain=self.gain)

    def n_in(self, n_features: int) -> int:
        return n_features

    def check(self, ticks: int, dt: float) -> None:
        pass

    def encode(
        self, features: Float[Array, " n"], dt: Scalar, key: Key
    ) -> Float[Array, " n"]:
        return features * self.gain

    def block(
        self, content: Float[Array, " n"], start, length: int
    ) -> Float[Array, "length n"]:
        return jnp.broadcast_to(content[None, :], (length, content.shape[0]))
