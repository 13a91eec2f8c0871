"""Leaky integrate-and-fire whose spikes carry a number."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
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


class GradedLIFState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential, threshold units
    z: Float[Array, " n"]  # payload of a spike, 0 without one
    wait: Int[Array, " n"] | None  # refractory ticks left, if there is such a period


class GradedLIF(AbstractLIF):
    r"""LIF whose spikes are graded: $z = H(v - \vartheta) \, \delta k$.

    $k = \mathrm{clip}(\mathrm{round}(v / \delta), 1, 2^b - 1)$, the membrane in b bits.
    Reset and refractory period are those of `LIF` and know only the event H. The
    pseudo-derivative is the event's, times the payload, plus 1 where there is a spike
    with a payload within its range: straight through the rounding. With one bit and
    delta = 1 it is a `LIF`.

    A graded spike counts as one event; what integrates spikes, as a trace or a running
    rate does, weighs it by its payload.

    Args:
        tau_mem: Membrane time constant, in seconds.
        v_threshold: Firing threshold, in threshold units.
        bits: b, the width of the payload, 1 to 16.
        quantum: delta, the payload's step, in threshold units.
        reset: What a spike does to the membrane of the next tick.
        refractory: Absolute refractory period, if any.
        normalised: Whether input is scaled by 1 - alpha.
        surrogate: Pseudo-derivative of the event.
        bias: Constant current, as for `LIF`.
        floor: The membrane falls no lower, in threshold units; None for no floor.

    Raises:
        ValueError: If `tau_mem`, `v_threshold` or `quantum` is not positive, `bits` out
            of range, or `bias` or `floor` not finite.

    Source: onspike; graded spikes as Loihi 2 sends them: Orchard et al. 2021,
        arXiv 2111.03746.
    """

    tau_mem: PerNeuron = 20e-3
    v_threshold: PerNeuron = 1.0
    bits: int = eqx.field(static=True, default=4)
    quantum: PerNeuron = 0.25
    reset: AbstractReset = SubtractReset()
    refractory: Refractory | None = None
    normalised: bool = eqx.field(static=True, default=False)
    surrogate: AbstractSurrogate = Triangle()
    bias: PerNeuron = 0.0
    floor: PerNeuron | None = None

    continuous: ClassVar[tuple[str, ...]] = ("v",)

    def __check_init__(self) -> None:
        checks.positive("GradedLIF", "threshold units", quantum=self.quantum)
        checks.at_least("GradedLIF", "bits", 1, bits=self.bits)
        if self.bits > 16:
            raise ValueError(
                f"GradedLIF.bits must be at most 16, in bits; got {self.bits}"
            )

    def init(self, n):
        return GradedLIFState(v=jnp.zeros(n), z=jnp.zeros(n), wait=self.awake(n))

    def step(self, state, current, dt):
        # The payload would do for its value; the event has a derivative of its own.
        event = self.event(state, self.v_threshold)
        v, left = self.membrane(state, event, current, dt)
        new = GradedLIFState(v=v, z=state.z, wait=left)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        x, top = state.v / self.quantum, 2.0**self.bits - 1.0
        within = (x > 1.0) & (x < top)
        x = jnp.where(within, x, jax.lax.stop_gradient(jnp.clip(x, 1.0, top)))
        still = jax.lax.stop_gradient(x)
        payload = self.quantum * (jnp.round(still) + (x - still))
        return self.event(state, self.v_threshold) * payload

    def decay(self, dt):
        return leak(self.tau_mem, dt)
