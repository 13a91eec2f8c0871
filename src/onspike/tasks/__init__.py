"""Tasks: streams of labelled samples, and the codes that spread them over time."""

from onspike.tasks.base import (
    AbstractLoss,
    AbstractTask,
    CrossEntropy,
    Episode,
    Split,
    SquaredError,
)
from onspike.tasks.cue_accumulation import CueAccumulation

__all__ = [
    "AbstractLoss",
    "AbstractTask",
    "CrossEntropy",
    "CueAccumulation",
    "Episode",
    "Split",
    "SquaredError",
]
