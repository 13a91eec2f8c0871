"""A synapse that smooths spikes before they are weighed."""

import equinox as eqx
import jax.numpy as jnp

from onspike import checks
from onspike.synapses.base import AbstractSynapse
from onspike.types import Scalar


class Exponential(AbstractSynapse):
    r"""Spikes with an exponential tail: $x_t = a x_{t-1} + s_t$, each of peak 1.

    One value per presynaptic neuron, the tail itself.

    Args:
        tau_syn: Time constant of the tail, in seconds.
        euler: Decay by a = 1 - dt / tau_syn, as some sources do, and not
            exponentially.
        advances: How often the equation is applied in a tick, to the same spikes. Two
            give $a^2 x + (1 + a) s$: half the time constant and twice the peak, the
            same area.

    Raises:
        ValueError: If `tau_syn` is not positive or `advances` not a whole number >= 1.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Methods; `advances` as in the
    released code of bioRxiv 2023.08.26.554928, which advances the recurrent tail twice
    in a tick of training and once in a tick of testing.
    """

    tau_syn: Scalar = 2e-3
    euler: bool = eqx.field(static=True, default=False)
    advances: int = eqx.field(static=True, default=1)

    def __check_init__(self) -> None:
        checks.positive("Exponential", "seconds", tau_syn=self.tau_syn)
        checks.at_least("Exponential", "times a tick", 1, advances=self.advances)

    def init(self, n):
        return jnp.zeros(n)

    def step(self, state, spikes, dt):
        ratio = dt / jnp.asarray(self.tau_syn)
        decay = 1.0 - ratio if self.euler else jnp.exp(-ratio)
        for _ in range(self.advances):
            state = decay * state + spikes
        return state

    def output(self, state):
        return state
