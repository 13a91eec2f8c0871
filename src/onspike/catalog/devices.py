"""Devices by name."""

from typing import TYPE_CHECKING, Literal

from onspike.catalog.rows import Row

if TYPE_CHECKING:
    from onspike.devices import AbstractDevice


def _ideal() -> "AbstractDevice":
    from onspike.devices import Ideal

    return Ideal()


def _fixed8(
    bits: int = 8,
    write: Literal["plus-minus-lsb", "stochastic", "nearest"] = "plus-minus-lsb",
    headroom: float = 2.0,
) -> "AbstractDevice":
    from onspike.devices import Fixed, Nearest, PlusMinusLSB, StochasticRounding

    mode = {
        "plus-minus-lsb": PlusMinusLSB,
        "stochastic": StochasticRounding,
        "nearest": Nearest,
    }[write]
    return Fixed(bits=bits, write_mode=mode(), headroom=headroom)


DEVICES: dict[str, Row] = {
    "ideal": Row(_ideal, "floating-point weights that take any change", "-"),
    "fixed8": Row(
        _fixed8,
        "8-bit weights, stochastic +-1 LSB writes, no shadow copy",
        "Frenkel & Indiveri 2022, arXiv 2208.09759",
    ),
}
