"""E-prop, ReckOn's form of it, and their frozen control."""

from typing import Any, Literal

from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import (
    Feedback,
    Gate,
    by_projection,
    calm,
    gate_of,
    signal_of,
    with_integers,
)


def _reckon(
    rate: float = 2e-5,
    rate_out: float | None = 4e-4,
    rate_neurons: float | None = None,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 0.2,
    gate: Gate = "target-window",
    hinge: float = 0.003,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
    trace_bits: int | None = None,
    trace_largest: float = 20.0,
) -> Any:
    from onspike.rules import reckon

    rule = reckon(
        by_projection(rate, rate_out, rate_neurons),
        signal=signal_of(feedback, feedback_scale),
        gate=gate_of(gate),
        regulariser=calm(hinge, hinge_bound, rate_cost, rate_target),
    )
    return with_integers(rule, trace_bits, trace_largest)


def _eprop(
    rate: float = 1e-3,
    rate_out: float | None = None,
    rate_neurons: float | None = None,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 1.0,
    eligibility: Literal["e-prop", "pre-trace"] = "e-prop",
    readout_filter: bool = True,
    gate: Gate = "end-of-sample",
    hinge: float = 0.0,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
    trace_bits: int | None = None,
    trace_largest: float = 20.0,
) -> Any:
    from onspike.rules import EProp, PreTrace, ReadoutFilter, ThreeFactor

    rule = ThreeFactor(
        signal=signal_of(feedback, feedback_scale),
        eligibility=EProp() if eligibility == "e-prop" else PreTrace(),
        rate=by_projection(rate, rate_out, rate_neurons),
        gate=gate_of(gate),
        readout_filter=ReadoutFilter() if readout_filter else None,
        regulariser=calm(hinge, hinge_bound, rate_cost, rate_target),
    )
    return with_integers(rule, trace_bits, trace_largest)


def _frozen_hidden(rate_out: float = 4e-4, gate: Gate = "target-window") -> Any:
    from onspike.rules import frozen_hidden

    return frozen_hidden(rate_out, gate=gate_of(gate))


_BELLEC = "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y"
_RECKON = "Frenkel & Indiveri 2022, arXiv 2208.09759"

ROWS: dict[str, Row] = {
    "reckon": Row(
        _reckon,
        "decoupled e-prop, one trace per neuron, a write per tick",
        _RECKON,
        documented="onspike.rules.reckon.reckon",
    ),
    "reckon-random": Row(
        _reckon,
        "the same, fixed random feedback",
        _RECKON,
        {"feedback": "random"},
        documented="onspike.rules.reckon.reckon",
    ),
    "eprop": Row(
        _eprop,
        "full e-prop from the neuron's own Jacobians",
        _BELLEC,
        documented="onspike.rules.eprop.eprop",
    ),
    "eprop-random": Row(
        _eprop,
        "the same, fixed random feedback",
        _BELLEC,
        {"feedback": "random"},
        documented="onspike.rules.eprop.eprop",
    ),
    "frozen-hidden": Row(
        _frozen_hidden,
        "control: only the readout learns",
        "decoupled form, as reckon",
        documented="onspike.rules.frozen_hidden.frozen_hidden",
    ),
}
