"""Twins of chips that learn by themselves."""

from typing import Any, Literal

from onspike.catalog.rows import Row


def _reckon_chip(
    rate: float = 2.0**-17,
    rate_out: float | None = 2.0**-9,
    span: float = 1.0,
    slope: Literal["straight-through", "surrogate"] = "straight-through",
    regul_mode: int = 2,
    regul_w: int = 3,
    regul_f0: int = 160,
    regul_k: int = 10,
    stochastic_rounding: bool = True,
) -> Any:
    from onspike.chips.reckon import ReckOn, segments

    registers = {
        "regul_mode": regul_mode,
        "regul_w": regul_w,
        "regul_f0": regul_f0,
        "regul_k_inp_p": regul_k,
        "regul_k_rec_p": regul_k,
        "en_stoch_round": int(stochastic_rounding),
    }

    rate_out = rate if rate_out is None else rate_out

    def chip(network: Any, **common: Any) -> Any:
        cut = None
        if slope == "surrogate":
            neuron = network.populations[network.wiring.hidden[0]].neuron
            cut = segments(neuron.surrogate, float(neuron.v_threshold))
        return ReckOn(network, rate, rate_out, span, cut, registers, **common)

    return chip


ROWS: dict[str, Row] = {
    "reckon-chip": Row(
        _reckon_chip,
        "the chip ReckOn itself, integer for integer",
        "Frenkel & Indiveri 2022, doi:10.1109/ISSCC42614.2022.9731734",
        needs={"train.batch": 1, "train.optimiser": "sgd", "train.decay": "none"},
        neuron="lif",
        device="reckon",
        documented="onspike.chips.reckon.ReckOn",
        ticks=False,
    ),
}
