"""What a synapse is: what spikes become before they are weighed."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from onspike.types import Scalar, Tree


class AbstractSynapse(eqx.Module):
    """The dynamics of a projection, the same for every presynaptic neuron.

    What it remembers belongs to the presynaptic side, so that weights multiply its
    output and a rule sees that as `Local.pre`.
    """

    @abstractmethod
    def init(self, n: int) -> Tree:
        """The synapses of `n` presynaptic neurons at rest."""

    @abstractmethod
    def step(self, state: Tree, spikes: Float[Array, " n_pre"], dt: Scalar) -> Tree:
        """The state after one tick of `dt` seconds in which `spikes` arrive."""

    @abstractmethod
    def output(self, state: Tree) -> Float[Array, " n_pre"]:
        """What is weighed in the tick that ends in that state."""
