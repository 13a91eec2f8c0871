"""Synapses: what a spike becomes on its way to the weight."""

from onspike.synapses.exponential import Exponential

__all__ = ["Exponential"]
