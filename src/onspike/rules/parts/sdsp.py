"""Spike-driven synaptic plasticity: what a spike finds in the neuron it reaches."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.eligibility import AbstractEligibility
from onspike.rules.parts.pairs import events
from onspike.types import Outer, Scalar


class SDSPState(NamedTuple):
    """The postsynaptic neurons' memory of their own spikes."""

    calcium: Float[Array, " n_post"]  # a leaky count


class SDSP(AbstractEligibility):
    r"""$e_{ij} = (a u_i - b d_i) s_j$: membrane and calcium say which way.

    A presynaptic spike finds neuron i with membrane v and calcium C, both as the tick
    before left them: neither the spike itself nor another of the same tick has reached
    the neuron. Up, $u_i = 1$, if $v > \theta_v$ and $C$ lies between `up_low` and
    `up_high`; down, $d_i = 1$, if $v \le \theta_v$ and $C$ lies between `down_low` and
    `down_high`. A neuron that has just fired is reset in the tick to come, and so
    counts as high. Calcium: $C \leftarrow e^{-dt/\tau_C} C + z$, from 0 at the start of
    a sample.

    Nothing is kept per synapse: one count per postsynaptic neuron. L = -1 makes it
    grow by $e$, as with `Teacher`.

    Args:
        a: Size of a step up.
        b: Size of a step down.
        theta_v: $\theta_v$, in units of potential; one for all neurons, and so 0.8 of
            the threshold only where that is 1.
        up_low: Calcium above which synapses may grow, in spikes.
        up_high: Calcium from which they no longer do.
        down_low: Calcium above which they may shrink, in spikes.
        down_high: Calcium from which they no longer do.
        tau_calcium: $\tau_C$, in seconds.

    Raises:
        ValueError: If a step or a bound is negative, `theta_v` not finite,
            `tau_calcium` not positive, or a window's low bound not below its high one.

    Source: Brader, Senn & Fusi 2007, doi:10.1162/neco.2007.19.11.2881.
    """

    a: Scalar = 0.1
    b: Scalar = 0.1
    theta_v: Scalar = 0.8
    up_low: Scalar = 3.0
    up_high: Scalar = 13.0
    down_low: Scalar = 3.0
    down_high: Scalar = 4.0
    tau_calcium: Scalar = 60e-3

    def __check_init__(self) -> None:
        checks.non_negative("SDSP", "weight units per spike", a=self.a, b=self.b)
        checks.finite("SDSP", "threshold units", theta_v=self.theta_v)
        bounds = dict(up_low=self.up_low, down_low=self.down_low)
        checks.non_negative("SDSP", "spikes", **bounds)
        widths = {
            "up_high": self.up_high - self.up_low,
            "down_high": self.down_high - self.down_low,
        }
        checks.positive("SDSP", "spikes above its low bound", **widths)
        checks.positive("SDSP", "seconds", tau_calcium=self.tau_calcium)

    def init(self, wire):
        return SDSPState(calcium=jnp.zeros(wire.n_post))

    def step(self, state, local):
        v, c = local.old.v, state.calcium
        high = v > self.theta_v
        up = high & (c > self.up_low) & (c < self.up_high)
        down = ~high & (c > self.down_low) & (c < self.down_high)
        move = self.a * up.astype(v.dtype) - self.b * down.astype(v.dtype)
        calcium = jnp.exp(-local.dt / self.tau_calcium) * c + events(local.z)
        return SDSPState(calcium), Outer(post=move, pre=events(local.spikes))
