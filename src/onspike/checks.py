"""Checks of arguments: errors that name owner, field, unit and value.

Inside a transformation an argument may be a tracer, whose value is not known: such
arguments are checked for shape only. NumPy and JAX are imported where a number is
checked: a misspelt name on the command line is found without waiting for them.
"""

import difflib
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def _concrete(value: Any) -> "np.ndarray | None":
    import numpy as np
    from jax.core import Tracer

    return None if isinstance(value, Tracer) else np.asarray(value)


def _require(test: Any, owner: str, unit: str, demand: str, **fields: Any) -> None:
    import numpy as np

    for field, value in fields.items():
        number = _concrete(value)
        if number is None:
            continue
        if number.dtype.kind not in "fiub":
            raise ValueError(f"{owner}.{field} must be a number; got {value!r}")
        if not np.all(np.isfinite(number) & test(number)):
            at_fault = number[~(np.isfinite(number) & test(number))].flat[0]
            raise ValueError(
                f"{owner}.{field} must be {demand}, in {unit}; got {at_fault}"
            )


def positive(owner: str, unit: str, /, **fields: Any) -> None:
    """Raises ValueError unless every field is finite and greater than zero."""
    _require(lambda a: a > 0, owner, unit, "positive", **fields)


def non_negative(owner: str, unit: str, /, **fields: Any) -> None:
    """Raises ValueError unless every field is finite and not below zero."""
    _require(lambda a: a >= 0, owner, unit, "zero or positive", **fields)


def zero_or_above(owner: str, unit: str, bound: int, /, **fields: Any) -> None:
    """Raises ValueError unless every field is finite, and 0 or more than `bound`."""
    demand = f"0 or above {bound}"
    _require(lambda a: (a == 0) | (a > bound), owner, unit, demand, **fields)


def negative(owner: str, unit: str, /, **fields: Any) -> None:
    """Raises ValueError unless every field is finite and less than zero."""
    _require(lambda a: a < 0, owner, unit, "negative", **fields)


def finite(owner: str, unit: str, /, **fields: Any) -> None:
    """Raises ValueError if any field is NaN or infinite."""
    _require(lambda a: a == a, owner, unit, "finite", **fields)


def probability(owner: str, **fields: Any) -> None:
    """Raises ValueError unless every field lies in [0, 1]."""
    demand = "between 0 and 1"
    _require(lambda a: (a >= 0) & (a <= 1), owner, "probability", demand, **fields)


def at_least(owner: str, unit: str, bound: int, /, **fields: Any) -> None:
    """Raises ValueError unless every field is a whole number, `bound` or more."""
    for field, value in fields.items():
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or value < bound:
            raise ValueError(
                f"{owner}.{field} must be a whole number >= {bound}, in {unit}; "
                f"got {value!r}"
            )


def per_neuron(owner: str, n: int, **fields: Any) -> None:
    """Raises ValueError unless every field is a scalar or holds one value a neuron."""
    import numpy as np

    for field, value in fields.items():
        shape = np.shape(value)
        if shape not in ((), (n,)):
            raise ValueError(
                f"{owner}.{field} must be a scalar or ({n},), one per neuron; "
                f"got {shape}"
            )


def shape(owner: str, expected: tuple[int, ...], **fields: Any) -> None:
    """Raises ValueError unless every field has exactly the expected shape."""
    import numpy as np

    for field, value in fields.items():
        if np.shape(value) != expected:
            raise ValueError(
                f"{owner}.{field} must have shape {expected}; got {np.shape(value)}"
            )


def known(kind: str, name: str, names: Iterable[str], hint: str = "") -> None:
    """Raises ValueError, with a suggestion, unless `name` is among `names`."""
    names = list(names)
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f"; did you mean '{close[0]}'?" if close else ";"
    raise ValueError(
        f"unknown {kind} '{name}'{guess} {hint or 'known: ' + ', '.join(names)}"
    )
