"""Synapses: what a spike becomes on its way to the weight."""

from onspike.synapses.base import AbstractSynapse
from onspike.synapses.double_exponential import DoubleExponential
from onspike.synapses.exponential import Exponential

__all__ = ["AbstractSynapse", "DoubleExponential", "Exponential"]
