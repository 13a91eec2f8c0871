"""A neuron without memory, whose output is a graded rate."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.neurons.base import AbstractNeuron
from onspike.types import PerNeuron


class RateNeuronState(NamedTuple):
    """One tick of `n` neurons."""

    v: Float[Array, " n"]  # membrane potential: the current of this tick
    z: Float[Array, " n"]  # the output: a rate, in units of its own


class RateNeuron(AbstractNeuron):
    r"""Rate neuron: $r = \phi(I + b)$, the steady state of a leaky one.

    Nothing is kept from tick to tick. A feed-forward net of such neurons over samples
    of one tick is an ordinary multi-layer perceptron, and BPTT is backpropagation.

    Args:
        phi: The activation function, elementwise: `jnp.tanh`, `jax.nn.sigmoid`,
            `jax.nn.identity`.
        bias: Constant current.

    Raises:
        ValueError: If `bias` is not finite.

    Source: Gerstner et al., Neuronal Dynamics, 2014, ch. 15.
    """

    phi: Callable[[Array], Array] = eqx.field(static=True, default=jnp.tanh)
    bias: PerNeuron = 0.0

    continuous: ClassVar[tuple[str, ...]] = ("v",)
    spiking: ClassVar[bool] = False

    def __check_init__(self) -> None:
        checks.finite("RateNeuron", "units of the current", bias=self.bias)

    def init(self, n):
        return RateNeuronState(v=jnp.zeros(n), z=self.phi(jnp.zeros(n)))

    def step(self, state, current, dt):
        del state, dt
        v = current + self.bias
        return RateNeuronState(v=v, z=self.phi(v))

    def fire(self, state):
        return self.phi(state.v)

    def decay(self, dt):
        del dt
        return jnp.zeros(())

    def gain(self, dt):
        del dt
        return jnp.ones(())
