"""Learners that do not fit the four factors, with the same outside."""

from onspike.learners.bptt import BPTT
from onspike.learners.rtrl import RTRL

__all__ = ["BPTT", "RTRL"]
