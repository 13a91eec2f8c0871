"""Adaptive leaky integrate-and-fire."""

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


class ALIFState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    a: Float[Array, " n"]  # adaptation, spikes
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class ALIF(AbstractLIF):
    r"""LIF whose threshold rises with its own spikes.

    $A_t = \vartheta + \beta a_t$, $a_t = \rho a_{t-1} + z_{t-1}$; the membrane as in
    `LIF`, reset by $\vartheta$.

    Args:
        tau_mem: Membrane time constant, in seconds.
        tau_adapt: Time constant of the adaptation, in seconds.
        beta: Rise of the threshold per spike, in threshold units. Zero makes a LIF, so
            a population may mix both. (LSNN's beta scales with 1 - rho instead:
            beta = beta_LSNN (1 - rho).)
        v_threshold: Baseline threshold, in threshold units.
        reset: What a spike does to the membrane of the next tick.
        refractory: Absolute refractory period, if any.
        normalised: Whether input is scaled by 1 - alpha.
        surrogate: Pseudo-derivative of the spike, scaled by the baseline threshold.
        bias: Constant current, as for `LIF`.
        floor: The membrane falls no lower, in threshold units; None for no floor.

    Raises:
        ValueError: If a time constant or the threshold is not positive, `beta` is
            negative, or `bias` or `floor` not finite.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, Methods.
    """

    tau_mem: PerNeuron = 20e-3
    tau_adapt: PerNeuron = 2.0
    beta: PerNeuron = 0.0174
    v_threshold: PerNeuron = 1.0
    reset: AbstractReset = SubtractReset()
    refractory: Refractory | None = None
    normalised: bool = eqx.field(static=True, default=False)
    surrogate: AbstractSurrogate = Triangle()
    bias: PerNeuron = 0.0
    floor: PerNeuron | None = None

    continuous: ClassVar[tuple[str, ...]] = ("v", "a")

    def __check_init__(self) -> None:
        checks.positive("ALIF", "seconds", tau_adapt=self.tau_adapt)
        checks.non_negative("ALIF", "threshold units per spike", beta=self.beta)

    def init(self, n):
        rest = jnp.zeros(n)
        return ALIFState(v=rest, a=rest, z=rest, wait=self.awake(n))

    def step(self, state, current, dt):
        a = leak(self.tau_adapt, dt) * state.a + state.z
        v, left = self.membrane(state, state.z, current, dt)
        new = ALIFState(v=v, a=a, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        return self.event(state, self.v_threshold + self.beta * state.a)

    def decay(self, dt):
        return leak(self.tau_mem, dt)
