"""What is broken on a die."""

import equinox as eqx
import jax
import jax.numpy as jnp

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer, split
from onspike.types import Scalar, is_constant


class DeadNeurons(AbstractLayer):
    """Neurons that never fire, and that no learning signal passes.

    Readouts that do not spike live.

    Args:
        device: What holds the weights.
        share: Chance of each spiking neuron to be dead.
        only: Populations to which this happens; None for all that spike.

    Raises:
        ValueError: If `share` is no probability.
    """

    device: AbstractDevice
    share: Scalar
    only: tuple[str, ...] | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        checks.probability("DeadNeurons", share=self.share)

    def made(self, params, wiring, key):
        for population in self.only or ():
            checks.known("population in DeadNeurons.only", population, params.neurons)
        alive = dict(params.alive)
        for name, k in split(key, params.neurons).items():
            if params.neurons[name].spiking and name in (self.only or params.neurons):
                drawn = jax.random.uniform(k, (wiring.size(name),), float)
                living = (drawn >= self.share).astype(float)
                alive[name] = alive.get(name, 1.0) * living
        return params._replace(alive=alive), ()


class StuckSynapses(AbstractLayer):
    """Synapses whose weight is what it is, whatever is written.

    A stuck synapse is open (weight 0), or as strong as the strongest with which its
    projection was programmed, with the sign that it was programmed with. Writes to it
    cost what a write costs, where the device below counts them.

    Args:
        device: What holds the weights.
        share: Chance of each synapse to be stuck.
        high: Share of these that are stuck at the strongest; the others are open.

    Raises:
        ValueError: If a share is no probability.
    """

    device: AbstractDevice
    share: Scalar
    high: Scalar = 0.5

    def __check_init__(self) -> None:
        checks.probability("StuckSynapses", share=self.share, high=self.high)

    def made(self, params, wiring, key):
        del wiring
        own = {}
        for name, k in split(key, params.weights).items():
            if not is_constant(name):
                w, (which, how) = params.weights[name], jax.random.split(k)
                stuck = jax.random.uniform(which, w.shape, float) < self.share
                high = jax.random.uniform(how, w.shape, float) < self.high
                strongest = jnp.sign(w) * jnp.max(jnp.abs(w))
                own[name] = stuck, jnp.where(high, strongest, jnp.zeros_like(w))
        return params, own

    def seen(self, params, own):
        weights = {
            n: jnp.where(stuck, value, params.weights[n])
            for n, (stuck, value) in own.items()
        }
        return params._replace(weights=params.weights | weights)
