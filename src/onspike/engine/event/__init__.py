"""The event-driven engine, and the same in real time."""

from onspike.engine.event.engine import Event
from onspike.engine.event.stream import Seen, Stream

__all__ = ["Event", "Seen", "Stream"]
