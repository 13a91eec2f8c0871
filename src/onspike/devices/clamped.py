"""Bounds on the weights, around any device."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer
from onspike.types import Scalar, is_constant


class Clamped(AbstractLayer):
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

    of_the_die: ClassVar[bool] = False

    def __check_init__(self) -> None:
        checks.positive("Clamped", "weight units", bound=self.bound)
        if self.lower is not None:
            checks.finite("Clamped", "weight units", lower=self.lower)
            checks.positive(
                "Clamped", "weight units above lower", bound=self.bound - self.lower
            )

    def made(self, params, wiring, key):
        del wiring, key
        clipped = {n: self._cut(n, w) for n, w in params.weights.items()}
        return params._replace(weights=clipped), ()

    def asked(self, change, params, own):
        del own
        w = params.weights
        return {n: self._cut(n, w[n] + c) - w[n] for n, c in change.items()}

    def _cut(self, name: str, w: Array) -> Array:
        free = self.lower is None or is_constant(name)
        return jnp.clip(w, -self.bound if free else self.lower, self.bound)
