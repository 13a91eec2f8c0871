"""Constants and gains that change by themselves, around any device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.constants import CONSTANTS, constant, multiplied
from onspike.devices.layer import AbstractLayer
from onspike.types import Scalar, is_constant


class DriftState(NamedTuple):
    """How far a die has gone: logarithms of factors."""

    tick: Int[Array, ""]  # of the run, when it was there
    gain: dict[str, Float[Array, "n_post n_pre"]]
    constants: dict[str, dict[str, Float[Array, " n"]]]  # by population and constant


class Drift(AbstractLayer):
    r"""A die that is another one after some time: temperature, ageing.

    Every neuron's constants and every synapse's gain are multiplied by $e^d$, and d
    goes at random, $d \leftarrow a d + \sigma \sqrt{1 - a^2} \xi$ with
    $a = e^{-t/\tau}$ for the time t that the run took since the write before. It starts
    at 0, as designed, and has in the long run the standard deviation sigma, however
    often a rule writes. In a test it stands still.

    Args:
        device: What holds the weights.
        sd: Sigma, of the logarithm: 0.1 is about 10 %.
        tau: Its correlation time, in seconds of the network.

    Raises:
        ValueError: If `sd` is negative or `tau` not positive.
    """

    device: AbstractDevice
    sd: Scalar = 0.1
    tau: Scalar = 1e3

    def __check_init__(self) -> None:
        checks.non_negative("Drift", "1 (of a logarithm)", sd=self.sd)
        checks.positive("Drift", "seconds", tau=self.tau)

    def made(self, params, wiring, key):
        del key
        gain = {
            n: jnp.zeros_like(w)
            for n, w in params.weights.items()
            if not is_constant(n)
        }
        neurons = {
            name: {
                c: jnp.zeros(wiring.size(name))
                for c in CONSTANTS
                if constant(neuron, c) is not None
            }
            for name, neuron in params.neurons.items()
        }
        return params, DriftState(jnp.zeros((), jnp.int32), gain, neurons)

    def seen(self, params, own):
        weights = {n: params.weights[n] * jnp.exp(d) for n, d in own.gain.items()}
        neurons = {
            name: multiplied(neuron, jax.tree.map(jnp.exp, own.constants[name]))
            for name, neuron in params.neurons.items()
        }
        return params._replace(weights=params.weights | weights, neurons=neurons)

    def aged(self, stored, tick, dt, key):
        _, outside = jax.random.split(key)
        own = stored.own
        t = (tick - own.tick).astype(float) * dt
        keep = jnp.exp(-t / jnp.asarray(self.tau, float))
        leaves, structure = jax.tree.flatten((own.gain, own.constants))
        keys = jax.random.split(outside, len(leaves))
        fresh = self.sd * jnp.sqrt(1.0 - keep * keep)
        moved = [
            keep * d + fresh * jax.random.normal(k, d.shape, float)
            for d, k in zip(leaves, keys, strict=True)
        ]
        stored = super().aged(stored, tick, dt, key)
        own = DriftState(tick, *jax.tree.unflatten(structure, moved))
        return stored._replace(own=own)
