"""Adaptive leaky integrate-and-fire."""

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
    gate_spikes,
    hold,
    wait,
)
from onspike.surrogates import AbstractSurrogate, Triangle
from onspike.types import PerNeuron


class ALIFState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    a: Float[Array, " n"]  # adaptation, spikes
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class ALIF(AbstractNeuron):
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

    Raises:
        ValueError: If a time constant or the threshold is not positive, or `beta` is
            negative.

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

    continuous: ClassVar[tuple[str, ...]] = ("v", "a")

    def __check_init__(self) -> None:
        seconds = dict(tau_mem=self.tau_mem, tau_adapt=self.tau_adapt)
        checks.positive("ALIF", "seconds", **seconds)
        checks.positive("ALIF", "threshold units", v_threshold=self.v_threshold)
        checks.non_negative("ALIF", "threshold units per spike", beta=self.beta)
        checks.finite("ALIF", "threshold units", bias=self.bias)

    def check(self, n):
        checks.per_neuron(
            "ALIF",
            n,
            tau_mem=self.tau_mem,
            tau_adapt=self.tau_adapt,
            beta=self.beta,
            v_threshold=self.v_threshold,
            bias=self.bias,
        )
        if self.refractory is not None:
            self.refractory.check(n)

    def init(self, n):
        rest = jnp.zeros(n)
        waiting = None if self.refractory is None else jnp.zeros(n, jnp.int32)
        return ALIFState(v=rest, a=rest, z=rest, wait=waiting)

    def step(self, state, current, dt):
        alpha, rho = self.decay(dt), jnp.exp(-dt / jnp.asarray(self.tau_adapt))
        gain = 1.0 - alpha if self.normalised else 1.0
        left = wait(self.refractory, state.wait, state.z, dt)
        v = self.reset(alpha * state.v, state.z, self.v_threshold) + gain * (
            current + self.bias
        )
        v = hold(v, self.refractory, left)
        new = ALIFState(v=v, a=rho * state.a + state.z, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        threshold = self.v_threshold + self.beta * state.a
        z = self.surrogate.spike(state.v - threshold, self.v_threshold)
        return gate_spikes(z, state.wait)

    def decay(self, dt):
        return jnp.exp(-dt / jnp.asarray(self.tau_mem))
