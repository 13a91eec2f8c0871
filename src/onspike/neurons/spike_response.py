"""A neuron whose memory is in its synapses, and in its own last spikes."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.neurons.base import AbstractNeuron, leak
from onspike.surrogates import AbstractSurrogate, FastSigmoid
from onspike.types import PerNeuron


class SpikeResponseState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential
    z: Float[Array, " n"]  # spikes, 0 or 1
    r: Float[Array, " n"]  # what own spikes leave on the membrane, zero or below


class SpikeResponse(AbstractNeuron):
    r"""Spike response: $v_t = I_t + R_t$, $R_t = \rho R_{t-1} - (1-\rho) z_{t-1}$.

    The membrane forgets its input at once: what a spike does over time belongs to the
    synapses (`onspike.synapses.DoubleExponential`), which is why one trace per
    presynaptic neuron is exact whatever the neurons' constants are. Under a steady
    drive between 0 and 1 R gives way until the rate, per tick, is near the drive: the
    nearer the longer `tau_ref`. R carries no gradient. At rest, with threshold 0 and no
    bias, a neuron fires.

    Args:
        tau_ref: Time constant of R, in seconds; the default is a decay of 0.65 per
            tick of 1 ms.
        v_threshold: Firing threshold, in units of potential; 0 in the source.
        surrogate: Pseudo-derivative that stands in for dz/dv, as for a threshold of 1.
        bias: Constant current, in units of potential.

    Raises:
        ValueError: If `tau_ref` is not positive, `v_threshold` is negative or `bias`
            not finite.

    Source: Kaiser, Mostafa & Neftci 2020, doi:10.3389/fnins.2020.00424.
    """

    tau_ref: PerNeuron = 2.32e-3
    v_threshold: PerNeuron = 0.0
    surrogate: AbstractSurrogate = FastSigmoid()
    bias: PerNeuron = 0.0

    continuous: ClassVar[tuple[str, ...]] = ("v",)

    def __check_init__(self) -> None:
        checks.positive("SpikeResponse", "seconds", tau_ref=self.tau_ref)
        units = "potential units"
        checks.non_negative("SpikeResponse", units, v_threshold=self.v_threshold)
        checks.finite("SpikeResponse", units, bias=self.bias)

    def init(self, n):
        return SpikeResponseState(v=jnp.zeros(n), z=jnp.zeros(n), r=jnp.zeros(n))

    def step(self, state, current, dt):
        rho = leak(self.tau_ref, dt)
        r = jax.lax.stop_gradient(rho * state.r - (1.0 - rho) * state.z)
        new = SpikeResponseState(v=current + self.bias + r, z=state.z, r=r)
        return new._replace(z=self.fire(new))

    def fire(self, state):
        return self.surrogate.spike(state.v - self.v_threshold, 1.0)

    def decay(self, dt):
        return jnp.zeros(())

    def gain(self, dt):
        return jnp.ones(())
