"""Seconds into ticks, for what the shape of a sample depends on."""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Int, Int32

from onspike import checks
from onspike.types import Scalar


def whole_ticks(owner: str, field: str, seconds: float, dt: float) -> int:
    """The ticks in a stretch of time.

    Raises:
        ValueError: If it is not positive or not a whole number of ticks.
    """
    checks.positive(owner, "seconds", **{field: seconds})
    ticks = round(seconds / dt)
    if ticks < 1 or abs(seconds - ticks * dt) > 1e-6 * seconds:
        raise ValueError(
            f"{owner}.{field} must be a whole number of ticks of {dt:g} seconds; "
            f"got {seconds}"
        )
    return ticks


def check_window(owner: str, window: float | None, ticks: int, dt: float) -> None:
    """Raises ValueError unless the window is whole ticks and fits into a sample."""
    if window is not None and whole_ticks(owner, "window", window, dt) > ticks:
        raise ValueError(
            f"{owner}.window must be at most ticks * dt = {ticks * dt:g} seconds; "
            f"got {window}"
        )


def closing(ticks: int, window: float | None, dt: float) -> Bool[Array, " ticks"]:
    """True in the last `window` seconds of a sample; everywhere if `window` is None."""
    valid = ticks if window is None else round(window / dt)
    return jnp.arange(ticks) >= ticks - valid


def check_rate(owner: str, dt: float, **fields: Scalar) -> None:
    """Raises ValueError unless the rates, in hertz, mean at most one spike a tick."""
    checks.non_negative(owner, "hertz", **fields)
    for field, rate in fields.items():
        if isinstance(rate, Tracer):
            continue
        if np.any(np.asarray(rate) * dt > 1 + 1e-6):
            raise ValueError(
                f"{owner}.{field} must be at most 1 / dt = {1 / dt:g} hertz; got {rate}"
            )


def block_ticks(start: Int[Array, ""] | int, length: int) -> Int32[Array, " length"]:
    """The tick numbers `start .. start + length - 1`."""
    return jnp.asarray(start).astype(jnp.int32) + jnp.arange(length, dtype=jnp.int32)
