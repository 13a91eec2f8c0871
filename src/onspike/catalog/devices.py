"""Devices by name."""

from typing import TYPE_CHECKING, Literal

from onspike.catalog.rows import Row

if TYPE_CHECKING:
    from onspike.devices import AbstractDevice


def _ideal(mismatch: float = 0.0) -> "AbstractDevice":
    from onspike.devices import Ideal

    return _fabricated(Ideal(), mismatch)


def _fixed8(
    bits: int = 8,
    write: Literal["plus-minus-lsb", "stochastic", "nearest"] = "plus-minus-lsb",
    headroom: float = 2.0,
    mismatch: float = 0.0,
) -> "AbstractDevice":
    from onspike.devices import Fixed, Nearest, PlusMinusLSB, StochasticRounding

    mode = {
        "plus-minus-lsb": PlusMinusLSB,
        "stochastic": StochasticRounding,
        "nearest": Nearest,
    }[write]
    fixed = Fixed(bits=bits, write_mode=mode(), headroom=headroom)
    return _fabricated(fixed, mismatch)


def _bistable(
    strong: float | None = None,
    weak: float = 0.0,
    theta: float = 0.5,
    drift_up: float = 3.5e-3,
    drift_down: float = 3.5e-3,
    mismatch: float = 0.0,
) -> "AbstractDevice":
    from onspike.devices import Bistable

    device = Bistable(strong, weak, theta, drift_up, drift_down)
    return _fabricated(device, mismatch)


def _fabricated(device: "AbstractDevice", mismatch: float) -> "AbstractDevice":
    from onspike.devices import Mismatch

    return Mismatch(device, mismatch) if mismatch else device


DEVICES: dict[str, Row] = {
    "ideal": Row(_ideal, "floating-point weights that take any change", "-"),
    "fixed8": Row(
        _fixed8,
        "8-bit weights, stochastic +-1 LSB writes, no shadow copy",
        "Frenkel & Indiveri 2022, arXiv 2208.09759",
    ),
    "bistable": Row(
        _bistable,
        "binary weights; a hidden state drifts to the nearer of two",
        "Brader, Senn & Fusi 2007, doi:10.1162/neco.2007.19.11.2881",
    ),
}
