"""Constants and gains that change by themselves, around any device."""

import jax
import jax.numpy as jnp

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.constants import CONSTANTS, constant, multiplied
from onspike.devices.layer import AbstractLayer
from onspike.types import Scalar, is_constant


class Drift(AbstractLayer):
    r"""A die that is another one after some time: temperature, ageing.

    Every neuron's constants and every synapse's gain are multiplied by $e^d$, and d
    goes at random, $d \leftarrow a d + \sigma \sqrt{1 - a^2} \xi$ with each write,
    $a = e^{-1/\mathrm{writes}}$. It starts at 0, as designed, and has in the long run
    the standard deviation sigma. It stands still where nothing is written, so in a
    test.

    Args:
        device: What holds the weights.
        sd: Sigma, of the logarithm: 0.1 is about 10 %.
        writes: Its correlation time, in writes.

    Raises:
        ValueError: If `sd` is negative or `writes` not positive.
    """

    device: AbstractDevice
    sd: Scalar = 0.1
    writes: Scalar = 1e4

    def __check_init__(self) -> None:
        checks.non_negative("Drift", "1 (of a logarithm)", sd=self.sd)
        checks.positive("Drift", "writes", writes=self.writes)

    def made(self, params, wiring, key):
        del key
        gain = {
            n: jnp.zeros_like(w)
            for n, w in params.weights.items()
            if not is_constant(n)
        }
        neurons = {
            name: {
                c: jnp.zeros(wiring.size(name))
                for c in CONSTANTS
                if constant(neuron, c) is not None
            }
            for name, neuron in params.neurons.items()
        }
        return params, (gain, neurons)

    def seen(self, params, own):
        gain, constants = own
        weights = {n: params.weights[n] * jnp.exp(d) for n, d in gain.items()}
        neurons = {
            name: multiplied(neuron, jax.tree.map(jnp.exp, constants[name]))
            for name, neuron in params.neurons.items()
        }
        return params._replace(weights=params.weights | weights, neurons=neurons)

    def aged(self, own, key):
        keep = jnp.exp(-1.0 / jnp.asarray(self.writes, float))
        leaves, structure = jax.tree.flatten(own)
        keys = jax.random.split(key, len(leaves))
        fresh = self.sd * jnp.sqrt(1.0 - keep * keep)
        moved = [
            keep * d + fresh * jax.random.normal(k, d.shape, float)
            for d, k in zip(leaves, keys, strict=True)
        ]
        return jax.tree.unflatten(structure, moved)
