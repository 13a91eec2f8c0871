"""A readout that integrates and does not fire."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.neurons.base import AbstractNeuron, gain_of, leak
from onspike.types import PerNeuron


class LeakyIntegratorState(NamedTuple):
    """One tick of `n` readout units."""

    v: Float[Array, " n"]  # membrane potential
    z: Float[Array, " n"]  # the output: the membrane itself


class LeakyIntegrator(AbstractNeuron):
    r"""Leaky integrator: $y_t = \kappa y_{t-1} + g I_t$, a graded output.

    Args:
        tau_mem: Time constant, in seconds.
        normalised: Whether input is scaled by 1 - kappa.
        bias: Constant current.

    Raises:
        ValueError: If `tau_mem` is not positive.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eq. 11.
    """

    tau_mem: PerNeuron = 20e-3
    normalised: bool = eqx.field(static=True, default=False)
    bias: PerNeuron = 0.0

    continuous: ClassVar[tuple[str, ...]] = ("v",)
    spiking: ClassVar[bool] = False

    def __check_init__(self) -> None:
        checks.positive("LeakyIntegrator", "seconds", tau_mem=self.tau_mem)
        checks.finite("LeakyIntegrator", "output units per tick", bias=self.bias)

    def init(self, n):
        return LeakyIntegratorState(v=jnp.zeros(n), z=jnp.zeros(n))

    def step(self, state, current, dt):
        v = self.decay(dt) * state.v + self.gain(dt) * (current + self.bias)
        return LeakyIntegratorState(v=v, z=v)

    def fire(self, state):
        return state.v

    def decay(self, dt):
        return leak(self.tau_mem, dt)

    def gain(self, dt):
        return gain_of(self.decay(dt), self.normalised)
