"""Learning from local errors, and from errors that are events."""

from typing import Any, Literal

from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import (
    Feedback,
    Gate,
    by_projection,
    calm,
    gate_of,
    signal_of,
    trigger_of,
)


def _decolle(
    rate: float = 1e-3,
    rate_out: float | None = None,
    local_loss: Literal["smooth-l1", "squared", "cross-entropy"] = "smooth-l1",
    readout_scale: float = 1.0,
    burn_in: int = 0,
    transposed: bool = True,
    bounds: float = 0.0,
    theta: float | None = None,
    set_point: float | None = None,
    ternary: bool = False,
    gate: Gate = "target-window",
) -> Any:
    from onspike import losses, rules

    if theta is None and (set_point is not None or ternary):
        raise ValueError(
            "rule.set_point and rule.ternary say what a threshold makes of errors: set "
            f"rule.theta too; got set_point={set_point} and ternary={ternary}"
        )
    trigger = None if theta is None else trigger_of(theta, set_point, ternary)
    loss = {
        "smooth-l1": losses.SmoothL1,
        "squared": losses.SquaredError,
        "cross-entropy": losses.CrossEntropy,
    }[local_loss]()
    return rules.decolle(
        by_projection(rate, rate_out),
        readouts=rules.LocalReadouts(loss, readout_scale, burn_in, transposed, trigger),
        bounds=rules.MembraneBounds(bounds) if bounds else None,
        gate=gate_of(gate),
    )


def _error_triggered(
    rate: float = 2e-5,
    rate_out: float | None = 4e-4,
    theta: float = 0.3,
    set_point: float | None = None,
    ternary: bool = False,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 0.2,
    gate: Gate = "target-window",
    hinge: float = 0.003,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike.rules import error_triggered

    return error_triggered(
        by_projection(rate, rate_out),
        trigger=trigger_of(theta, set_point, ternary),
        signal=signal_of(feedback, feedback_scale),
        gate=gate_of(gate),
        regulariser=calm(hinge, hinge_bound, rate_cost, rate_target),
    )


ROWS: dict[str, Row] = {
    "decolle": Row(
        _decolle,
        "a fixed random readout of its own teaches every layer, at every tick",
        "Kaiser et al. 2020, doi:10.3389/fnins.2020.00424",
        needs={"network.synapse": "double-exponential"},
        neuron="spike-response",
        documented="onspike.rules.decolle.decolle",
    ),
    "error-triggered": Row(
        _error_triggered,
        "decoupled e-prop, a write only where an error exceeds a threshold",
        "Payvand et al. 2020, arXiv 1910.06152",
        needs={"train.optimiser": "sgd"},  # momentum would write without an event
        documented="onspike.rules.error_triggered.error_triggered",
    ),
}
