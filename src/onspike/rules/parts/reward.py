"""Signals that are the same for all neurons: none but the synapse's own, and reward."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.signals import AbstractSignal
from onspike.types import Scalar, Wiring


class Unmodulated(AbstractSignal):
    """L = -1 everywhere: the change that a synapse asks for is written as it is."""

    def init(self, wiring, key):
        return (), ()

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        return own, _everywhere(-jnp.ones(()), wiring)

    def adapt(self, shared, change):
        return shared


class RewardOwn(NamedTuple):
    """What each stream of samples remembers."""

    expected: Float[Array, ""] | None  # the running mean, if there is one


class Reward(AbstractSignal):
    r"""$L = -(m - b)$ everywhere: reward beyond what is usual, one number for all.

    m is the reward of the tick, `Teaching.reward`: what a task's samples bring, and
    the margin of the right output while a target is valid. The baseline b is a running
    mean of m over the ticks in which a target is valid, and is subtracted in these
    only; it outlives samples. Where nothing is judged, as in a closed loop without
    targets, L = -m.

    Args:
        tau: Time constant of b, in seconds of valid targets; None for b = 0.

    Raises:
        ValueError: If `tau` is not positive.

    Source: Frémaux & Gerstner 2016, doi:10.3389/fncir.2015.00085; Izhikevich 2007,
        doi:10.1093/cercor/bhl152 (b = 0).
    """

    tau: Scalar | None = None

    def __check_init__(self) -> None:
        if self.tau is not None:
            checks.positive("Reward", "seconds", tau=self.tau)

    def init(self, wiring, key):
        return (), RewardOwn(None if self.tau is None else jnp.zeros(()))

    def rest(self, own):
        return own

    def step(self, shared, own, params, local, teaching, wiring):
        m = teaching.reward
        if self.tau is None:
            return own, _everywhere(-m, wiring)
        surprise = jnp.where(teaching.mask, m - own.expected, jnp.zeros_like(m))
        dt = next(iter(local.values())).dt
        expected = own.expected - jnp.expm1(-dt / self.tau) * surprise
        heard = jnp.where(teaching.mask, surprise, m)
        return RewardOwn(expected), _everywhere(-heard, wiring)

    def adapt(self, shared, change):
        return shared


def _everywhere(value: Array, wiring: Wiring) -> dict[str, Array]:
    return {name: jnp.full(n, value) for name, n in wiring.sizes}
