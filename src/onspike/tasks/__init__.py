"""Tasks: streams of labelled samples, and the codes that spread them over time."""

from onspike.tasks.arrays import Arrays
from onspike.tasks.augment import Warp
from onspike.tasks.base import AbstractTask, Episode, Split
from onspike.tasks.coded import AbstractCoded
from onspike.tasks.codes import AbstractCode, Graded, Latency, Poisson, Rate
from onspike.tasks.cue_accumulation import CueAccumulation
from onspike.tasks.digits import Digits
from onspike.tasks.features import Features
from onspike.tasks.heidelberg import write_recordings
from onspike.tasks.holdout import AbstractHoldout, HeldOutSpeakers, RandomShare
from onspike.tasks.pairing import Pairing, Protocol
from onspike.tasks.sequence import Sequence
from onspike.tasks.spoken_digits import (
    AbstractAmplitude,
    Binary,
    Counts,
    SpokenDigits,
    SquareRoot,
)
from onspike.tasks.two_blobs import TwoBlobs
from onspike.tasks.two_timescales import TwoTimescales
from onspike.tasks.yin_yang import YinYang

__all__ = [
    "Warp",
    "AbstractAmplitude",
    "AbstractCode",
    "AbstractCoded",
    "AbstractHoldout",
    "AbstractTask",
    "Arrays",
    "Binary",
    "Counts",
    "CueAccumulation",
    "Digits",
    "Episode",
    "Features",
    "Graded",
    "HeldOutSpeakers",
    "Latency",
    "Pairing",
    "Poisson",
    "Protocol",
    "RandomShare",
    "Rate",
    "Sequence",
    "Split",
    "SpokenDigits",
    "SquareRoot",
    "TwoBlobs",
    "TwoTimescales",
    "YinYang",
    "write_recordings",
]
