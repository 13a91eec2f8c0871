"""A layer around a device: all that it leaves alone goes through."""

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Float

from onspike.devices.base import AbstractDevice
from onspike.types import Key, Params, Tree, Wiring

Change = dict[str, Float[Array, "n_post n_pre"]]


class LayerState(NamedTuple):
    """What a die stores."""

    stored: Tree  # by the wrapped device
    own: Tree  # by the layer


class AbstractLayer(AbstractDevice):
    """One imperfection, or one limit, around a device that may have others.

    A layer overrides what it changes: what is programmed (`made`), what the network
    sees (`seen`), what a write asks for (`asked`), or itself in the course of time
    (`aged`, as of any device).

    `of_the_die` tells a fault of the die, of which a writer knows nothing, from a habit
    of the writer, which knows what is stored.
    """

    device: eqx.AbstractVar[AbstractDevice]
    of_the_die: ClassVar[bool] = True

    def __check_init__(self) -> None:
        if not isinstance(self.device, AbstractDevice):
            raise ValueError(
                f"{type(self).__name__}.device must be a device; got {self.device!r}"
            )

    def made(self, params: Params, wiring: Wiring, key: Key) -> tuple[Params, Tree]:
        """What the wrapped device is given, and what chance made of this layer."""
        del wiring, key
        return params, ()

    def seen(self, params: Params, own: Tree) -> Params:
        """What is read through the layer."""
        del own
        return params

    def asked(self, change: Change, params: Params, own: Tree) -> Change:
        """What a wish becomes, given what the writer takes to be there."""
        del params, own
        return change

    def fabricate(self, params, wiring, key):
        inside, outside = jax.random.split(key)
        params, own = self.made(params, wiring, outside)
        return LayerState(self.device.fabricate(params, wiring, inside), own)

    def read(self, stored):
        return self.seen(self.device.read(stored.stored), stored.own)

    def held(self, stored):
        return self.seen(self.device.held(stored.stored), stored.own)

    def write(self, stored, change, key):
        change = self.asked(change, self.held(stored), stored.own)
        return stored._replace(stored=self.device.write(stored.stored, change, key))

    def aged(self, stored, tick, dt, key):
        inside, _ = jax.random.split(key)  # the other half is the layer's own
        return stored._replace(stored=self.device.aged(stored.stored, tick, dt, inside))

    def written(self, before, after, change):
        return self.device.written(before.stored, after.stored, change)

    def drawn(self, stored):
        return self.device.drawn(stored.stored)

    def bits_per_weight(self):
        return self.device.bits_per_weight()

    def host_bits_per_weight(self):
        return self.device.host_bits_per_weight()


def split(key: Key, names: Iterable[str]) -> dict[str, Key]:
    """A key for each name, whatever their order."""
    ordered = sorted(names)
    keys = jax.random.split(key, max(1, len(ordered)))
    return dict(zip(ordered, keys, strict=False))
