"""Bounds on the weights, around any device."""

import jax.numpy as jnp
from jaxtyping import Array

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.types import Scalar, is_constant


class Clamped(AbstractDevice):
    """Cuts each change so that no weight is asked to leave [lower, bound].

    Initial weights are cut as well.

    Args:
        device: What holds the weights.
        bound: Largest weight, in weight units.
        lower: Smallest weight, in weight units; None for -bound. Zero where synapses
            only excite. The logarithms of learnt constants stay in [-bound, bound].

    Raises:
        ValueError: If `bound` is not positive or `lower` not below it.
    """

    device: AbstractDevice
    bound: Scalar
    lower: Scalar | None = None

    def __check_init__(self) -> None:
        checks.positive("Clamped", "weight units", bound=self.bound)
        if self.lower is not None:
            checks.finite("Clamped", "weight units", lower=self.lower)
            checks.positive(
                "Clamped", "weight units above lower", bound=self.bound - self.lower
            )

    def _cut(self, name: str, w: Array) -> Array:
        free = self.lower is None or is_constant(name)
        return jnp.clip(w, -self.bound if free else self.lower, self.bound)

    def fabricate(self, params, sizes, key):
        clipped = {n: self._cut(n, w) for n, w in params.weights.items()}
        return self.device.fabricate(params._replace(weights=clipped), sizes, key)

    def read(self, stored):
        return self.device.read(stored)

    def write(self, stored, change, key):
        weights = self.read(stored).weights
        allowed = {
            n: self._cut(n, weights[n] + c) - weights[n] for n, c in change.items()
        }
        return self.device.write(stored, allowed, key)

    def written(self, before, after, change):
        return self.device.written(before, after, change)

    def bits_per_weight(self):
        return self.device.bits_per_weight()
