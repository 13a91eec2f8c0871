"""A teacher that is a current: what drives a neuron, not what judges it."""

import jax.numpy as jnp

from onspike import checks
from onspike.rules.parts.signals import AbstractSignal
from onspike.types import Scalar


class Teacher(AbstractSignal):
    r"""While a target is valid, a current into the output; $L = -1$ everywhere, always.

    The target's unit is excited and all others are inhibited. The rest is up to the
    eligibility, which must say by itself what grows and what shrinks.

    Args:
        excite: Current into the target's unit, as the neuron's bias is given.
        inhibit: Current out of every other unit.

    Raises:
        ValueError: If a current is negative.

    Source: Brader, Senn & Fusi 2007, doi:10.1162/neco.2007.19.11.2881, where it is a
        train of spikes.
    """

    excite: Scalar = 1.0
    inhibit: Scalar = 1.0

    def __check_init__(self) -> None:
        currents = dict(excite=self.excite, inhibit=self.inhibit)
        checks.non_negative("Teacher", "threshold units per tick", **currents)

    def init(self, wiring, key):
        return (), ()

    def rest(self, own):
        return own

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        push = self.excite * sample.target - self.inhibit * (1.0 - sample.target)
        push = jnp.where(sample.mask, push, jnp.zeros_like(push))
        return own, {wiring.output: wiring.spread(wiring.output, push)}

    def step(self, shared, own, params, local, teaching, wiring):
        return own, {population: -jnp.ones(n) for population, n in wiring.sizes}

    def adapt(self, shared, change):
        return shared
