"""Random bits of tasks: a function of the tick, whatever block asks for it.

Bits and thresholds are unsigned integers, so that a sample has the same spikes in
single and in double precision.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from onspike import checks
from onspike.tasks import timing
from onspike.tasks.base import Split
from onspike.types import Key

SPLITS = ("train", "validation", "test")
_LARGEST = 2.0**32 - 2.0**8  # the largest uint32 that single precision can hold


def number(index: Int[Array, ""], size: int, fresh: bool) -> Int[Array, ""]:
    """Which sample an index stands for that counts on from epoch to epoch."""
    return index if fresh else index % size


def sample_key(key: Key, split: Split, index: Int[Array, ""] | int) -> Key:
    """The key of one sample; different in every split."""
    checks.known("split", split, SPLITS)
    return jax.random.fold_in(jax.random.fold_in(key, SPLITS.index(split)), index)


def check_sizes(owner: str, train: int, validation: int, test: int) -> None:
    """Raises ValueError unless the sizes are whole and something can be trained on."""
    checks.at_least(owner, "samples", 1, train_samples=train)
    checks.at_least(
        owner, "samples", 0, validation_samples=validation, test_samples=test
    )


def tick_bits(
    key: Key, start: Int[Array, ""] | int, length: int, n: int
) -> UInt32[Array, "length n"]:
    """The bits of ticks `start .. start + length - 1`, from one key for each tick."""

    def draw(tick: Int[Array, ""]) -> UInt32[Array, " n"]:
        return jax.random.bits(jax.random.fold_in(key, tick), (n,), jnp.uint32)

    return jax.vmap(draw)(timing.block_ticks(start, length))


def threshold(probability: Float[Array, "*n"] | float) -> UInt32[Array, "*n"]:
    """Random bits lie below it with this probability (or 6e-8 less, at one)."""
    scaled = jnp.asarray(probability, dtype=float) * 2.0**32
    return jnp.clip(scaled, 0.0, _LARGEST).astype(jnp.uint32)
