"""A bound on the weights, around any device."""

import jax.numpy as jnp

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.types import Scalar


class Clamped(AbstractDevice):
    """Cuts each change so that no weight is asked to leave [-bound, bound].

    Args:
        device: What holds the weights.
        bound: Largest absolute weight, in weight units.

    Raises:
        ValueError: If `bound` is not positive.
    """

    device: AbstractDevice
    bound: Scalar

    def __check_init__(self) -> None:
        checks.positive("Clamped", "weight units", bound=self.bound)

    def fabricate(self, params, sizes, key):
        clipped = {
            n: jnp.clip(w, -self.bound, self.bound) for n, w in params.weights.items()
        }
        return self.device.fabricate(params._replace(weights=clipped), sizes, key)

    def read(self, stored):
        return self.device.read(stored)

    def write(self, stored, change, key):
        weights = self.read(stored).weights
        allowed = {
            n: jnp.clip(weights[n] + c, -self.bound, self.bound) - weights[n]
            for n, c in change.items()
        }
        return self.device.write(stored, allowed, key)

    def bits_per_weight(self):
        return self.device.bits_per_weight()
