"""Leaky integrate-and-fire."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike.neurons.base import (
    AbstractLIF,
    AbstractReset,
    Refractory,
    SubtractReset,
    leak,
)
from onspike.surrogates import AbstractSurrogate, Triangle
from onspike.types import PerNeuron


class LIFState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class LIF(AbstractLIF):
    r"""Leaky integrate-and-fire: $v_t = \alpha v_{t-1} + g I_t - \vartheta z_{t-1}$.

    The gain is g = 1 (unit) or g = 1 - alpha (normalised).

    Args:
        tau_mem: Membrane time constant, in seconds.
        v_threshold: Firing threshold, in threshold units.
        reset: What a spike does to the membrane of the next tick.
        refractory: Absolute refractory period, if any.
        normalised: Whether input is scaled by 1 - alpha, so that a constant current I
            leads to v = I. Published thresholds fit one convention only.
        surrogate: Pseudo-derivative that stands in for dz/dv.
        bias: Constant current, in threshold units per tick (in threshold units if
            normalised).
        floor: The membrane falls no lower, in threshold units; None for no floor.
        euler: Decay by 1 - dt / tau_mem, as some sources do, and not exponentially.

    Raises:
        ValueError: If `tau_mem` or `v_threshold` is not positive, or `bias` or `floor`
            not finite.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, Methods.
    """

    tau_mem: PerNeuron = 20e-3
    v_threshold: PerNeuron = 1.0
    reset: AbstractReset = SubtractReset()
    refractory: Refractory | None = None
    normalised: bool = eqx.field(static=True, default=False)
    surrogate: AbstractSurrogate = Triangle()
    bias: PerNeuron = 0.0
    floor: PerNeuron | None = None
    euler: bool = eqx.field(static=True, default=False)

    continuous: ClassVar[tuple[str, ...]] = ("v",)

    def init(self, n):
        return LIFState(v=jnp.zeros(n), z=jnp.zeros(n), wait=self.awake(n))

    def step(self, state, current, dt):
        v, left = self.membrane(state, state.z, current, dt)
        new = LIFState(v=v, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        return self.event(state, self.v_threshold)

    def decay(self, dt):
        if self.euler:
            return 1.0 - dt / jnp.asarray(self.tau_mem)
        return leak(self.tau_mem, dt)
