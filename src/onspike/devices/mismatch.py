"""Static mismatch, around any device."""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.types import Key, Params, Scalar, Tree, is_constant

_USUAL = (
    *("tau_mem", "tau_syn", "tau_ref", "tau_adapt", "tau_fast", "tau_slow"),
    *("v_threshold", "bias"),
)


class MismatchState(NamedTuple):
    """What a die is."""

    stored: Tree  # the wrapped device's
    neurons: dict[str, Tree]  # as fabricated
    gain: dict[str, Float[Array, "n_post n_pre"]]  # of each synapse, by projection


class Mismatch(AbstractDevice):
    r"""Constants that differ from neuron to neuron, for the life of a die.

    Each is multiplied by a lognormal factor of mean 1 and coefficient of variation
    `cv`: $\exp(\sigma \xi - \sigma^2 / 2)$, $\sigma^2 = \ln(1 + \mathrm{cv}^2)$.
    Controllers are neurons of the network, and differ likewise. What neurons learn of a
    constant multiplies the die's own value. The decay that a rule
    gives its traces (`Local.decay`) stays nominal; what it reads off the neurons, their
    pseudo-derivatives and Jacobians, is the die's.

    Args:
        device: What holds the weights.
        cv: Standard deviation over mean.
        constants: Fields of neurons that vary, in every population that has them; by
            default all time constants, threshold and bias. What is 0 stays 0. Those of
            `onspike.synapses` are no neuron's, and are as designed.
        synapses: Whether each synapse's gain varies too.

    Raises:
        ValueError: If `cv` is negative, or no neuron has one of the `constants`.

    Source: the variability of mixed-signal chips and its size, Zendrikov et al. 2022,
        doi:10.1101/2022.10.26.513846.
    """

    device: AbstractDevice
    cv: Scalar = 0.2
    constants: tuple[str, ...] | None = eqx.field(static=True, default=None)
    synapses: bool = eqx.field(static=True, default=True)

    def __check_init__(self) -> None:
        checks.non_negative("Mismatch", "1 (sd over mean)", cv=self.cv)

    def fabricate(self, params, sizes, key):
        for_device, for_neurons, for_gain = jax.random.split(key, 3)
        everywhere = {n for p in params.neurons.values() for n in vars(p)}
        for name in self.constants or ():
            checks.known("neuron constant in Mismatch.constants", name, everywhere)
        neurons = {
            name: self._varied(params.neurons[name], sizes[name], k)
            for name, k in _split(for_neurons, params.neurons)
        }
        synapses = {n: w for n, w in params.weights.items() if not is_constant(n)}
        gain = {
            name: self._factors(synapses[name].shape, k)
            for name, k in _split(for_gain, synapses)
            if self.synapses
        }
        stored = self.device.fabricate(params, sizes, for_device)
        return MismatchState(stored, neurons, gain)

    def read(self, stored):
        weights = self.device.read(stored.stored).weights
        seen = {n: w * stored.gain[n] for n, w in weights.items() if n in stored.gain}
        return Params(weights | seen, stored.neurons)

    def write(self, stored, change, key):
        return stored._replace(stored=self.device.write(stored.stored, change, key))

    def written(self, before, after, change):
        return self.device.written(before.stored, after.stored, change)

    def bits_per_weight(self):
        return self.device.bits_per_weight()

    def _varied(self, neuron: Tree, n: int, key: Key) -> Tree:
        """The neuron with constants of its own for each of `n`."""
        constants = _USUAL if self.constants is None else self.constants
        varies = [c for c in constants if getattr(neuron, c, None) is not None]
        factors = self._factors((len(varies), n), key)
        return eqx.tree_at(
            lambda neuron: [getattr(neuron, c) for c in varies],
            neuron,
            [getattr(neuron, c) * f for c, f in zip(varies, factors, strict=True)],
        )

    def _factors(self, shape: tuple[int, ...], key: Key) -> Float[Array, "..."]:
        variance = jnp.log1p(jnp.square(jnp.asarray(self.cv, float)))
        normal = jax.random.normal(key, shape, float)
        return jnp.exp(jnp.sqrt(variance) * normal - variance / 2)


def _split(key: Key, names: Iterable[str]) -> Iterable[tuple[str, Key]]:
    """A key for each name, in alphabetical order."""
    ordered = sorted(names)
    return zip(ordered, jax.random.split(key, max(1, len(ordered))), strict=False)
