"""Spike-driven synaptic plasticity."""

from typing import Any

from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import Gate, gate_of


def _sdsp(
    rate: float = 1.0,
    a: float = 0.1,
    b: float = 0.1,
    theta_v: float = 0.8,
    up_low: float = 3.0,
    up_high: float = 13.0,
    down_low: float = 3.0,
    down_high: float = 4.0,
    tau_calcium: float = 60e-3,
    excite: float = 1.0,
    inhibit: float = 1.0,
    gate: Gate = "every-tick",
) -> Any:
    from onspike.rules import SDSP, Teacher, sdsp

    eligibility = SDSP(
        a=a,
        b=b,
        theta_v=theta_v,
        up_low=up_low,
        up_high=up_high,
        down_low=down_low,
        down_high=down_high,
        tau_calcium=tau_calcium,
    )
    return sdsp(
        rate,
        teacher=Teacher(excite, inhibit),
        eligibility=eligibility,
        gate=gate_of(gate),
    )


ROWS: dict[str, Row] = {
    "sdsp": Row(
        _sdsp,
        "a spike strengthens or weakens its synapse as it finds the neuron",
        "Brader, Senn & Fusi 2007, doi:10.1162/neco.2007.19.11.2881",
        needs={
            "network.readout": "spiking",
            "train.batch": 1,  # steps of one sample, written as they come
            "train.optimiser": "sgd",
        },
        device="bistable",
        documented="onspike.rules.sdsp.sdsp",
    ),
}
