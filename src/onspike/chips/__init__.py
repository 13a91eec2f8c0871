"""Twins of chips: the same integers, event by event."""

from onspike.chips import odin

__all__ = ["odin"]
