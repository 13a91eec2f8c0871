"""Rules, and learners of their own, by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from onspike.catalog.rows import Row

if TYPE_CHECKING:
    from onspike.rules import AbstractGate, AbstractRegulariser, AbstractSignal

Feedback = Literal["symmetric", "random", "none"]
Gate = Literal["every-tick", "target-window", "end-of-sample", "end-of-window"]


def _signal(feedback: Feedback, scale: float) -> "AbstractSignal":
    from onspike.rules import NoSignal, RandomFeedback, Symmetric

    if feedback == "random":
        return RandomFeedback(scale)
    return Symmetric() if feedback == "symmetric" else NoSignal()


def _gate(name: Gate) -> "AbstractGate":
    from onspike.rules import EndOfSample, EveryTick, TargetWindow

    gates: dict[str, Callable[[], AbstractGate]] = {
        "every-tick": EveryTick,
        "target-window": TargetWindow,
        "end-of-sample": EndOfSample,
        "end-of-window": lambda: EndOfSample(window_only=True),
    }
    return gates[name]()


def _calm(
    hinge: float, hinge_bound: float, rate_cost: float, rate_target: float
) -> "AbstractRegulariser | None":
    from onspike.rules import RateHinge, RateTarget

    if hinge and rate_cost:
        raise ValueError(
            "rule.hinge and rule.rate_cost both regularise the firing rate; "
            "set one of them to 0"
        )
    if rate_cost:
        return RateTarget(strength=rate_cost, target=rate_target)
    return RateHinge(hinge, hinge_bound) if hinge else None


def _by_projection(rate: float, rate_out: float | None) -> "float | dict[str, float]":
    return rate if rate_out is None else {"*": rate, "out": rate_out}


def _reckon(
    rate: float = 2e-5,
    rate_out: float | None = 4e-4,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 0.2,
    gate: Gate = "target-window",
    hinge: float = 0.003,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike.rules import reckon

    return reckon(
        _by_projection(rate, rate_out),
        signal=_signal(feedback, feedback_scale),
        gate=_gate(gate),
        regulariser=_calm(hinge, hinge_bound, rate_cost, rate_target),
    )


def _eprop(
    rate: float = 1e-3,
    rate_out: float | None = None,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 1.0,
    eligibility: Literal["full", "pre-trace"] = "full",
    readout_filter: bool = True,
    gate: Gate = "end-of-sample",
    hinge: float = 0.0,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike.rules import EProp, PreTrace, ReadoutFilter, ThreeFactor

    return ThreeFactor(
        signal=_signal(feedback, feedback_scale),
        eligibility=EProp() if eligibility == "full" else PreTrace(),
        rate=_by_projection(rate, rate_out),
        gate=_gate(gate),
        readout_filter=ReadoutFilter() if readout_filter else None,
        regulariser=_calm(hinge, hinge_bound, rate_cost, rate_target),
    )


def _frozen_hidden(rate_out: float = 4e-4, gate: Gate = "target-window") -> Any:
    from onspike.rules import NoSignal, PreTrace, ThreeFactor

    return ThreeFactor(
        signal=NoSignal(),
        eligibility=PreTrace(),
        rate={"out": rate_out},
        gate=_gate(gate),
    )


def _bptt(rate: float = 1e-3, rate_out: float | None = None) -> Any:
    from onspike.learners import BPTT

    return _offline(BPTT, rate, rate_out)


def _rtrl(rate: float = 1e-3, rate_out: float | None = None) -> Any:
    from onspike.learners import RTRL

    return _offline(RTRL, rate, rate_out)


def _offline(kind: Any, rate: float, rate_out: float | None) -> Any:
    import functools

    return functools.partial(kind, rate=_by_projection(rate, rate_out))


_BELLEC = "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y"
_RECKON = "Frenkel & Indiveri 2022, arXiv 2208.09759"

RULES: dict[str, Row] = {
    "reckon": Row(
        _reckon, "decoupled e-prop, one trace per neuron, a write per tick", _RECKON
    ),
    "reckon-random": Row(
        _reckon, "the same, fixed random feedback", _RECKON, {"feedback": "random"}
    ),
    "eprop": Row(_eprop, "full e-prop from the neuron's own Jacobians", _BELLEC),
    "eprop-random": Row(
        _eprop, "the same, fixed random feedback", _BELLEC, {"feedback": "random"}
    ),
    "frozen-hidden": Row(
        _frozen_hidden, "control: only the readout learns", "decoupled form, as reckon"
    ),
    "bptt": Row(
        _bptt,
        "offline baseline: surrogate gradients through time",
        "Neftci et al. 2019, doi:10.1109/MSP.2019.2931595",
    ),
    "rtrl": Row(
        _rtrl,
        "exact gradient forward in time; small nets only",
        "Williams & Zipser 1989, doi:10.1162/neco.1989.1.2.270",
    ),
}
