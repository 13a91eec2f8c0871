"""Devices: what holds the weights, what chance makes of a design, what disturbs it."""

from onspike.devices.base import AbstractDevice
from onspike.devices.bistable import Bistable
from onspike.devices.clamped import Clamped
from onspike.devices.dale import Dale
from onspike.devices.drift import Drift
from onspike.devices.fan_in import FanIn
from onspike.devices.faults import DeadNeurons, StuckSynapses
from onspike.devices.fixed import (
    AbstractWrite,
    Fixed,
    Nearest,
    PlusMinusLSB,
    StochasticRounding,
)
from onspike.devices.ideal import Ideal
from onspike.devices.layer import AbstractLayer
from onspike.devices.mismatch import Mismatch
from onspike.devices.noise import (
    AbstractNoise,
    CurrentNoise,
    Noisy,
    ReadoutNoise,
    SpikeJitter,
    SpikeLoss,
)
from onspike.devices.parallel import Parallel
from onspike.devices.pulsed import Pulsed
from onspike.devices.shadow import Shadow
from onspike.devices.soft_bound import MultiplicativeBound, SoftBound

__all__ = [
    "AbstractDevice",
    "AbstractLayer",
    "AbstractNoise",
    "AbstractWrite",
    "Bistable",
    "Clamped",
    "CurrentNoise",
    "Dale",
    "DeadNeurons",
    "Drift",
    "FanIn",
    "Fixed",
    "Ideal",
    "Mismatch",
    "MultiplicativeBound",
    "Nearest",
    "Noisy",
    "Parallel",
    "PlusMinusLSB",
    "Pulsed",
    "ReadoutNoise",
    "Shadow",
    "SoftBound",
    "SpikeJitter",
    "SpikeLoss",
    "StochasticRounding",
    "StuckSynapses",
]
