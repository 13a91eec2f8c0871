"""Learning rules: published assemblies, and the factors they are made of."""

from onspike.rules.base import AbstractRule, RuleState, rates_of
from onspike.rules.eprop import eprop
from onspike.rules.parts.eligibility import AbstractEligibility, EProp, PreTrace
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import (
    AbstractGate,
    EndOfSample,
    EveryTick,
    TargetWindow,
)
from onspike.rules.parts.regularisers import (
    AbstractRegulariser,
    RateHinge,
    RateTarget,
)
from onspike.rules.parts.schedules import AbstractSchedule, Constant, LinearDecay
from onspike.rules.parts.signals import (
    AbstractSignal,
    NoSignal,
    RandomFeedback,
    Symmetric,
)
from onspike.rules.reckon import reckon
from onspike.rules.three_factor import ThreeFactor

__all__ = [
    "AbstractEligibility",
    "AbstractGate",
    "AbstractRegulariser",
    "AbstractRule",
    "AbstractSchedule",
    "AbstractSignal",
    "Constant",
    "EProp",
    "EndOfSample",
    "EveryTick",
    "LinearDecay",
    "NoSignal",
    "PreTrace",
    "RandomFeedback",
    "RateHinge",
    "RateTarget",
    "ReadoutFilter",
    "RuleState",
    "Symmetric",
    "TargetWindow",
    "ThreeFactor",
    "eprop",
    "rates_of",
    "reckon",
]
