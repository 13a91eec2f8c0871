"""Firing-rate regularisation: a learning signal that knows no task."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.types import Local, Scalar, Teaching, Tree


class AbstractRegulariser(eqx.Module):
    """Adds to the learning signal of hidden neurons what their own activity asks."""

    @abstractmethod
    def init(self, n: int) -> Tree:
        """The activity of `n` neurons before the first tick."""

    @abstractmethod
    def rest(self, state: Tree) -> Tree:
        """The same at the start of a sample."""

    @abstractmethod
    def step(
        self, state: Tree, local: Local, teaching: Teaching
    ) -> tuple[Tree, Float[Array, " n"]]:
        """The activity after a tick, and the signal to add."""


class RateHinge(AbstractRegulariser):
    r"""$c \max(0, \bar z_i - n_0)$ while a target is valid.

    $\bar z$ is the neuron's own spikes through its membrane's decay, which a recurrent
    network has as a presynaptic trace anyway. Only fast neurons feel it.

    Args:
        strength: c, signal per spike above the bound.
        bound: $n_0$, in spikes.

    Raises:
        ValueError: If a field is negative.
    """

    strength: Scalar = 0.003
    bound: Scalar = 80.0

    def __check_init__(self) -> None:
        checks.non_negative("RateHinge", "signal per spike", strength=self.strength)
        checks.non_negative("RateHinge", "spikes", bound=self.bound)

    def init(self, n):
        return jnp.zeros(n)

    def rest(self, state):
        return jnp.zeros_like(state)

    def step(self, state, local, teaching):
        state = local.decay * state + local.z
        pull = self.strength * jnp.maximum(0.0, state - self.bound)
        return state, jnp.where(teaching.mask, pull, jnp.zeros_like(pull))


class RateTarget(AbstractRegulariser):
    r"""$c (\bar f_i - f^*)$: pulls every neuron's firing rate towards a target.

    $\bar f$ is a running mean that outlives the sample, so the term is online; the
    source averages over a trial and a batch instead.

    Args:
        strength: c, signal per hertz.
        target: $f^*$, in hertz.
        tau: Time constant of the running mean, in seconds.

    Raises:
        ValueError: If `strength` or `target` is negative or `tau` is not positive.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, Methods.
    """

    strength: Scalar = 1e-3
    target: Scalar = 10.0
    tau: Scalar = 2.0

    def __check_init__(self) -> None:
        checks.non_negative("RateTarget", "signal per hertz", strength=self.strength)
        checks.non_negative("RateTarget", "hertz", target=self.target)
        checks.positive("RateTarget", "seconds", tau=self.tau)

    def init(self, n):
        return jnp.full(n, jnp.asarray(self.target, float))

    def rest(self, state):
        return state

    def step(self, state, local, teaching):
        state = state + (local.z - local.dt * state) / self.tau
        return state, self.strength * (state - self.target)
