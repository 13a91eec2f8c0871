"""Learning signals: who tells neuron i what to change."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.types import (
    Change,
    Key,
    Local,
    Params,
    Sample,
    Scalar,
    Teaching,
    Tree,
    Wiring,
)


class AbstractSignal(eqx.Module):
    """A learning signal L for every neuron: positive if a further spike does harm."""

    @abstractmethod
    def init(self, wiring: Wiring, key: Key) -> tuple[Tree, Tree]:
        """What all samples share (feedback weights) and what each has for itself."""

    @abstractmethod
    def rest(self, own: Tree) -> Tree:
        """`own` at the start of a sample."""

    @abstractmethod
    def step(
        self,
        shared: Tree,
        own: Tree,
        params: Params,
        local: dict[str, Local],
        teaching: Teaching,
        wiring: Wiring,
    ) -> tuple[Tree, dict[str, Float[Array, " n"]]]:
        """The signal's own state after a tick, and L by population."""

    def feedback(
        self,
        shared: Tree,
        own: Tree,
        sample: Sample,
        neurons: dict[str, Tree],
        wiring: Wiring,
        dt: Scalar,
    ) -> tuple[Tree, dict[str, Float[Array, " n"]]]:
        """What the signal injects into neurons before a tick: nothing, for most."""
        del shared, sample, neurons, wiring, dt
        return own, {}

    @abstractmethod
    def adapt(self, shared: Tree, change: dict[str, Change]) -> Tree:
        """Feedback weights after a write that asked for `change`."""


class NoSignal(AbstractSignal):
    """Hidden neurons hear nothing; the output hears its own error."""

    def init(self, wiring, key):
        return (), ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        credit = {p: jnp.zeros(n) for p, n in wiring.sizes}
        return own, credit | {wiring.output: at_output(teaching, wiring)}

    def adapt(self, shared, change):
        return shared


class Partial(AbstractSignal):
    """A signal that reaches a fixed random share of each hidden population.

    The others are taught nothing: they feel only what those that hear do to them. In a
    network without layers this is all that is left of hierarchy. In a stack, credit for
    lower layers still passes through neurons that do not hear.

    Args:
        signal: What is heard.
        share: Of the neurons of each hidden population; rounded to whole neurons.

    Raises:
        ValueError: If `share` does not lie between 0 and 1.
    """

    signal: AbstractSignal
    share: Scalar = 0.5

    def __check_init__(self) -> None:
        checks.probability("Partial", share=self.share)

    def init(self, wiring, key):
        for_signal, *keys = jax.random.split(key, 1 + len(wiring.hidden))
        shared, own = self.signal.init(wiring, for_signal)
        hears = {}
        for name, subkey in zip(wiring.hidden, keys, strict=True):
            n = wiring.size(name)
            place = jax.random.permutation(subkey, n)
            hears[name] = place.astype(float) < jnp.round(self.share * n)
        return (shared, hears), own

    def rest(self, own):
        return self.signal.rest(own)

    def step(self, shared, own, params, local, teaching, wiring):
        within, hears = shared
        own, credit = self.signal.step(within, own, params, local, teaching, wiring)
        heard = {
            name: jnp.where(hears[name], credit[name], jnp.zeros_like(credit[name]))
            for name in hears
            if name in credit
        }
        return own, credit | heard

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        return self.signal.feedback(shared[0], own, sample, neurons, wiring, dt)

    def adapt(self, shared, change):
        within, hears = shared
        return self.signal.adapt(within, change), hears


def at_output(teaching: Teaching, wiring: Wiring) -> Float[Array, " n"]:
    """dE/dz of the output's neurons: each makes its share of a unit's output."""
    return wiring.spread(wiring.output, teaching.error / wiring.unit)
