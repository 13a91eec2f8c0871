"""Leaky integrate-and-fire with exponential synapses."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.neurons.base import (
    AbstractLIF,
    AbstractReset,
    Refractory,
    SubtractReset,
    leak,
)
from onspike.surrogates import AbstractSurrogate, Triangle
from onspike.types import PerNeuron


class CubaLIFState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    i_syn: Float[Array, " n"]  # synaptic current, threshold units per tick
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class CubaLIF(AbstractLIF):
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
        checks.positive("CubaLIF", "seconds", tau_syn=self.tau_syn)

    def init(self, n):
        rest = jnp.zeros(n)
        return CubaLIFState(v=rest, i_syn=rest, z=rest, wait=self.awake(n))

    def step(self, state, current, dt):
        i_syn = leak(self.tau_syn, dt) * state.i_syn + current
        v, left = self.membrane(state, state.z, i_syn, dt)
        new = CubaLIFState(v=v, i_syn=i_syn, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        return self.event(state, self.v_threshold)

    def decay(self, dt):
        return leak(self.tau_mem, dt)
