"""Neurons: what `n` cells do in a tick."""

from onspike.neurons.alif import ALIF
from onspike.neurons.base import (
    AbstractNeuron,
    AbstractReset,
    Refractory,
    SubtractReset,
    ZeroReset,
    jacobian,
    scaled,
    sensitivity,
)
from onspike.neurons.cuba_lif import CubaLIF
from onspike.neurons.lif import LIF
from onspike.neurons.rate import RateNeuron
from onspike.neurons.readout import LeakyIntegrator
from onspike.neurons.spike_response import SpikeResponse

__all__ = [
    "ALIF",
    "LIF",
    "AbstractNeuron",
    "AbstractReset",
    "CubaLIF",
    "LeakyIntegrator",
    "RateNeuron",
    "Refractory",
    "SpikeResponse",
    "SubtractReset",
    "ZeroReset",
    "jacobian",
    "scaled",
    "sensitivity",
]
