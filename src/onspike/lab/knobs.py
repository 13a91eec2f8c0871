"""What can be turned while learning goes on."""

from typing import Any, NamedTuple

from onspike.experiment.spec import Spec


class Knob(NamedTuple):
    """An option with a slider."""

    path: str
    label: str
    unit: str
    value: float
    low: float
    high: float
    scale: str  # "log" or "linear"


class _Kind(NamedTuple):
    path: str
    label: str
    unit: str
    scale: str = "linear"
    most: float = 1.0  # of a linear scale; of a log scale the value stands amid 10^±2


_KINDS = (
    _Kind("rule.rate", "learning rate", "", "log"),
    _Kind("rule.rate_out", "learning rate, output", "", "log"),
    _Kind("rule.control_gain", "feedback gain", "", most=4.0),
    _Kind("rule.control_weight", "controllers' weight", "", most=4.0),
    _Kind("rule.feedback_scale", "feedback weights", "", "log"),
    _Kind("rule.signal_scale", "feedback weights", "", "log"),
    _Kind("device.mismatch", "mismatch", "sd / mean", most=0.6),
    _Kind("device.dead", "dead neurons", "share", most=0.6),
    _Kind("device.noise", "current noise", "threshold", most=0.5),
    _Kind("device.spike_loss", "lost spikes", "share", most=0.5),
)


def knobs(spec: Spec) -> list[Knob]:
    """The knobs of a session, at what its specification says."""
    return [one for kind in _KINDS if (one := _knob(kind, spec)) is not None]


def _knob(kind: _Kind, spec: Spec) -> Knob | None:
    section, option = kind.path.split(".")
    value: Any = getattr(getattr(spec, section), option, None)
    if not isinstance(value, float | int) or isinstance(value, bool):
        return None  # not there, not set, or a table of several
    if kind.scale == "log":
        wired = getattr(spec.rule, "feedback", None)
        if option == "feedback_scale" and wired == "symmetric":
            return None  # it means nothing there
        low, high = (value * 1e-2, value * 1e2) if value else (1e-6, 1e-1)
    else:
        low, high = 0.0, max(kind.most, 2.0 * value)
    return Knob(kind.path, kind.label, kind.unit, float(value), low, high, kind.scale)
