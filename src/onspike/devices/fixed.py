"""Few-bit integer weights, without a shadow copy."""

from abc import abstractmethod
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.types import Key, Params, Scalar


class AbstractWrite(eqx.Module):
    """How a wished change, in LSBs, becomes a whole number of them."""

    @abstractmethod
    def __call__(
        self, steps: Float[Array, "n_post n_pre"], key: Key
    ) -> Float[Array, "n_post n_pre"]:
        """A whole number for every weight."""


class Nearest(AbstractWrite):
    """Rounds to the nearest: a change below half an LSB is lost."""

    def __call__(self, steps, key):
        del key
        return jnp.round(steps)


class StochasticRounding(AbstractWrite):
    """Rounds up or down at random, unbiased: floor(x) + Bernoulli(x - floor(x))."""

    def __call__(self, steps, key):
        low = jnp.floor(steps)
        up = jax.random.uniform(key, steps.shape, steps.dtype) < steps - low
        return low + up.astype(steps.dtype)


class PlusMinusLSB(AbstractWrite):
    """One LSB up or down, or nothing: sign(x) Bernoulli(min(1, |x|)).

    Unbiased while |x| <= 1; larger wishes saturate at one LSB per write.

    Source: Frenkel & Indiveri 2022, arXiv 2208.09759.
    """

    def __call__(self, steps, key):
        hit = jax.random.uniform(key, steps.shape, steps.dtype) < jnp.abs(steps)
        return jnp.sign(steps) * hit.astype(steps.dtype)


class FixedState(NamedTuple):
    """What a die stores."""

    codes: dict[str, Int[Array, "n_post n_pre"]]  # by projection
    lsb: dict[str, Float[Array, ""]]  # weight units per code, by projection
    others: Params  # all but the weights


class Fixed(AbstractDevice):
    """Signed `bits`-bit weights; reads and writes touch only the stored integers.

    A code runs from -(2^(bits-1) - 1) to 2^(bits-1) - 1. By default the LSB of each
    projection is set when the die is programmed, so that the largest initial weight
    uses 1/headroom of the range.

    Args:
        bits: Width of a weight, 2 to 16.
        write_mode: How a change becomes whole LSBs.
        headroom: Range over the largest initial weight.
        lsb: Weight units per code, by projection; overrides `headroom`.

    Raises:
        ValueError: If `bits` is out of range, or `headroom` or an `lsb` is not
            positive.

    Source: the format of ReckOn, Frenkel & Indiveri 2022, arXiv 2208.09759.
    """

    bits: int = eqx.field(static=True, default=8)
    write_mode: AbstractWrite = PlusMinusLSB()
    headroom: Scalar = 2.0
    lsb: dict[str, Scalar] | None = None

    def __check_init__(self) -> None:
        checks.at_least("Fixed", "bits", 2, bits=self.bits)
        if self.bits > 16:
            raise ValueError(f"Fixed.bits must be at most 16, in bits; got {self.bits}")
        checks.positive("Fixed", "1 (a factor)", headroom=self.headroom)
        checks.positive("Fixed.lsb", "weight units", **(self.lsb or {}))

    @property
    def top(self) -> int:
        """The largest code."""
        return 2 ** (self.bits - 1) - 1

    def fabricate(self, params, wiring, key):
        del wiring, key
        for name in self.lsb or {}:
            checks.known("projection in Fixed.lsb", name, params.weights)
        lsb = {n: self._lsb(n, w) for n, w in params.weights.items()}
        codes = {
            n: self._saturate(jnp.round(w / lsb[n])) for n, w in params.weights.items()
        }
        return FixedState(codes, lsb, params._replace(weights={}))

    def read(self, stored):
        weights = {
            n: c.astype(stored.lsb[n].dtype) * stored.lsb[n]
            for n, c in stored.codes.items()
        }
        return stored.others._replace(weights=weights)

    def write(self, stored, change, key):
        codes = dict(stored.codes)
        keys = jax.random.split(key, len(change))
        for (name, wish), subkey in zip(sorted(change.items()), keys, strict=True):
            steps = self.write_mode(wish / stored.lsb[name], subkey)
            steps = jnp.where(jnp.isnan(steps), jnp.zeros_like(steps), steps)
            codes[name] = self._saturate(codes[name].astype(steps.dtype) + steps)
        return stored._replace(codes=codes)

    def bits_per_weight(self):
        return self.bits

    def _lsb(self, name: str, w: Array) -> Array:
        if self.lsb is not None and name in self.lsb:
            return jnp.asarray(self.lsb[name], w.dtype)
        largest = jnp.max(jnp.abs(w))
        largest = jnp.where(largest > 0, largest, jnp.ones_like(largest))
        return self.headroom * largest / self.top

    def _saturate(self, codes: Array) -> Array:
        kind = jnp.int8 if self.bits <= 8 else jnp.int16
        return jnp.clip(codes, -self.top, self.top).astype(kind)
