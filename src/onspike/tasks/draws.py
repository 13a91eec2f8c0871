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
_TURNS = (13, 15, 26, 6), (17, 29, 16, 24)  # bits, by round of threefry
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
    ticks = timing.block_ticks(start, length)
    keys = jax.vmap(lambda tick: jax.random.fold_in(key, tick))(ticks)
    return jax.vmap(lambda key: bits(key, n))(keys)


def partitionable() -> bool:
    """Whether JAX draws a word from its own number alone, as it does by default."""
    return bool(getattr(jax.config, "jax_threefry_partitionable", True))


def bits(key: Key, n: int) -> UInt32[Array, " n"]:
    """What `jax.random.bits` draws, several times faster on a CPU.

    JAX runs the rounds of its generator as a loop over the array, to compile sooner; in
    one expression they need no memory. Keys of other generators, and other settings,
    go to JAX.

    Source: threefry, Salmon et al. 2011, doi:10.1145/2063384.2063405.
    """
    if str(jax.random.key_impl(key)) != "threefry2x32" or not partitionable():
        return jax.random.bits(key, (n,), jnp.uint32)
    first, second = jax.random.key_data(key)
    schedule = first, second, first ^ second ^ jnp.uint32(0x1BD11BDA)
    a = jnp.broadcast_to(first, (n,))
    b = jnp.arange(n, dtype=jnp.uint32) + second
    for group in range(5):
        for turn in _TURNS[group % 2]:
            a = a + b
            b = (b << jnp.uint32(turn) | b >> jnp.uint32(32 - turn)) ^ a
        a = a + schedule[(group + 1) % 3]
        b = b + schedule[(group + 2) % 3] + jnp.uint32(group + 1)
    return a ^ b


def threshold(probability: Float[Array, "*n"] | float) -> UInt32[Array, "*n"]:
    """Random bits lie below it with this probability (or 6e-8 less, at one)."""
    scaled = jnp.asarray(probability, dtype=float) * 2.0**32
    return jnp.clip(scaled, 0.0, _LARGEST).astype(jnp.uint32)
