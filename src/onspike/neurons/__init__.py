"""Neurons: what `n` cells do in a tick."""

from onspike.neurons.alif import ALIF
from onspike.neurons.base import (
    AbstractLIF,
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
from onspike.neurons.dexat import DEXAT
from onspike.neurons.dpi import DPINeuron
from onspike.neurons.graded_lif import GradedLIF
from onspike.neurons.heterogeneous import gamma_spread
from onspike.neurons.lif import LIF
from onspike.neurons.rate import RateNeuron
from onspike.neurons.readout import LeakyIntegrator
from onspike.neurons.spike_response import SpikeResponse

__all__ = [
    "ALIF",
    "DEXAT",
    "LIF",
    "AbstractLIF",
    "AbstractNeuron",
    "AbstractReset",
    "CubaLIF",
    "DPINeuron",
    "GradedLIF",
    "LeakyIntegrator",
    "RateNeuron",
    "Refractory",
    "SpikeResponse",
    "SubtractReset",
    "ZeroReset",
    "gamma_spread",
    "jacobian",
    "scaled",
    "sensitivity",
]
