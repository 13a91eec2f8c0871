"""Learning rules: published assemblies, and the factors they are made of."""

from onspike.rules.base import AbstractRule, Factors, RuleState, rates_of
from onspike.rules.decolle import decolle
from onspike.rules.dfa import dfa
from onspike.rules.drtp import drtp
from onspike.rules.eprop import eprop
from onspike.rules.eprop_adaptive import eprop_adaptive
from onspike.rules.error_triggered import error_triggered
from onspike.rules.fa import fa
from onspike.rules.feedback_control import deep_feedback_control, feedback_control
from onspike.rules.frozen_hidden import frozen_hidden
from onspike.rules.hebb import hebb
from onspike.rules.homeostasis import Homeostasis
from onspike.rules.parts.broadcast import (
    AbstractMessage,
    DirectFeedback,
    ErrorMessage,
    SignMessage,
    TargetMessage,
)
from onspike.rules.parts.control import Control
from onspike.rules.parts.eligibility import (
    AbstractEligibility,
    Coincidence,
    EProp,
    Presynaptic,
    PreTrace,
)
from onspike.rules.parts.feedback import (
    FeedbackAlignment,
    KolenPollack,
    SignSymmetric,
    Symmetric,
)
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import (
    AbstractGate,
    EndOfSample,
    EveryTick,
    TargetWindow,
)
from onspike.rules.parts.integer import IntegerFilter, IntegerTraces
from onspike.rules.parts.local_readouts import LocalReadouts, MembraneBounds
from onspike.rules.parts.pairs import EligibilityTrace, Hebbian, PairSTDP
from onspike.rules.parts.regularisers import (
    AbstractRegulariser,
    RateHinge,
    RateTarget,
)
from onspike.rules.parts.reward import Reward, Unmodulated
from onspike.rules.parts.schedules import AbstractSchedule, Constant, LinearDecay
from onspike.rules.parts.sdsp import SDSP
from onspike.rules.parts.signals import AbstractSignal, NoSignal, Partial
from onspike.rules.parts.targets import AbstractTarget, TargetRates, TargetTrains
from onspike.rules.parts.teacher import Teacher
from onspike.rules.parts.triggers import (
    AbstractTrigger,
    AdaptiveThreshold,
    ErrorTriggered,
    Ternary,
    Threshold,
)
from onspike.rules.predictive import Predictive
from onspike.rules.reckon import reckon
from onspike.rules.rstdp import rstdp
from onspike.rules.sdfa import sdfa
from onspike.rules.sdsp import sdsp
from onspike.rules.stdp import stdp
from onspike.rules.terms import Terms
from onspike.rules.three_factor import ThreeFactor

__all__ = [
    "AbstractEligibility",
    "AbstractGate",
    "AbstractMessage",
    "AbstractRegulariser",
    "AbstractRule",
    "AbstractSchedule",
    "AbstractSignal",
    "AbstractTarget",
    "AbstractTrigger",
    "AdaptiveThreshold",
    "Coincidence",
    "Constant",
    "Control",
    "DirectFeedback",
    "EProp",
    "EligibilityTrace",
    "EndOfSample",
    "ErrorMessage",
    "ErrorTriggered",
    "EveryTick",
    "Factors",
    "FeedbackAlignment",
    "Hebbian",
    "Homeostasis",
    "IntegerFilter",
    "IntegerTraces",
    "KolenPollack",
    "LinearDecay",
    "LocalReadouts",
    "MembraneBounds",
    "NoSignal",
    "PairSTDP",
    "Partial",
    "PreTrace",
    "Predictive",
    "Presynaptic",
    "RateHinge",
    "RateTarget",
    "ReadoutFilter",
    "Reward",
    "RuleState",
    "SDSP",
    "SignMessage",
    "SignSymmetric",
    "Symmetric",
    "TargetMessage",
    "TargetRates",
    "TargetTrains",
    "TargetWindow",
    "Teacher",
    "Terms",
    "Ternary",
    "ThreeFactor",
    "Threshold",
    "Unmodulated",
    "decolle",
    "deep_feedback_control",
    "dfa",
    "drtp",
    "eprop",
    "eprop_adaptive",
    "error_triggered",
    "fa",
    "feedback_control",
    "frozen_hidden",
    "hebb",
    "rates_of",
    "reckon",
    "rstdp",
    "sdfa",
    "sdsp",
    "stdp",
]
