"""A synapse with a rise and a fall."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.synapses.base import AbstractSynapse
from onspike.types import Scalar


class DoubleExponentialState(NamedTuple):
    """One tick of a projection's synapses."""

    p: Float[Array, " n_pre"]  # postsynaptic potential, before it is weighed
    q: Float[Array, " n_pre"]  # synaptic current


class DoubleExponential(AbstractSynapse):
    r"""Spikes that rise and fall: $P_t = \alpha P_{t-1} + (1-\alpha) Q_{t-1}$.

    P is weighed, and $Q_t = \beta Q_{t-1} + (1-\beta) s_t$: a current and what it does
    to a membrane, both on the presynaptic side, two values per presynaptic neuron. P
    hears the current of the tick before, so that a spike acts one tick after it
    arrives; its potential adds up to 1.

    Args:
        tau_mem: Time constant of P, in seconds.
        tau_syn: Time constant of Q, in seconds.

    Raises:
        ValueError: If a time constant is not positive.

    Source: Kaiser, Mostafa & Neftci 2020, doi:10.3389/fnins.2020.00424; at ticks
        of 1 ms the defaults are its decays, 0.97 and 0.92.
    """

    tau_mem: Scalar = 32.8e-3
    tau_syn: Scalar = 12e-3

    def __check_init__(self) -> None:
        checks.positive(
            "DoubleExponential", "seconds", tau_mem=self.tau_mem, tau_syn=self.tau_syn
        )

    def init(self, n):
        return DoubleExponentialState(p=jnp.zeros(n), q=jnp.zeros(n))

    def step(self, state, spikes, dt):
        alpha = jnp.exp(-dt / jnp.asarray(self.tau_mem))
        beta = jnp.exp(-dt / jnp.asarray(self.tau_syn))
        return DoubleExponentialState(
            p=alpha * state.p + (1.0 - alpha) * state.q,
            q=beta * state.q + (1.0 - beta) * spikes,
        )

    def output(self, state):
        return state.p
