"""Learners that do not fit the four factors, with the same outside."""

from onspike.learners.bptt import BPTT
from onspike.learners.dfc import DFC
from onspike.learners.parts.controller import Controller, Labelled, Nudged
from onspike.learners.parts.feedback import (
    FixedFeedback,
    LearntFeedback,
    TransposedJacobian,
)
from onspike.learners.rtrl import RTRL

__all__ = [
    "BPTT",
    "DFC",
    "RTRL",
    "Controller",
    "FixedFeedback",
    "Labelled",
    "LearntFeedback",
    "Nudged",
    "TransposedJacobian",
]
