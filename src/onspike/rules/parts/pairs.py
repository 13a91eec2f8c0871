"""Eligibility from pairs of spikes: what synapse ij makes of who fired when."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.rules.parts.eligibility import AbstractEligibility
from onspike.types import Dense, Outer, Scalar, Tree


def events(spikes: Float[Array, " n"]) -> Float[Array, " n"]:
    """1 for each spike, whatever it carries."""
    return (spikes != 0).astype(spikes.dtype)


class PairSTDPState(NamedTuple):
    """The traces of one projection."""

    pre: Float[Array, " n_pre"]  # spikes that arrived, through tau_plus
    post: Float[Array, " n_post"]  # spikes that were sent, through tau_minus


class PairSTDP(AbstractEligibility):
    r"""$e_{ij} = A_+ x_j z_i - A_- y_i s_j$: the change that a tick's pairs ask for.

    In a tick both traces decay, e is taken, and only then do they take the tick's
    spikes: $x_j \leftarrow \lambda_+ x_j$, $y_i \leftarrow \lambda_- y_i$; e;
    $x_j \leftarrow x_j + s_j$, $y_i \leftarrow y_i + z_i$. So a pair of spikes in one
    tick counts for nothing, and the sum of e over time is
    $\sum W(t_i - t_j)$ over all pairs, $W(u) = A_+ e^{-u / \tau_+}$ for u > 0 and
    $-A_- e^{u / \tau_-}$ for u < 0. A spike counts when it arrives, its delay included;
    without delay, that is the tick in which it can make the neuron fire at once. What a
    synapse makes of it plays no part, and a graded spike counts as one.

    One value per neuron on each side, and none per synapse. Traces begin a sample at
    zero, as the neurons do; a stream of ticks that opens no sample keeps them.

    Args:
        plus: $A_+$, in weight units per unit of the rule's rate.
        minus: $A_-$, in the same.
        tau_plus: $\tau_+$, in seconds.
        tau_minus: $\tau_-$, in seconds.
        nearest: A spike sets its trace to 1 and adds nothing: each spike pairs only
            with the last one before it on the other side.

    Raises:
        ValueError: If an amplitude is not finite or a time constant not positive.

    Source: Bi & Poo 1998, doi:10.1523/JNEUROSCI.18-24-10464.1998; the traces, Morrison
        et al. 2008, doi:10.1007/s00422-008-0233-1.
    """

    plus: Scalar = 1.0
    minus: Scalar = 1.2
    tau_plus: Scalar = 20e-3
    tau_minus: Scalar = 20e-3
    nearest: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        unit = "weight units per rate"
        checks.finite("PairSTDP", unit, plus=self.plus, minus=self.minus)
        checks.positive("PairSTDP", "seconds", tau_plus=self.tau_plus)
        checks.positive("PairSTDP", "seconds", tau_minus=self.tau_minus)

    def init(self, wire):
        return PairSTDPState(pre=jnp.zeros(wire.n_pre), post=jnp.zeros(wire.n_post))

    def step(self, state, local):
        s, z = events(local.spikes), events(local.z)
        x = jnp.exp(-local.dt / self.tau_plus) * state.pre
        y = jnp.exp(-local.dt / self.tau_minus) * state.post
        e = Outer(
            post=jnp.stack([self.plus * z, -self.minus * y]), pre=jnp.stack([x, s])
        )
        return PairSTDPState(self._take(x, s), self._take(y, z)), e

    def _take(self, trace: Array, spikes: Array) -> Array:
        return jnp.where(spikes > 0, spikes, trace) if self.nearest else trace + spikes


class Hebbian(AbstractEligibility):
    r"""$e_{ij} = z_i s_j$: the change that firing together in one tick asks for."""

    def init(self, wire):
        return ()

    def step(self, state, local):
        return state, Outer(post=local.z, pre=local.spikes)


class EligibilityTraceState(NamedTuple):
    """The memory of one projection."""

    of: Tree  # the eligibility's own
    c: Float[Array, "n_post n_pre"]


class EligibilityTrace(AbstractEligibility):
    r"""$c_{ij} \leftarrow \lambda_c c_{ij} + e_{ij}$: an eligibility, kept a while.

    So that a signal that comes late still finds what it is about. One value per
    synapse, on top of what the eligibility itself keeps. It begins a sample at zero: a
    reward that comes after its sample is lost, but a stream of ticks that opens no
    sample loses nothing.

    Args:
        eligibility: What is remembered.
        tau: Time constant of $\lambda_c$, in seconds.

    Raises:
        ValueError: If `tau` is not positive.

    Source: Izhikevich 2007, doi:10.1093/cercor/bhl152.
    """

    eligibility: AbstractEligibility
    tau: Scalar = 0.5

    def __check_init__(self) -> None:
        checks.positive("EligibilityTrace", "seconds", tau=self.tau)

    def init(self, wire):
        empty = jnp.zeros((wire.n_post, wire.n_pre))
        return EligibilityTraceState(of=self.eligibility.init(wire), c=empty)

    def step(self, state, local):
        of, e = self.eligibility.step(state.of, local)
        c = jnp.exp(-local.dt / self.tau) * state.c + e.dense().value
        return EligibilityTraceState(of, c), Dense(c)
