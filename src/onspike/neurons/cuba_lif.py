"""Leaky integrate-and-fire with exponential synapses."""

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


class CubaLIFState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    i_syn: Float[Array, " n"]  # synaptic current, threshold units per tick
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class CubaLIF(AbstractNeuron):
    r"""LIF behind a current-based exponential synapse.

    $i_t = \alpha_s i_{t-1} + I_t$, then the membrane of `LIF` driven by $i_t$: the
    current of the same tick (some simulators use $i_{t-1}$).

    Args:
        tau_mem: Membrane time constant, in seconds.
        tau_syn: Synaptic time constant, in seconds.
        v_threshold: Firing threshold, in threshold units.
        reset: What a spike does to the membrane of the next tick.
        refractory: Absolute refractory period, if any.
        normalised: Whether the current is scaled by 1 - alpha.
        surrogate: Pseudo-derivative that stands in for dz/dv.
        bias: Constant current that joins $i_t$ past the synapse.
        floor: The membrane falls no lower, in threshold units; None for no floor.

    Raises:
        ValueError: If a time constant or the threshold is not positive, or `bias` or
            `floor` not finite.

    Source: Gerstner et al., Neuronal Dynamics, 2014, ch. 1.3 and 3.1.
    """

    tau_mem: PerNeuron = 20e-3
    tau_syn: PerNeuron = 10e-3
    v_threshold: PerNeuron = 1.0
    reset: AbstractReset = SubtractReset()
    refractory: Refractory | None = None
    normalised: bool = eqx.field(static=True, default=False)
    surrogate: AbstractSurrogate = Triangle()
    bias: PerNeuron = 0.0
    floor: PerNeuron | None = None

    continuous: ClassVar[tuple[str, ...]] = ("v", "i_syn")

    def __check_init__(self) -> None:
        seconds = dict(tau_mem=self.tau_mem, tau_syn=self.tau_syn)
        checks.positive("CubaLIF", "seconds", **seconds)
        checks.positive("CubaLIF", "threshold units", v_threshold=self.v_threshold)
        checks.finite("CubaLIF", "threshold units per tick", bias=self.bias)
        if self.floor is not None:
            checks.finite("CubaLIF", "threshold units", floor=self.floor)

    def check(self, n):
        checks.per_neuron(
            "CubaLIF",
            n,
            tau_mem=self.tau_mem,
            tau_syn=self.tau_syn,
            v_threshold=self.v_threshold,
            bias=self.bias,
            floor=self.floor,
        )
        if self.refractory is not None:
            self.refractory.check(n)

    def init(self, n):
        rest = jnp.zeros(n)
        waiting = None if self.refractory is None else jnp.zeros(n, jnp.int32)
        return CubaLIFState(v=rest, i_syn=rest, z=rest, wait=waiting)

    def step(self, state, current, dt):
        alpha = self.decay(dt)
        gain = 1.0 - alpha if self.normalised else 1.0
        left = wait(self.refractory, state.wait, state.z, dt)
        i_syn = jnp.exp(-dt / jnp.asarray(self.tau_syn)) * state.i_syn + current
        v = self.reset(alpha * state.v, state.z, self.v_threshold) + gain * (
            i_syn + self.bias
        )
        v = above(self.floor, hold(v, self.refractory, left))
        new = CubaLIFState(v=v, i_syn=i_syn, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        z = self.surrogate.spike(state.v - self.v_threshold, self.v_threshold)
        return gate_spikes(z, state.wait)

    def decay(self, dt):
        return jnp.exp(-dt / jnp.asarray(self.tau_mem))
