"""Twins of chips: the same integers, event by event."""

from onspike.chips import odin, reckon

__all__ = ["odin", "reckon"]
