"""Credit without weight transport: feedback alignment and its kin."""

import functools
from typing import Any, Literal

from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import Gate, by_projection, calm, gate_of


def _aligned(
    name: str,
    /,
    rate: float = 1e-3,
    rate_out: float | None = None,
    feedback_scale: float = 1.0,
    eligibility: Literal["e-prop", "pre-trace"] = "e-prop",
    readout_filter: bool = True,
    gate: Gate = "end-of-sample",
    hinge: float = 0.0,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike import rules

    return getattr(rules, name)(
        by_projection(rate, rate_out),
        scale=feedback_scale,
        eligibility=rules.EProp() if eligibility == "e-prop" else rules.PreTrace(),
        gate=gate_of(gate),
        readout_filter=rules.ReadoutFilter() if readout_filter else None,
        regulariser=calm(hinge, hinge_bound, rate_cost, rate_target),
    )


_FRENKEL = "Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892"

ROWS: dict[str, Row] = {
    "fa": Row(
        functools.partial(_aligned, "fa"),
        "feedback alignment: credit through fixed random weights, layer by layer",
        "Lillicrap et al. 2016, doi:10.1038/ncomms13276",
        {"feedback_scale": 0.1},
        documented="onspike.rules.fa.fa",
    ),
    "dfa": Row(
        functools.partial(_aligned, "dfa"),
        "direct feedback alignment: the error reaches every layer at once",
        "Nøkland 2016, arXiv 1609.01596",
        documented="onspike.rules.dfa.dfa",
    ),
    "sdfa": Row(
        functools.partial(_aligned, "sdfa"),
        "the same, with the sign of the error alone",
        _FRENKEL,
        documented="onspike.rules.sdfa.sdfa",
    ),
    "drtp": Row(
        functools.partial(_aligned, "drtp"),
        "direct random target projection: the label itself, no output needed",
        _FRENKEL,
        {"readout_filter": False},
        documented="onspike.rules.drtp.drtp",
    ),
    "eprop-adaptive": Row(
        functools.partial(_aligned, "eprop_adaptive"),
        "e-prop whose feedback weights learn and decay as the weights do",
        "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y",
        {"feedback_scale": 0.1},
        needs={"train.weight_decay": 0.1},
        documented="onspike.rules.eprop_adaptive.eprop_adaptive",
    ),
}
