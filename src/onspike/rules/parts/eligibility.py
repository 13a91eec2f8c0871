"""Eligibility: what synapse ij remembers of its past."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike.types import Delta, Dense, Local, Outer, Tree, Wire


class AbstractEligibility(eqx.Module):
    """A synapse's memory; at rest it is all zeros."""

    @abstractmethod
    def init(self, wire: Wire) -> Tree:
        """The memory of a projection at rest."""

    @abstractmethod
    def step(self, state: Tree, local: Local) -> tuple[Tree, Delta]:
        """The memory after a tick, and the eligibility e of every synapse."""


class PreTraceState(NamedTuple):
    """The traces of one projection."""

    pre: Float[Array, " n_pre"]  # presynaptic spikes through the membrane's decay


class PreTrace(AbstractEligibility):
    r"""$e_{ij} = \psi_i \bar s_j$, $\bar s_j \leftarrow \alpha \bar s_j + s_j$.

    One value per presynaptic neuron. Equals `EProp` where the postsynaptic neurons
    share the decay alpha, reset by subtraction and detach its gradient. On a die whose
    decays differ it keeps the nominal alpha: a biased but cheap estimate.

    Raises:
        ValueError: If the nominal decays of the postsynaptic neurons differ.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eq. 22; the factored
        circuit is ReckOn's, Frenkel & Indiveri 2022, arXiv 2208.09759.
    """

    def init(self, wire):
        return PreTraceState(pre=jnp.zeros(wire.n_pre))

    def step(self, state, local):
        if local.decay.ndim:
            raise ValueError(
                "PreTrace keeps one trace per presynaptic neuron and so needs one "
                "tau_mem for all postsynaptic neurons; got one per neuron: use EProp()"
            )
        pre = local.decay * state.pre + local.pre
        return PreTraceState(pre), Outer(post=local.psi * local.gain, pre=pre)


class Coincidence(AbstractEligibility):
    r"""$e_{ij} = \psi_i s_j$: no memory; a synapse acts when a spike arrives."""

    def init(self, wire):
        return ()

    def step(self, state, local):
        return state, Outer(post=local.psi * local.gain, pre=local.pre)


class Presynaptic(AbstractEligibility):
    r"""$e_{ij} = s_j$: the signal alone says what the postsynaptic neuron does."""

    def init(self, wire):
        return ()

    def step(self, state, local):
        return state, Outer(post=jnp.ones_like(local.z), pre=local.pre)


class EPropState(NamedTuple):
    """The traces of one projection: one per synapse and continuous variable."""

    eps: tuple[Float[Array, "n_post n_pre"], ...]


class EProp(AbstractEligibility):
    r"""$\epsilon_{ij} \leftarrow D_i \epsilon_{ij} + b_i s_j$, $e = z' \cdot \epsilon$.

    D, b and dz/dh are the neuron's own Jacobians, so it holds for any neuron. `d`
    values per synapse, d the number of the neuron's continuous variables. With the
    learning signal behind the readout's filter it equals the gradient of a network
    whose recurrent spikes carry none.

    For a learnt constant $c_i$ of the neurons $s_j = 1$, $b_i = \partial h_i /
    \partial c_i$, and $e_i$ gains $\partial z_i / \partial c_i$: `d` values per neuron.
    The whole derivative counts, that of a gain 1 - alpha too, which the code of
    Perez-Nieves et al. 2021 (doi:10.1038/s41467-021-26022-3) detaches.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eqs. 13-14.
    """

    def init(self, wire):
        zeros = jnp.zeros((wire.n_post, wire.n_pre))
        return EPropState(eps=(zeros,) * wire.n_state)

    def step(self, state, local):
        recur, drive, emit, direct = local.jacobian
        kinds = range(len(state.eps))
        # Sums over d written out: XLA makes one elementwise loop of them.
        eps = tuple(
            sum(recur[k, m, :, None] * state.eps[m] for m in kinds)
            + drive[k, :, None] * local.pre[None, :]
            for k in kinds
        )
        e = [emit[k, :, None] * eps[k] for k in kinds]
        if direct is not None:
            e.append(direct[:, None] * local.pre[None, :])
        return EPropState(eps), Dense(sum(e[1:], e[0]))
