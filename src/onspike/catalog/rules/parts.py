"""Factors of rules by name, and the options that several rules share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from onspike import checks

if TYPE_CHECKING:
    from onspike.rules import (
        AbstractGate,
        AbstractRegulariser,
        AbstractSignal,
        AbstractTrigger,
        ThreeFactor,
    )

Feedback = Literal["symmetric", "sign", "learnt", "random", "none"]
Gate = Literal["every-tick", "target-window", "end-of-sample", "end-of-window"]


def signal_of(
    feedback: Feedback, scale: float, output_slope: bool = True
) -> "AbstractSignal":
    """How hidden neurons hear of the error.

    Raises:
        ValueError: If the scale is bad, needed or not.
    """
    from onspike import rules

    checks.non_negative("rule", "signal per signal", feedback_scale=scale)
    signals: dict[str, Callable[[], AbstractSignal]] = {
        "symmetric": lambda: rules.Symmetric(output_slope=output_slope),
        "sign": lambda: rules.SignSymmetric(scale=scale, output_slope=output_slope),
        "learnt": lambda: rules.KolenPollack(scale=scale, output_slope=output_slope),
        "random": lambda: rules.DirectFeedback(scale),
        "none": rules.NoSignal,
    }
    return signals[feedback]()


def gate_of(name: Gate) -> "AbstractGate":
    """When writes happen."""
    from onspike.rules import EndOfSample, EveryTick, TargetWindow

    gates: dict[str, Callable[[], AbstractGate]] = {
        "every-tick": EveryTick,
        "target-window": TargetWindow,
        "end-of-sample": EndOfSample,
        "end-of-window": lambda: EndOfSample(window_only=True),
    }
    return gates[name]()


def trigger_of(
    theta: float, set_point: float | None, ternary: bool
) -> "AbstractTrigger":
    """What makes events of errors; `theta` is only where an adaptive one begins.

    Raises:
        ValueError: If both a set point and three values are asked for.
    """
    from onspike.rules import AdaptiveThreshold, Ternary, Threshold

    if set_point is not None and ternary:
        raise ValueError(
            "rule.set_point adapts the threshold of whole steps, and rule.ternary "
            "sends signs: set one of them"
        )
    if set_point is not None:
        return AdaptiveThreshold(set_point, theta)
    return Ternary(theta) if ternary else Threshold(theta)


def calm(
    hinge: float, hinge_bound: float, rate_cost: float, rate_target: float
) -> "AbstractRegulariser | None":
    """What keeps firing rates in bounds, if anything.

    Raises:
        ValueError: If both kinds are asked for, or a value is bad, needed or not.
    """
    from onspike.rules import RateHinge, RateTarget

    hinged = RateHinge(strength=hinge, bound=hinge_bound)
    pulled = RateTarget(strength=rate_cost, target=rate_target)
    if hinge and rate_cost:
        raise ValueError(
            "rule.hinge and rule.rate_cost both regularise the firing rate; "
            "set one of them to 0"
        )
    if rate_cost:
        return pulled
    return hinged if hinge else None


def with_integers(
    rule: "ThreeFactor", bits: int | None, largest: float
) -> "ThreeFactor":
    """The rule with traces of so many bits; as it is if there is no number.

    Raises:
        ValueError: If a value is bad, needed or not.
    """
    import dataclasses

    from onspike.rules import IntegerFilter, IntegerTraces

    filtered = IntegerFilter(16 if bits is None else bits, largest)
    if bits is None:
        return rule
    return dataclasses.replace(
        rule,
        eligibility=IntegerTraces(rule.eligibility, bits, largest),
        readout=IntegerTraces(rule.readout, bits, largest),
        readout_filter=None if rule.readout_filter is None else filtered,
    )


def by_projection(
    rate: float, rate_out: float | None, rate_neurons: float | None = None
) -> "float | dict[str, float]":
    """One rate for all, or others for the readout and the constants of neurons."""
    others = {"out": rate_out, "*.*": rate_neurons}
    given = {name: other for name, other in others.items() if other is not None}
    return {"*": rate, **given} if given else rate


def learner(
    kind: Any,
    rate: float,
    rate_out: float | None,
    rate_neurons: float | None = None,
    **parts: Any,
) -> Any:
    """A learner of its own, all but its network, device and schedule."""
    import functools

    rates = by_projection(rate, rate_out, rate_neurons)
    return functools.partial(kind, rate=rates, **parts)
