"""The event-driven engine."""

from onspike.engine.event.engine import Event

__all__ = ["Event"]
