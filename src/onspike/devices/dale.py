"""Dale's law, around any device."""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer, split
from onspike.types import Scalar, is_constant


class Dale(AbstractLayer):
    """All synapses of a neuron excite, or all inhibit, for good.

    The sign belongs to the presynaptic neuron, or input channel, and is drawn with the
    die; initial weights take it. A change that would carry a weight across 0 ends
    there.

    Args:
        device: What holds the weights.
        excitatory: Chance of a neuron to excite.

    Raises:
        ValueError: If `excitatory` is no probability.
    """

    device: AbstractDevice
    excitatory: Scalar = 0.5

    def __check_init__(self) -> None:
        checks.probability("Dale", excitatory=self.excitatory)

    def made(self, params, wiring, key):
        sources = {wire.pre: wire.n_pre for _, wire in wiring.wires}
        sign = {
            name: jnp.where(
                jax.random.uniform(k, (sources[name],), float) < self.excitatory,
                1.0,
                -1.0,
            )
            for name, k in split(key, sources).items()
        }
        own = {name: sign[wire.pre][None, :] for name, wire in wiring.wires}
        weights = {
            n: own[n] * jnp.abs(w) if n in own else w for n, w in params.weights.items()
        }
        return params._replace(weights=weights), own

    def drawn(self, stored):
        return self.device.drawn(stored.stored) | {"sign": stored.own}

    def seen(self, params, own):
        # Few bits round a change that ends at 0 to either side of it.
        weights = {n: _cut(params.weights[n], sign) for n, sign in own.items()}
        return params._replace(weights=params.weights | weights)

    def asked(self, change, params, own):
        w = params.weights
        return {
            n: c if is_constant(n) else _cut(w[n] + c, own[n]) - w[n]
            for n, c in change.items()
        }


def _cut(w: Array, sign: Array) -> Array:
    return sign * jnp.maximum(sign * w, 0.0)
