"""What is programmed into ReckOn, what changes in it, and integers of few bits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Int8, Int32

from onspike.chips.reckon.lfsr import Lfsrs, seeded
from onspike.chips.reckon.registers import PAIRS, N, Registers

Whole = Int32[Array, "*any"]


class Memory(NamedTuple):
    """The neurons' memory, as it is stored: pairs that are not `dirty` read as 0."""

    u: Int32[Array, " neurons"]  # membrane, signed 16 bits
    tinp: Int32[Array, " neurons"]  # traces of input, 12 bits
    trec: Int32[Array, " neurons"]  # and of spikes
    tout: Int32[Array, " neurons"]  # the same for output weights, 10 bits
    dirty: Bool[Array, " pairs"]  # written in this sample


class Weights(NamedTuple):
    """The synapses, signed 8 bits; rows are presynaptic, up to the last one served."""

    winp: Int8[Array, "pre post"]
    wrec: Int8[Array, "pre post"]
    wout: Int8[Array, "pre out"]


class State(NamedTuple):
    """Everything that a tick changes."""

    memory: Memory
    weights: Weights
    o: Int32[Array, " out"]  # output potentials, signed 16 bits
    cnt: Int32[Array, " out"]  # ticks won by each output, 16 bits
    lfsr: Lfsrs


class Chip(eqx.Module):
    """ReckOn as it was programmed: everything that no tick changes.

    Args:
        registers: Its configuration.
        alpha12: Of each pair of neurons: the 12 low bits of its decay.
        thr: Of each pair: its threshold, signed 16 bits.

    Raises:
        ValueError: If a value does not fit, or there are not 128 of each.
    """

    registers: Registers
    alpha12: Int32[Array, "*any pairs"]
    thr: Int32[Array, "*any pairs"]

    def __init__(self, registers: Registers, alpha12: Any, thr: Any) -> None:
        self.registers = registers
        self.alpha12 = _integers("Chip.alpha12", alpha12, 0, 4095, (PAIRS,))
        self.thr = _integers("Chip.thr", thr, -(1 << 15), (1 << 15) - 1, (PAIRS,))

    @property
    def alpha(self) -> Int32[Array, " pairs"]:
        """Decay of the stored pairs per tick, 15 fractional bits."""
        n = self.registers.n_pairs
        base = jnp.where(
            jnp.asarray(self.registers.alpha_conf)[:n] != 0, 0x8000, 0x7000
        )
        return base.astype(jnp.int32) | self.alpha12[:n]


def start(
    chip: Chip,
    winp: Any,
    wrec: Any,
    wout: Any,
    memory: Memory | None = None,
) -> State:
    """The chip just programmed: the seeds loaded, and every neuron clean.

    Args:
        chip: Its configuration.
        winp: Input weights, [pre, post].
        wrec: Recurrent weights, likewise.
        wout: Output weights, [pre, out]. What is missing of the three is 0, and what
            lies beyond the enabled neurons is never read.
        memory: State fields of the neurons, where they are not 0.

    Raises:
        ValueError: If a weight does not fit 8 bits, or there are too few or too many.
    """
    r = chip.registers
    return State(
        memory=blank(r) if memory is None else memory,
        weights=Weights(
            winp=_weights("winp", winp, r.n_inp, (r.n_pre, r.n_post), (r.n_rec, N)),
            wrec=_weights("wrec", wrec, r.n_rec, (r.n_pre, r.n_post), (r.n_rec, N)),
            wout=_weights("wout", wout, r.n_rec, (r.n_pre, r.n_out), (r.n_out, 16)),
        ),
        o=jnp.zeros(r.n_out, jnp.int32),
        cnt=jnp.zeros(r.n_out, jnp.int32),
        lfsr=seeded(r),
    )


def blank(registers: Registers) -> Memory:
    """Neurons whose state fields are 0."""
    zero = jnp.zeros(2 * registers.n_pairs, jnp.int32)
    return Memory(zero, zero, zero, zero, jnp.zeros(registers.n_pairs, bool))


def _weights(
    name: str, w: Any, rows: int, kept: tuple[int, int], columns: tuple[int, int]
) -> Int8[Array, "pre post"]:
    shape = np.shape(w)
    few, most = columns
    if len(shape) != 2 or not (rows <= shape[0] <= N and few <= shape[1] <= most):
        raise ValueError(
            f"reckon.start.{name} must have {rows} to {N} rows and {few} to {most} "
            f"columns, [pre, post]; got shape {shape}"
        )
    w = _integers(f"reckon.start.{name}", w, -128, 127, shape).astype(jnp.int8)
    w = w[: kept[0], : kept[1]]
    return jnp.pad(w, [(0, k - n) for k, n in zip(kept, w.shape, strict=True)])


def _integers(what: str, value: Any, low: int, high: int, shape: tuple) -> Whole:
    if isinstance(value, Tracer):
        return jnp.asarray(value).astype(jnp.int32)
    number = np.asarray(value)
    if number.shape[number.ndim - len(shape) :] != shape:
        raise ValueError(f"{what} must have shape {shape}; got {number.shape}")
    bad = number.dtype.kind not in "iu" or np.any((number < low) | (number > high))
    if bad:
        raise ValueError(
            f"{what} must be whole numbers from {low} to {high}; got "
            f"{number.min()} to {number.max()} ({number.dtype})"
        )
    return jnp.asarray(number, jnp.int32)


def reads(memory: Memory) -> Memory:
    """The neurons as the chip reads them: 0 where a pair is clean."""
    seen = jnp.repeat(memory.dirty, 2)
    fields = (jnp.where(seen, a, 0) for a in memory[:4])
    return Memory(*fields, dirty=memory.dirty)


def wrap(x: Whole, bits: int) -> Whole:
    """Two's complement of so many bits."""
    rest = 32 - bits
    return x << rest >> rest


def clip(x: Whole, bits: int) -> Whole:
    """The nearest signed number of so many bits."""
    return jnp.clip(x, -(1 << bits - 1), (1 << bits - 1) - 1)


@jax.custom_batching.custom_vmap
def anyone(yes: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether this chip, or in a population any chip, asks for it.

    A branch taken for one is taken by all of them, so that `jax.lax.cond` stays a
    branch under `jax.vmap`; what is in it has to do nothing to those that did not ask.
    """
    return yes


@anyone.def_vmap
def _anyone(size: int, batched: list[bool], yes: Array) -> tuple[Array, bool]:
    del size, batched
    return anyone(jnp.any(yes)), False


def branch(yes: Bool[Array, ""], change: Callable[[], Any], same: Any) -> Any:
    """`change()` if anyone asks for it, and otherwise `same`."""
    return jax.lax.cond(anyone(yes), change, lambda: same)
