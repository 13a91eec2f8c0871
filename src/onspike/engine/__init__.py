"""Engines: how many ticks are run."""

from onspike.engine.base import AbstractEngine, Record
from onspike.engine.choice import Choice, fastest
from onspike.engine.chunked import Chunked
from onspike.engine.event import Event, Seen, Stream
from onspike.engine.infer import Recording, infer, record
from onspike.engine.scan import Scan, over_ticks, repeat, some_ticks

__all__ = [
    "AbstractEngine",
    "Choice",
    "Chunked",
    "Event",
    "Record",
    "Recording",
    "Scan",
    "Seen",
    "Stream",
    "fastest",
    "infer",
    "over_ticks",
    "record",
    "repeat",
    "some_ticks",
]
