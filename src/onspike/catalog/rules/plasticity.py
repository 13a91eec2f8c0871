"""Plasticity of spike pairs: unsupervised, or told by a reward."""

from collections.abc import Callable
from functools import partial
from typing import Any

from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import Gate, by_projection, gate_of


def _stdp(
    rate: float = 1e-2,
    rate_out: float | None = None,
    plus: float = 1.0,
    minus: float = 1.2,
    tau_plus: float = 20e-3,
    tau_minus: float = 20e-3,
    nearest: bool = False,
    homeostasis: float = 0.0,
    rate_target: float = 10.0,
    gate: Gate = "every-tick",
) -> Any:
    from onspike.rules import PairSTDP, stdp

    pairs = PairSTDP(plus, minus, tau_plus, tau_minus, nearest)
    learns = partial(stdp, by_projection(rate, rate_out), pairs=pairs)
    return _stabilised(learns, homeostasis, rate_target, gate)


def _rstdp(
    rate: float = 1e-2,
    rate_out: float | None = None,
    plus: float = 1.0,
    minus: float = 1.2,
    tau_plus: float = 20e-3,
    tau_minus: float = 20e-3,
    nearest: bool = False,
    tau_elig: float = 0.5,
    tau_baseline: float | None = 10.0,
    homeostasis: float = 0.0,
    rate_target: float = 10.0,
    gate: Gate = "every-tick",
) -> Any:
    from onspike.rules import PairSTDP, Reward, rstdp

    learns = partial(
        rstdp,
        by_projection(rate, rate_out),
        pairs=PairSTDP(plus, minus, tau_plus, tau_minus, nearest),
        tau=tau_elig,
        reward=Reward(tau_baseline),
    )
    return _stabilised(learns, homeostasis, rate_target, gate)


def _hebb(
    rate: float = 1e-2,
    rate_out: float | None = None,
    tau_elig: float = 0.5,
    tau_baseline: float | None = 10.0,
    homeostasis: float = 0.0,
    rate_target: float = 10.0,
    gate: Gate = "every-tick",
) -> Any:
    from onspike.rules import Reward, hebb

    reward = Reward(tau_baseline)
    learns = partial(hebb, by_projection(rate, rate_out), tau=tau_elig, reward=reward)
    return _stabilised(learns, homeostasis, rate_target, gate)


def _stabilised(
    learns: Callable[..., Any], homeostasis: float, target: float, gate: Gate
) -> Any:
    """The rule itself, or with synaptic scaling as a second term."""
    from onspike.rules import Homeostasis, Terms

    scales = Homeostasis(rate=homeostasis, target=target)
    if not homeostasis:
        return learns(gate=gate_of(gate))
    return Terms((learns(), scales), gate_of(gate))


_NEEDS = {
    "network.readout": "spiking",
    "train.batch": 1,
    "train.optimiser": "sgd",
    "train.clamp": 1.0,  # nothing else bounds the weights
}

ROWS: dict[str, Row] = {
    "stdp": Row(
        _stdp,
        "pair STDP: unsupervised, one trace per neuron on each side",
        "Bi & Poo 1998, doi:10.1523/JNEUROSCI.18-24-10464.1998",
        needs=_NEEDS,
        documented="onspike.rules.stdp.stdp",
    ),
    "rstdp": Row(
        _rstdp,
        "reward-modulated STDP: the margin of the right output writes",
        "Izhikevich 2007, doi:10.1093/cercor/bhl152",
        needs=_NEEDS,
        documented="onspike.rules.rstdp.rstdp",
    ),
    "hebb": Row(
        _hebb,
        "the same, of pairs in one tick: Hebb's rule modulated by reward",
        "Frémaux & Gerstner 2016, doi:10.3389/fncir.2015.00085",
        needs=_NEEDS,
        documented="onspike.rules.hebb.hebb",
    ),
}
