"""A soft bound, around any device."""

from onspike.devices.base import AbstractDevice


class SoftBound(AbstractDevice):
    """Scales each change by the weight itself: none grows from zero, none crosses it.

    Args:
        device: What holds the weights.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Methods.
    """

    device: AbstractDevice

    def fabricate(self, params, sizes, key):
        return self.device.fabricate(params, sizes, key)

    def read(self, stored):
        return self.device.read(stored)

    def write(self, stored, change, key):
        weights = self.read(stored).weights
        scaled = {name: weights[name] * c for name, c in change.items()}
        return self.device.write(stored, scaled, key)

    def bits_per_weight(self):
        return self.device.bits_per_weight()
