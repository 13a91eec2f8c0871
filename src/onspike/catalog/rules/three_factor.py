"""Any signal x any eligibility x any gate, by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from onspike import checks
from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import Gate, by_projection, calm, gate_of

if TYPE_CHECKING:
    from onspike.rules import AbstractEligibility, AbstractSignal

Signal = Literal[
    "symmetric",
    "sign-symmetric",
    "fa",
    "kolen-pollack",
    "dfa",
    "sdfa",
    "drtp",
    "local",
    "reward",
    "unmodulated",
    "none",
]
Eligibility = Literal[
    "e-prop", "pre-trace", "coincidence", "presynaptic", "stdp", "hebb"
]

_SCALE = 0.2  # of signals that have one


def _three_factor(
    rate: float = 1e-3,
    rate_out: float | None = None,
    signal: Signal = "symmetric",
    signal_scale: float = _SCALE,
    theta: float | None = None,
    eligibility: Eligibility = "pre-trace",
    readout: Eligibility = "pre-trace",
    tau_elig: float = 0.0,
    readout_filter: bool = False,
    gate: Gate = "target-window",
    hinge: float = 0.0,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike import rules

    heard = _signal(signal, signal_scale)
    if theta is not None:
        heard = rules.ErrorTriggered(heard, rules.Threshold(theta))
    return rules.ThreeFactor(
        signal=heard,
        eligibility=_eligibility(eligibility, tau_elig),
        rate=by_projection(rate, rate_out),
        gate=gate_of(gate),
        readout=_eligibility(readout, tau_elig),
        readout_filter=rules.ReadoutFilter() if readout_filter else None,
        regulariser=calm(hinge, hinge_bound, rate_cost, rate_target),
    )


def _signal(name: Signal, scale: float) -> "AbstractSignal":
    from onspike import rules

    scaled: dict[str, Callable[[], AbstractSignal]] = {
        "sign-symmetric": lambda: rules.SignSymmetric(scale=scale),
        "fa": lambda: rules.FeedbackAlignment(scale=scale),
        "kolen-pollack": lambda: rules.KolenPollack(scale=scale),
        "dfa": lambda: rules.DirectFeedback(scale),
        "sdfa": lambda: rules.DirectFeedback(scale, rules.SignMessage()),
        "drtp": lambda: rules.DirectFeedback(scale, rules.TargetMessage()),
    }
    others: dict[str, Callable[[], AbstractSignal]] = {
        "symmetric": rules.Symmetric,
        "local": rules.LocalReadouts,
        "reward": rules.Reward,
        "unmodulated": rules.Unmodulated,
        "none": rules.NoSignal,
    }
    checks.non_negative("rule", "signal per message", signal_scale=scale)
    if name in others and scale != _SCALE:
        raise ValueError(
            f"rule.signal_scale means nothing to rule.signal '{name}', which has none; "
            f"got {scale}"
        )
    return (scaled | others)[name]()


def _eligibility(name: Eligibility, tau: float) -> "AbstractEligibility":
    from onspike import rules

    kinds: dict[str, Callable[[], AbstractEligibility]] = {
        "e-prop": rules.EProp,
        "pre-trace": rules.PreTrace,
        "coincidence": rules.Coincidence,
        "presynaptic": rules.Presynaptic,
        "stdp": rules.PairSTDP,
        "hebb": rules.Hebbian,
    }
    one = kinds[name]()
    return rules.EligibilityTrace(one, tau) if tau else one


ROWS: dict[str, Row] = {
    "three-factor": Row(
        _three_factor,
        "put together by name: any signal, any eligibility, any gate",
        "Frémaux & Gerstner 2016, doi:10.3389/fncir.2015.00085",
        documented="onspike.rules.three_factor.ThreeFactor",
    ),
}
