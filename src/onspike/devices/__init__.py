"""Devices: what holds the weights, and what it costs."""

from onspike.devices.base import AbstractDevice
from onspike.devices.bistable import Bistable
from onspike.devices.clamped import Clamped
from onspike.devices.fixed import (
    AbstractWrite,
    Fixed,
    Nearest,
    PlusMinusLSB,
    StochasticRounding,
)
from onspike.devices.ideal import Ideal
from onspike.devices.mismatch import Mismatch
from onspike.devices.soft_bound import MultiplicativeBound, SoftBound

__all__ = [
    "AbstractDevice",
    "AbstractWrite",
    "Bistable",
    "Clamped",
    "Fixed",
    "Ideal",
    "Mismatch",
    "MultiplicativeBound",
    "Nearest",
    "PlusMinusLSB",
    "SoftBound",
    "StochasticRounding",
]
