"""Leaky integrate-and-fire."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.neurons.base import (
    AbstractNeuron,
    AbstractReset,
    Refractory,
    SubtractReset,
    above,
    gate_spikes,
    hold,
    wait,
)
from onspike.surrogates import AbstractSurrogate, Triangle
from onspike.types import PerNeuron


class LIFState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class LIF(AbstractNeuron):
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

    def __check_init__(self) -> None:
        checks.positive("LIF", "seconds", tau_mem=self.tau_mem)
        checks.positive("LIF", "threshold units", v_threshold=self.v_threshold)
        checks.finite("LIF", "threshold units", bias=self.bias)
        if self.floor is not None:
            checks.finite("LIF", "threshold units", floor=self.floor)

    def check(self, n):
        checks.per_neuron(
            "LIF",
            n,
            tau_mem=self.tau_mem,
            v_threshold=self.v_threshold,
            bias=self.bias,
            floor=self.floor,
        )
        if self.refractory is not None:
            self.refractory.check(n)

    def init(self, n):
        waiting = None if self.refractory is None else jnp.zeros(n, jnp.int32)
        return LIFState(v=jnp.zeros(n), z=jnp.zeros(n), wait=waiting)

    def step(self, state, current, dt):
        alpha = self.decay(dt)
        gain = 1.0 - alpha if self.normalised else 1.0
        left = wait(self.refractory, state.wait, state.z, dt)
        v = self.reset(alpha * state.v, state.z, self.v_threshold) + gain * (
            current + self.bias
        )
        v = above(self.floor, hold(v, self.refractory, left))
        new = LIFState(v=v, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        z = self.surrogate.spike(state.v - self.v_threshold, self.v_threshold)
        return gate_spikes(z, state.wait)

    def decay(self, dt):
        if self.euler:
            return 1.0 - dt / jnp.asarray(self.tau_mem)
        return jnp.exp(-dt / jnp.asarray(self.tau_mem))
