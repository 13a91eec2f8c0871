"""Static mismatch, around any device."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.constants import CONSTANTS, constant, multiplied
from onspike.devices.layer import AbstractLayer, split
from onspike.types import Key, Scalar, Tree, is_constant

WEIGHTS, INJECTED = "weights", "injected"


class Mismatch(AbstractLayer):
    r"""Constants that differ from neuron to neuron, for the life of a die.

    Each is multiplied by a lognormal factor of mean 1 and coefficient of variation
    `cv`: $\exp(\sigma \xi - \sigma^2 / 2)$, $\sigma^2 = \ln(1 + \mathrm{cv}^2)$.
    Controllers are neurons of the network, and differ likewise. What neurons learn of a
    constant multiplies the die's own value. The decay that a rule
    gives its traces (`Local.decay`) stays nominal; what it reads off the neurons, their
    pseudo-derivatives and Jacobians, is the die's.

    Args:
        device: What holds the weights.
        cv: Standard deviation over mean: of all time constants, thresholds and biases
            of neurons (in a silicon neuron of the currents that set them), of each
            synapse's gain and of the gain with which a neuron takes an injected
            current. Or a mapping from what varies, and nothing else does: a neuron's
            constant ("tau_mem"), "weights", "injected". What is 0 stays 0. Constants of
            `onspike.synapses` are no neuron's, and are as designed.
        only: Populations to which this happens, with the synapses into them; None for
            all.

    Raises:
        ValueError: If a `cv` is negative, or belongs to what no neuron has.

    Source: the variability of mixed-signal chips and its size, Zendrikov et al. 2022,
        doi:10.1101/2022.10.26.513846.
    """

    device: AbstractDevice
    cv: Scalar | Mapping[str, Scalar] = 0.2
    only: tuple[str, ...] | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        each = self.cv if isinstance(self.cv, Mapping) else {"cv": self.cv}
        checks.non_negative("Mismatch", "1 (sd over mean)", **each)

    def made(self, params, wiring, key):
        for population in self.only or ():
            checks.known("population in Mismatch.only", population, params.neurons)
        neurons = params.neurons.values()
        parts = [getattr(neuron, "refractory", None) for neuron in neurons]
        numbers = {
            name
            for owner in (*neurons, *filter(None, parts))
            for name, value in vars(owner).items()
            if isinstance(value, float) or eqx.is_inexact_array(value)
        }
        known = {*numbers, WEIGHTS, INJECTED}
        for name in self.cv if isinstance(self.cv, Mapping) else ():
            checks.known("what varies (Mismatch.cv)", name, known)
        for_neurons, for_inlets, for_gain = jax.random.split(key, 3)
        neurons, inlets = dict(params.neurons), dict(params.inlets)
        touched = tuple(params.neurons) if self.only is None else self.only
        for name, k in split(for_neurons, touched).items():
            neurons[name] = self._varied(neurons[name], wiring.size(name), k)
        if self._cv(INJECTED) is not None:
            for name, k in split(for_inlets, touched).items():
                factors = lognormal(self._cv(INJECTED), (wiring.size(name),), k)
                inlets[name] = inlets.get(name, 1.0) * factors
        synapses = [name for name in params.weights if not is_constant(name)]
        gain = {
            name: lognormal(self._cv(WEIGHTS), params.weights[name].shape, k)
            for name, k in split(for_gain, synapses).items()
            if self._cv(WEIGHTS) is not None
            and (self.only is None or wiring.wire(name).post in self.only)
        }
        return params._replace(neurons=neurons, inlets=inlets), gain

    def seen(self, params, own):
        weights = {n: params.weights[n] * gain for n, gain in own.items()}
        return params._replace(weights=params.weights | weights)

    def drawn(self, stored):
        inner = self.device.drawn(stored.stored)
        gains = dict(inner.get("gain", {}))
        for name, gain in stored.own.items():
            gains[name] = gain * gains[name] if name in gains else gain
        return inner | ({"gain": gains} if gains else {})

    def _varied(self, neuron: Tree, n: int, key: Key) -> Tree:
        """The neuron with constants of its own for each of `n`."""
        names = self.cv if isinstance(self.cv, Mapping) else CONSTANTS
        varies = [name for name in names if constant(neuron, name) is not None]
        keys = split(key, varies)
        factors = {name: lognormal(self._cv(name), (n,), keys[name]) for name in varies}
        return multiplied(neuron, factors)

    def _cv(self, name: str) -> Scalar | None:
        """How much something varies; None if it does not."""
        return self.cv.get(name) if isinstance(self.cv, Mapping) else self.cv


def lognormal(
    cv: Scalar | None, shape: tuple[int, ...], key: Key
) -> Float[Array, "..."]:
    """Factors of mean 1 and coefficient of variation `cv`."""
    variance = jnp.log1p(jnp.square(jnp.asarray(cv, float)))
    normal = jax.random.normal(key, shape, float)
    return jnp.exp(jnp.sqrt(variance) * normal - variance / 2)
