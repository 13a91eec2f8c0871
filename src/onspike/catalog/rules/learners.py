"""Learners that do not fit the factors."""

from typing import Any, Literal

from onspike.catalog.rows import Row
from onspike.catalog.rules.parts import learner

Steering = Literal["transposed", "random", "learnt"]


def _bptt(
    rate: float = 1e-3,
    rate_out: float | None = None,
    rate_neurons: float | None = None,
) -> Any:
    from onspike.learners import BPTT

    return learner(BPTT, rate, rate_out, rate_neurons)


def _rtrl(
    rate: float = 1e-3,
    rate_out: float | None = None,
    rate_neurons: float | None = None,
) -> Any:
    from onspike.learners import RTRL

    return learner(RTRL, rate, rate_out, rate_neurons)


def _dfc(
    rate: float = 1e-2,
    rate_out: float | None = None,
    strength: float = 0.1,
    feedback: Steering = "transposed",
    feedback_scale: float = 0.1,
    gain: float = 0.5,
    leak: float = 1e-3,
    dt: float = 0.04,
    steps: int = 120,
) -> Any:
    from onspike.learners import DFC, Controller, Nudged

    return learner(
        DFC,
        rate,
        rate_out,
        setpoint=Nudged(strength),
        feedback=_steering(feedback, feedback_scale),
        controller=Controller(gain=gain, leak=leak, dt=dt, steps=steps),
    )


def _strong_dfc(
    rate: float = 1e-2,
    rate_out: float | None = None,
    target_high: float = 0.9,
    target_low: float = 0.1,
    one_sided: bool = False,
    feedback: Steering = "transposed",
    feedback_scale: float = 0.1,
    gain: float = 0.5,
    leak: float = 1e-3,
    dt: float = 0.04,
    steps: int = 120,
) -> Any:
    from onspike.learners import DFC, Controller, Labelled

    return learner(
        DFC,
        rate,
        rate_out,
        setpoint=Labelled(target_high, target_low, one_sided),
        feedback=_steering(feedback, feedback_scale),
        controller=Controller(gain=gain, leak=leak, dt=dt, steps=steps),
    )


def _steering(feedback: Steering, scale: float) -> Any:
    from onspike.learners import FixedFeedback, LearntFeedback, TransposedJacobian

    fixed = FixedFeedback(scale)
    if feedback == "transposed":
        return TransposedJacobian()
    return fixed if feedback == "random" else LearntFeedback(fixed)


_MEMORYLESS = {"network.recurrent": False}

ROWS: dict[str, Row] = {
    "bptt": Row(
        _bptt,
        "offline baseline: surrogate gradients through time",
        "Neftci et al. 2019, doi:10.1109/MSP.2019.2931595",
        documented="onspike.learners.BPTT",
        ticks=False,
    ),
    "dfc": Row(
        _dfc,
        "deep feedback control of rate neurons: a nudged output, a second phase",
        "Meulemans et al. 2021, arXiv 2106.07887",
        needs=_MEMORYLESS,
        neuron="rate",
        documented="onspike.learners.DFC",
        ticks=False,
    ),
    "strong-dfc": Row(
        _strong_dfc,
        "the same, but the label itself is the setpoint",
        "Meulemans et al. 2022, arXiv 2204.07249",
        needs=_MEMORYLESS,
        neuron="rate",
        documented="onspike.learners.DFC",
        ticks=False,
    ),
    "rtrl": Row(
        _rtrl,
        "exact gradient forward in time; small nets only",
        "Williams & Zipser 1989, doi:10.1162/neco.1989.1.2.270",
        documented="onspike.learners.RTRL",
        ticks=False,
    ),
}
