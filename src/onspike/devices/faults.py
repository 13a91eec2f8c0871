"""What is broken on a die."""

import equinox as eqx
import jax
import jax.numpy as jnp

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer, LayerState, split
from onspike.types import Scalar, is_constant


class DeadNeurons(AbstractLayer):
    """Neurons that never send anything, and that no learning signal passes.

    Readouts that do not spike live.

    Args:
        device: What holds the weights.
        share: Chance of each neuron to be dead.
        only: Populations to which this happens; None for all.

    Raises:
        ValueError: If `share` is no probability, or `only` names what cannot die.
    """

    device: AbstractDevice
    share: Scalar
    only: tuple[str, ...] | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        checks.probability("DeadNeurons", share=self.share)

    def made(self, params, wiring, key):
        mortal = [
            name
            for name, neuron in params.neurons.items()
            if neuron.spiking or name != wiring.output
        ]
        for population in self.only or ():
            checks.known("population in DeadNeurons.only", population, mortal)
        touched, alive = mortal if self.only is None else self.only, dict(params.alive)
        for name, k in split(key, touched).items():
            drawn = jax.random.uniform(k, (wiring.size(name),), float)
            living = (drawn >= self.share).astype(float)
            alive[name] = alive.get(name, 1.0) * living
        return params._replace(alive=alive), ()


class StuckSynapses(AbstractLayer):
    """Synapses whose weight is what it is, whatever is written.

    A stuck synapse is open (weight 0), or as strong as the strongest of its projection
    on the die as it was programmed, with its own sign there; what was programmed as 0
    stays 0. Writes to it cost what a write costs, where the device below counts them.

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

    def fabricate(self, params, wiring, key):
        inside, outside = jax.random.split(key)
        stored, own = self.device.fabricate(params, wiring, inside), {}
        weights = self.device.read(stored).weights  # within all limits of the die
        for name, k in split(outside, weights).items():
            if not is_constant(name):
                w, (which, how) = weights[name], jax.random.split(k)
                stuck = jax.random.uniform(which, w.shape, float) < self.share
                high = jax.random.uniform(how, w.shape, float) < self.high
                strongest = jnp.sign(w) * jnp.max(jnp.abs(w))
                own[name] = stuck, jnp.where(high, strongest, jnp.zeros_like(w))
        return LayerState(stored, own)

    def drawn(self, stored):
        inner = self.device.drawn(stored.stored)
        return inner | {"stuck": {n: stuck for n, (stuck, _) in stored.own.items()}}

    def seen(self, params, own):
        weights = {
            n: jnp.where(stuck, value, params.weights[n])
            for n, (stuck, value) in own.items()
        }
        return params._replace(weights=params.weights | weights)
