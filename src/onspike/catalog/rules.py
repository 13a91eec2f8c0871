"""Rules, and learners of their own, by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from onspike.catalog.rows import Row

if TYPE_CHECKING:
    from onspike.rules import AbstractGate, AbstractRegulariser, AbstractSignal

Feedback = Literal["symmetric", "sign", "learnt", "random", "none"]
Gate = Literal["every-tick", "target-window", "end-of-sample", "end-of-window"]


def _signal(
    feedback: Feedback, scale: float, output_slope: bool = True
) -> "AbstractSignal":
    from onspike import rules

    signals: dict[str, Callable[[], AbstractSignal]] = {
        "symmetric": lambda: rules.Symmetric(output_slope),
        "sign": lambda: rules.SignSymmetric(scale, output_slope),
        "learnt": lambda: rules.MirroredFeedback(scale, output_slope),
        "random": lambda: rules.RandomFeedback(scale),
        "none": rules.NoSignal,
    }
    return signals[feedback]()


def _gate(name: Gate) -> "AbstractGate":
    from onspike.rules import EndOfSample, EveryTick, TargetWindow

    gates: dict[str, Callable[[], AbstractGate]] = {
        "every-tick": EveryTick,
        "target-window": TargetWindow,
        "end-of-sample": EndOfSample,
        "end-of-window": lambda: EndOfSample(window_only=True),
    }
    return gates[name]()


def _calm(
    hinge: float, hinge_bound: float, rate_cost: float, rate_target: float
) -> "AbstractRegulariser | None":
    from onspike.rules import RateHinge, RateTarget

    if hinge and rate_cost:
        raise ValueError(
            "rule.hinge and rule.rate_cost both regularise the firing rate; "
            "set one of them to 0"
        )
    if rate_cost:
        return RateTarget(strength=rate_cost, target=rate_target)
    return RateHinge(hinge, hinge_bound) if hinge else None


def _by_projection(rate: float, rate_out: float | None) -> "float | dict[str, float]":
    return rate if rate_out is None else {"*": rate, "out": rate_out}


def _reckon(
    rate: float = 2e-5,
    rate_out: float | None = 4e-4,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 0.2,
    gate: Gate = "target-window",
    hinge: float = 0.003,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike.rules import reckon

    return reckon(
        _by_projection(rate, rate_out),
        signal=_signal(feedback, feedback_scale),
        gate=_gate(gate),
        regulariser=_calm(hinge, hinge_bound, rate_cost, rate_target),
    )


def _eprop(
    rate: float = 1e-3,
    rate_out: float | None = None,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 1.0,
    eligibility: Literal["full", "pre-trace"] = "full",
    readout_filter: bool = True,
    gate: Gate = "end-of-sample",
    hinge: float = 0.0,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike.rules import EProp, PreTrace, ReadoutFilter, ThreeFactor

    return ThreeFactor(
        signal=_signal(feedback, feedback_scale),
        eligibility=EProp() if eligibility == "full" else PreTrace(),
        rate=_by_projection(rate, rate_out),
        gate=_gate(gate),
        readout_filter=ReadoutFilter() if readout_filter else None,
        regulariser=_calm(hinge, hinge_bound, rate_cost, rate_target),
    )


def _frozen_hidden(rate_out: float = 4e-4, gate: Gate = "target-window") -> Any:
    from onspike.rules import NoSignal, PreTrace, ThreeFactor

    return ThreeFactor(
        signal=NoSignal(),
        eligibility=PreTrace(),
        rate={"out": rate_out},
        gate=_gate(gate),
    )


def _bptt(rate: float = 1e-3, rate_out: float | None = None) -> Any:
    from onspike.learners import BPTT

    return _learner(BPTT, rate, rate_out)


def _rtrl(rate: float = 1e-3, rate_out: float | None = None) -> Any:
    from onspike.learners import RTRL

    return _learner(RTRL, rate, rate_out)


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
    return feedback_control(rate, control=control, gate=_gate(gate))


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

    through = _signal(feedback, feedback_scale, output_slope=False)
    control = rules.Control(
        target=rules.TargetRates(target_high, target_low, overshoot),
        gain=control_gain,
        weight=control_weight,
        tau=control_tau,
        through=through if reach == 1 else rules.Partial(through, reach),
        gain_hidden=control_hidden,
    )
    governs = rules.deep_feedback_control(
        _by_projection(rate, rate_out),
        control=control,
        gate=_gate(gate),
        regulariser=_calm(hinge, hinge_bound, rate_cost, rate_target),
    )
    if rate_predictive is None:
        return governs
    stabilises = rules.Predictive({"*": rate_predictive, "out": None})
    return rules.Terms((governs, stabilises))


Steering = Literal["transposed", "random", "learnt"]


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

    return _learner(
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

    return _learner(
        DFC,
        rate,
        rate_out,
        setpoint=Labelled(target_high, target_low, one_sided),
        feedback=_steering(feedback, feedback_scale),
        controller=Controller(gain=gain, leak=leak, dt=dt, steps=steps),
    )


def _steering(feedback: Steering, scale: float) -> Any:
    from onspike.learners import FixedFeedback, LearntFeedback, TransposedJacobian

    if feedback == "transposed":
        return TransposedJacobian()
    fixed = FixedFeedback(scale)
    return fixed if feedback == "random" else LearntFeedback(fixed)


def _learner(kind: Any, rate: float, rate_out: float | None, **parts: Any) -> Any:
    import functools

    return functools.partial(kind, rate=_by_projection(rate, rate_out), **parts)


_BELLEC = "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y"
_RECKON = "Frenkel & Indiveri 2022, arXiv 2208.09759"

_CONTROL = "Saponati et al. 2026, arXiv 2602.13261"
_MEMORYLESS = {"network.recurrent": False}
_CONTROLLED = {
    "network.controllers": 1,
    "network.readout": "spiking",
    "train.batch": 1,  # a write at every tick, of what one sample's controllers say
    "train.optimiser": "sgd",
}

RULES: dict[str, Row] = {
    "reckon": Row(
        _reckon, "decoupled e-prop, one trace per neuron, a write per tick", _RECKON
    ),
    "reckon-random": Row(
        _reckon, "the same, fixed random feedback", _RECKON, {"feedback": "random"}
    ),
    "eprop": Row(_eprop, "full e-prop from the neuron's own Jacobians", _BELLEC),
    "eprop-random": Row(
        _eprop, "the same, fixed random feedback", _BELLEC, {"feedback": "random"}
    ),
    "feedback-control": Row(
        _feedback_control,
        "spiking controllers pull each output to its target, and teach it",
        _CONTROL,
        needs=_CONTROLLED,
    ),
    "deep-feedback-control": Row(
        _deep_feedback_control,
        "the same, and the controllers' current teaches hidden neurons too",
        "onspike, after Saponati et al. 2026, arXiv 2602.13261",
        needs=_CONTROLLED,
        control="frozen-feedback-control",
    ),
    "tug-of-war": Row(
        _deep_feedback_control,
        "the same, and predictive plasticity in the hidden projections",
        "onspike, after Saponati et al. 2026 and Saponati & Vinck 2023",
        {"rate_predictive": 1e-7},
        needs=_CONTROLLED,
        control="frozen-feedback-control",
    ),
    "frozen-feedback-control": Row(
        _feedback_control,
        "control: controllers teach the readout, hidden neurons stay as they began",
        _CONTROL,
        needs=_CONTROLLED,
    ),
    "frozen-hidden": Row(
        _frozen_hidden, "control: only the readout learns", "decoupled form, as reckon"
    ),
    "bptt": Row(
        _bptt,
        "offline baseline: surrogate gradients through time",
        "Neftci et al. 2019, doi:10.1109/MSP.2019.2931595",
    ),
    "dfc": Row(
        _dfc,
        "deep feedback control of rate neurons: a nudged output, a second phase",
        "Meulemans et al. 2021, arXiv 2106.07887",
        needs=_MEMORYLESS,
    ),
    "strong-dfc": Row(
        _strong_dfc,
        "the same, but the label itself is the setpoint",
        "Meulemans et al. 2022, arXiv 2204.07249",
        needs=_MEMORYLESS,
    ),
    "rtrl": Row(
        _rtrl,
        "exact gradient forward in time; small nets only",
        "Williams & Zipser 1989, doi:10.1162/neco.1989.1.2.270",
    ),
}
