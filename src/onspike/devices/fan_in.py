"""A limited number of synapses per neuron, around any device."""

import equinox as eqx
import jax
import jax.numpy as jnp

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer, split
from onspike.types import is_constant


class FanIn(AbstractLayer):
    """Each neuron has a limited number of synapses, all projections into it together.

    Which ones is settled when the die is programmed: drawn from those that there are
    (whose initial weight is not 0), and their weights are scaled by the root of how
    many there were over how many are left, so that as much variance arrives; or the
    strongest, as they are, which suits weights that were learnt elsewhere. The others
    are 0 for good, and no write reaches them.

    Args:
        device: What holds the weights.
        most: Synapses per neuron.
        strongest: Whether to keep the strongest.

    Raises:
        ValueError: If `most` is not positive.
    """

    device: AbstractDevice
    most: int = eqx.field(static=True)
    strongest: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        checks.at_least("FanIn", "synapses", 1, most=self.most)

    def made(self, params, wiring, key):
        weights, kept = dict(params.weights), {}
        synapses = [name for name in weights if not is_constant(name)]
        into: dict[str, list[str]] = {}
        for name in synapses:
            into.setdefault(wiring.wire(name).post, []).append(name)
        for post, k in split(key, into).items():
            names = sorted(into[post])
            w = jnp.concatenate([weights[name] for name in names], axis=1)
            size = jnp.abs(w) if self.strongest else jax.random.uniform(k, w.shape)
            size = jnp.where(w == 0, -1.0, size.astype(float))
            rank = jnp.argsort(jnp.argsort(-size, axis=1), axis=1)
            mask = (rank < self.most) & (w != 0)
            if not self.strongest:
                before, after = ((m).sum(1, keepdims=True) for m in (w != 0, mask))
                w = w * jnp.sqrt(before / jnp.maximum(after, 1)).astype(w.dtype)
            start = 0
            for name in names:
                part = slice(start, start + wiring.wire(name).n_pre)
                kept[name], start = mask[:, part], part.stop
                weights[name] = jnp.where(mask[:, part], w[:, part], 0.0)
        return params._replace(weights=weights), kept

    def seen(self, params, own):
        def left(kept, inner):
            return (
                kept if inner is None else jnp.where(kept, inner, jnp.zeros_like(inner))
            )

        inner = params.connections
        own = {name: left(kept, inner.get(name)) for name, kept in own.items()}
        return params._replace(connections=inner | own)

    def asked(self, change, params, own):
        del params
        return {
            n: jnp.where(own[n], c, jnp.zeros_like(c)) if n in own else c
            for n, c in change.items()
        }
