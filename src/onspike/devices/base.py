"""What holds the weights."""

from abc import abstractmethod

import equinox as eqx
from jaxtyping import Array, Float

from onspike.types import Key, Params, Tree


class AbstractDevice(eqx.Module):
    """The memory in which weights live, and what it does to them."""

    @abstractmethod
    def fabricate(self, params: Params, sizes: dict[str, int], key: Key) -> Tree:
        """One die, programmed with initial parameters: what it stores.

        Args:
            params: Initial weights, and the neurons as designed.
            sizes: Neurons by population.
            key: Of the die: what chance makes of the design.
        """

    @abstractmethod
    def read(self, stored: Tree) -> Params:
        """The parameters that the network computes with."""

    @abstractmethod
    def write(
        self, stored: Tree, change: dict[str, Float[Array, "n_post n_pre"]], key: Key
    ) -> Tree:
        """What is stored after the weights were asked to change by `change`."""

    @abstractmethod
    def bits_per_weight(self) -> int:
        """The width of a stored weight."""
