"""Feedback control by spiking controllers."""

from typing import Any

from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import (
    Feedback,
    Gate,
    by_projection,
    calm,
    gate_of,
    signal_of,
)


def _feedback_control(
    rate: float = 1e-3,
    target_high: float = 50.0,
    target_low: float = 5.0,
    overshoot: float = 1.0,
    control_gain: float = 1.0,
    control_weight: float = 0.6,
    control_tau: float = 50e-3,
    gate: Gate = "every-tick",
) -> Any:
    from onspike.rules import Control, TargetRates, feedback_control

    control = Control(
        target=TargetRates(target_high, target_low, overshoot),
        gain=control_gain,
        weight=control_weight,
        tau=control_tau,
    )
    return feedback_control(rate, control=control, gate=gate_of(gate))


def _deep_feedback_control(
    rate: float = 0.6,
    rate_out: float | None = 7e-3,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 0.05,
    reach: float = 1.0,
    target_high: float = 60.0,
    target_low: float = 0.0,
    overshoot: float = 0.1,
    control_gain: float = 1.0,
    control_weight: float = 2.0,
    control_tau: float = 50e-3,
    control_hidden: float | None = None,
    rate_predictive: float | None = None,
    gate: Gate = "every-tick",
    hinge: float = 0.0,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 15.0,
) -> Any:
    from onspike import rules

    through = signal_of(feedback, feedback_scale, output_slope=False)
    control = rules.Control(
        target=rules.TargetRates(target_high, target_low, overshoot),
        gain=control_gain,
        weight=control_weight,
        tau=control_tau,
        through=through if reach == 1 else rules.Partial(through, reach),
        gain_hidden=control_hidden,
    )
    governs = rules.deep_feedback_control(
        by_projection(rate, rate_out),
        control=control,
        gate=gate_of(gate),
        regulariser=calm(hinge, hinge_bound, rate_cost, rate_target),
    )
    if rate_predictive is None:
        return governs
    stabilises = rules.Predictive({"*": rate_predictive, "out": None})
    return rules.Terms((governs, stabilises))


_CONTROL = "Saponati et al. 2026, arXiv 2602.13261"
_CONTROLLED = {
    "network.controllers": 1,
    "network.readout": "spiking",
    "train.batch": 1,  # a write at every tick, of what one sample's controllers say
    "train.optimiser": "sgd",
}

ROWS: dict[str, Row] = {
    "feedback-control": Row(
        _feedback_control,
        "spiking controllers pull each output to its target, and teach it",
        _CONTROL,
        needs=_CONTROLLED,
        documented="onspike.rules.feedback_control.feedback_control",
    ),
    "deep-feedback-control": Row(
        _deep_feedback_control,
        "the same, and the controllers' current teaches hidden neurons too",
        "onspike, after Saponati et al. 2026, arXiv 2602.13261",
        needs=_CONTROLLED,
        control="frozen-feedback-control",
        documented="onspike.rules.feedback_control.deep_feedback_control",
    ),
    "tug-of-war": Row(
        _deep_feedback_control,
        "the same, and predictive plasticity in the hidden projections",
        "onspike, after Saponati et al. 2026 and Saponati & Vinck 2023",
        {"rate_predictive": 1e-7},
        needs=_CONTROLLED,
        control="frozen-feedback-control",
        documented="onspike.rules.feedback_control.deep_feedback_control",
    ),
    "frozen-feedback-control": Row(
        _feedback_control,
        "control: controllers teach the readout, hidden neurons stay as they began",
        _CONTROL,
        needs=_CONTROLLED,
        documented="onspike.rules.feedback_control.feedback_control",
    ),
}
