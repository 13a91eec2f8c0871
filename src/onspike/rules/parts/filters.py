"""The readout's filter on the eligibility of hidden synapses."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike.types import Delta, Dense, Local, Wire


class ReadoutFilter(eqx.Module):
    r"""$\bar e_{ij} \leftarrow \kappa \bar e_{ij} + e_{ij}$, kappa the readout's decay.

    A spike of a hidden neuron moves a leaky readout for some time, so an error later on
    is still the spike's: the filter keeps the account. One value per synapse.

    Raises:
        ValueError: If the readout units' nominal decays differ.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eq. 28.
    """

    def init(self, wire: Wire) -> Float[Array, "n_post n_pre"]:
        """No account yet."""
        return jnp.zeros((wire.n_post, wire.n_pre))

    def step(
        self, state: Float[Array, "n_post n_pre"], e: Delta, local: Local
    ) -> tuple[Float[Array, "n_post n_pre"], Dense]:
        """The filter's state and the filtered eligibility."""
        if local.readout_decay.ndim:
            raise ValueError(
                "ReadoutFilter needs one tau_mem for all readout units; got one per "
                "unit"
            )
        state = local.readout_decay * state + e.dense().value
        return state, Dense(state)
