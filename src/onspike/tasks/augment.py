"""Augmentation: recordings that were never made, of training samples only."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Num

from onspike import checks
from onspike.types import Key, Scalar


class Warp(eqx.Module):
    """Shifts a recording over channels and time and stretches its time, at random.

    Each number is drawn evenly between minus and plus the field, anew for each epoch.

    Args:
        channels: Largest shift over channels, in channels.
        shift: Largest shift in time, as a share of the sample.
        stretch: Largest change of tempo, as a share of the recording's own.

    Raises:
        ValueError: If a field is negative, `shift` is above 1, or `stretch` is 1 or
            more.

    Source: channel shift and time warp as in Cramer et al. 2022,
        doi:10.1109/TNNLS.2020.3044364, and Nowotny et al. 2025, arXiv 2212.01232.
    """

    channels: int = eqx.field(static=True, default=1)
    shift: Scalar = 0.05
    stretch: Scalar = 0.2

    def __check_init__(self) -> None:
        checks.at_least("Warp", "channels", 0, channels=self.channels)
        checks.probability("Warp", shift=self.shift, stretch=self.stretch)
        if self.stretch >= 1:
            raise ValueError(f"Warp.stretch must be below 1; got {self.stretch}")

    def __call__(
        self, x: Num[Array, "ticks channels"], key: Key
    ) -> Num[Array, "ticks channels"]:
        """The recording, warped; what comes from outside is silence."""
        in_time, in_tempo, in_channel = jax.random.split(key, 3)
        ticks, channels = x.shape
        moved = jax.random.uniform(in_time, (), float, -1.0, 1.0) * self.shift * ticks
        tempo = 1.0 + jax.random.uniform(in_tempo, (), float, -1.0, 1.0) * self.stretch
        row = jnp.round(jnp.arange(ticks).astype(float) * tempo + moved).astype(int)
        up = jax.random.randint(in_channel, (), -self.channels, self.channels + 1)
        column = jnp.arange(channels) + up
        take = {"mode": "fill", "fill_value": 0}
        row = jnp.where((row >= 0) & (row < ticks), row, ticks)  # -1 would wrap around
        column = jnp.where((column >= 0) & (column < channels), column, channels)
        return jnp.take(jnp.take(x, row, axis=0, **take), column, axis=1, **take)
