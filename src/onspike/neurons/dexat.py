"""Leaky integrate-and-fire with a threshold that adapts twice."""

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


class DEXATState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    fast: Float[Array, " n"]  # fast adaptation, spikes per tick
    slow: Float[Array, " n"]  # slow adaptation, spikes per tick
    z: Float[Array, " n"]  # spikes, 0 or 1
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class DEXAT(AbstractLIF):
    r"""LIF whose threshold adapts twice: $A = \vartheta + \beta_1 b_1 + \beta_2 b_2$.

    The double exponential adaptive threshold.
    $b_k \leftarrow \rho_k b_k + (1 - \rho_k) z$, one fast and one slow; the membrane as
    in `LIF`, reset by $\vartheta$. Each b is a running mean of the neuron's own spikes,
    so with equal time constants it is an `ALIF` with beta = (1 - rho)(beta_1 + beta_2).

    Args:
        tau_mem: Membrane time constant, in seconds.
        tau_fast: Time constant of the fast adaptation, in seconds.
        tau_slow: The same of the slow one.
        beta_fast: Rise of the threshold, in threshold units, of a neuron that fires in
            every tick, by the fast adaptation.
        beta_slow: The same by the slow one.
        v_threshold: Baseline threshold, in threshold units.
        reset: What a spike does to the membrane of the next tick.
        refractory: Absolute refractory period, if any.
        normalised: Whether input is scaled by 1 - alpha.
        surrogate: Pseudo-derivative of the spike, scaled by the baseline threshold.
        bias: Constant current, as for `LIF`.
        floor: The membrane falls no lower, in threshold units; None for no floor.

    Raises:
        ValueError: If a time constant or the threshold is not positive, a beta is
            negative, or `bias` or `floor` not finite.

    Source: Shaban, Bezugam & Suri 2021, doi:10.1038/s41467-021-24427-8. The defaults
        are ours.
    """

    tau_mem: PerNeuron = 20e-3
    tau_fast: PerNeuron = 30e-3
    tau_slow: PerNeuron = 300e-3
    beta_fast: PerNeuron = 1.0
    beta_slow: PerNeuron = 1.0
    v_threshold: PerNeuron = 1.0
    reset: AbstractReset = SubtractReset()
    refractory: Refractory | None = None
    normalised: bool = eqx.field(static=True, default=False)
    surrogate: AbstractSurrogate = Triangle()
    bias: PerNeuron = 0.0
    floor: PerNeuron | None = None

    continuous: ClassVar[tuple[str, ...]] = ("v", "fast", "slow")

    def __check_init__(self) -> None:
        seconds = dict(tau_fast=self.tau_fast, tau_slow=self.tau_slow)
        betas = dict(beta_fast=self.beta_fast, beta_slow=self.beta_slow)
        checks.positive("DEXAT", "seconds", **seconds)
        checks.non_negative("DEXAT", "threshold units", **betas)

    def init(self, n):
        rest = jnp.zeros(n)
        return DEXATState(v=rest, fast=rest, slow=rest, z=rest, wait=self.awake(n))

    def step(self, state, current, dt):
        v, left = self.membrane(state, state.z, current, dt)
        new = DEXATState(
            v=v,
            fast=_mean(state.fast, state.z, self.tau_fast, dt),
            slow=_mean(state.slow, state.z, self.tau_slow, dt),
            z=state.z,
            wait=left,
        )
        return new._replace(z=self.fire(new))

    def fire(self, state):
        rise = self.beta_fast * state.fast + self.beta_slow * state.slow
        return self.event(state, self.v_threshold + rise)

    def decay(self, dt):
        return leak(self.tau_mem, dt)


def _mean(b: Array, z: Array, tau: PerNeuron, dt) -> Array:
    rho = leak(tau, dt)
    return rho * b + (1.0 - rho) * z
