"""What holds the weights."""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from onspike.types import Key, Params, Scalar, Tree, Wiring

Drawn = dict[str, dict[str, Shaped[Array, "_ n_pre"]]]  # by what it is, by projection


class AbstractDevice(eqx.Module):
    """The memory in which weights live, and what it does to them."""

    @abstractmethod
    def fabricate(self, params: Params, wiring: Wiring, key: Key) -> Tree:
        """One die, programmed with initial parameters: what it stores.

        Args:
            params: Initial weights, and the neurons as designed.
            wiring: Who is joined to whom.
            key: Of the die: what chance makes of the design.
        """

    @abstractmethod
    def read(self, stored: Tree) -> Params:
        """The parameters that the network computes with."""

    def held(self, stored: Tree) -> Params:
        """The parameters as its writer takes them to be: what is read, or a copy."""
        return self.read(stored)

    @abstractmethod
    def write(
        self, stored: Tree, change: dict[str, Float[Array, "n_post n_pre"]], key: Key
    ) -> Tree:
        """What is stored after the weights were asked to change by `change`."""

    def aged(self, stored: Tree, tick: Int[Array, ""], dt: Scalar, key: Key) -> Tree:
        """What is stored at a later tick, before the write there: time has passed.

        Args:
            stored: What was stored after the write before.
            tick: Of the run.
            dt: Length of a tick, in seconds.
            key: Of this tick, and of no write.
        """
        del tick, dt, key
        return stored

    def written(
        self,
        before: Tree,
        after: Tree,
        change: dict[str, Float[Array, "n_post n_pre"]],
    ) -> Int[Array, ""]:
        """How many stored numbers a write changed: what its controller pays for.

        Args:
            before: What was stored before the write.
            after: And after it.
            change: What was asked for. Where a device also changes by itself, that does
                not count.
        """
        del change
        different = jax.tree.map(lambda a, b: jnp.sum(a != b), before, after)
        return sum(jax.tree.leaves(different), jnp.zeros((), int)).astype(jnp.int32)

    def drawn(self, stored: Tree) -> Drawn:
        """What chance made of the synapses of a die, for those who look at it.

        "gain" multiplies a weight; where "stuck" no write reaches it; "sign" is that of
        all weights of a presynaptic neuron, (1, n_pre). Of pulsed weights "step up",
        "step down", "highest" and "lowest", in units of their projection's scale. What
        chance made of neurons is read with the parameters.
        """
        del stored
        return {}

    @abstractmethod
    def bits_per_weight(self) -> int:
        """The width of a stored weight."""

    def host_bits_per_weight(self) -> int:
        """What a host keeps of each weight beside it, in order to learn."""
        return 0
