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


def knobs(spec: Spec, start: Spec) -> list[Knob]:
    """The knobs of a session, at what its specification says.

    Args:
        spec: The specification, as it has become.
        start: As it was. A slider keeps the range that it had then, so that it stands
            still while it is turned, unless the value has left it.
    """
    return [one for kind in _KINDS if (one := _knob(kind, spec, start)) is not None]


def _knob(kind: _Kind, spec: Spec, start: Spec) -> Knob | None:
    value, before = _value(kind, spec), _value(kind, start)
    if value is None:
        return None
    wired = getattr(spec.rule, "feedback", None)
    if kind.path == "rule.feedback_scale" and wired == "symmetric":
        return None  # it means nothing there
    low, high = _range(kind, value if before is None else before)
    if value and not low <= value <= high:
        low, high = _range(kind, value)
    return Knob(kind.path, kind.label, kind.unit, value, low, high, kind.scale)


def _value(kind: _Kind, spec: Spec) -> float | None:
    section, option = kind.path.split(".")
    value: Any = getattr(getattr(spec, section), option, None)
    if not isinstance(value, float | int) or isinstance(value, bool):
        return None  # not there, not set, or a table of several
    return float(value)


def _range(kind: _Kind, value: float) -> tuple[float, float]:
    if kind.scale == "log":
        return (value * 1e-2, value * 1e2) if value else (1e-6, 1e-1)
    return 0.0, max(kind.most, 2.0 * value)
