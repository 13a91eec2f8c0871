"""A copy of the weights on a host, around any device."""

from typing import ClassVar

import jax.numpy as jnp

from onspike.devices.base import AbstractDevice
from onspike.devices.layer import AbstractLayer, LayerState


class Shadow(AbstractLayer):
    """A host keeps the weights in full precision, and writes the chip after them.

    Changes add up in the host's copy; at each write the device is asked for what is
    between the copy and what it holds. It is asked again at the next write for what it
    could not do. Limits around it (`Dale`, `Clamped`) are limits of the copy, too; the
    range of the device is none, so that a copy that has run past it must come back as
    far before the chip moves (`Clamped` stops it). Without a shadow a device has only
    what it stores: learning on the chip.

    Args:
        device: What holds the weights; one that rounds to the nearest follows best.

    Source: chip in the loop, Saponati et al. 2026, arXiv 2602.13261.
    """

    device: AbstractDevice

    of_the_die: ClassVar[bool] = False

    def made(self, params, wiring, key):
        del wiring, key
        return params, params.weights

    def held(self, stored):
        return self.read(stored)._replace(weights=stored.own)

    def host_bits_per_weight(self):
        copy = 8 * jnp.result_type(float).itemsize
        return copy + self.device.host_bits_per_weight()

    def write(self, stored, change, key):
        copy = stored.own | {n: stored.own[n] + c for n, c in change.items()}
        held = self.read(stored).weights
        wish = {n: copy[n] - held[n] for n in change}
        return LayerState(self.device.write(stored.stored, wish, key), copy)
