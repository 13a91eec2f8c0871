"""Soft bounds, around any device: the nearer the bound, the smaller the change."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer
from onspike.types import Scalar, is_constant


class SoftBound(AbstractLayer):
    """Scales each change by the weight itself: none grows from zero, none crosses it.

    Learnt constants of neurons are no weights, and change as they are asked to.

    Args:
        device: What holds the weights.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Methods.
    """

    device: AbstractDevice

    of_the_die: ClassVar[bool] = False

    def asked(self, change, params, own):
        del own
        return {
            name: c if is_constant(name) else params.weights[name] * c
            for name, c in change.items()
        }


class MultiplicativeBound(AbstractLayer):
    """Keeps weights between 0 and a bound: each change is scaled by the room left.

    What strengthens a synapse is scaled by 1 - w / bound, what weakens it by
    w / bound, and a change too large for that ends at the bound. Initial weights are
    cut to the range. Learnt constants of neurons are no
    weights, and change as they are asked to.

    Args:
        device: What holds the weights.
        bound: Largest weight, in weight units.

    Raises:
        ValueError: If `bound` is not positive.

    Source: Gütig et al. 2003, doi:10.1523/JNEUROSCI.23-09-03697.2003, with mu = 1.
    """

    device: AbstractDevice
    bound: Scalar = 1.0

    of_the_die: ClassVar[bool] = False

    def __check_init__(self) -> None:
        checks.positive("MultiplicativeBound", "weight units", bound=self.bound)

    def made(self, params, wiring, key):
        del wiring, key
        clipped = {
            n: w if is_constant(n) else jnp.clip(w, 0.0, self.bound)
            for n, w in params.weights.items()
        }
        return params._replace(weights=clipped), ()

    def asked(self, change, params, own):
        del own
        return {
            n: c if is_constant(n) else self._within(params.weights[n], c)
            for n, c in change.items()
        }

    def _within(self, w: Array, change: Array) -> Array:
        filled = w / self.bound
        scaled = change * jnp.where(change > 0, 1.0 - filled, filled)
        room = self.bound - w  # negative where few bits cannot say the bound
        return jnp.clip(scaled, jnp.minimum(-w, 0.0), jnp.maximum(room, 0.0))
