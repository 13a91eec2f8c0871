r"""ReckOn's 13 shift registers with linear feedback, many words at a time.

A generator is a stream of bits, s[n] = s[n - a] ^ s[n - length], and a word is J of
them in a row. All is linear over GF(2): each bit of a word, and of the state after it,
is an exclusive or of bits of the first state. So the words 0, 1, 2, ... after a state
are the exclusive or of those rows of a fixed table whose state bits are set. Long
sequences are cut into blocks: one table leaps from block to block, another makes the
words within. States and words are the hardware's own.
"""

from functools import cached_property
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, UInt32

from onspike.chips.reckon.registers import Registers

State = Int32[Array, "*any"]


class Lfsrs(NamedTuple):
    """The states; where there are two, one serves even and one odd neurons."""

    neur: Int32[Array, "2"]
    oneur: Int32[Array, ""]
    tinp: Int32[Array, "2"]
    trec: Int32[Array, "2"]
    tout: Int32[Array, "2"]
    noise: Int32[Array, ""]
    winp: Int32[Array, ""]
    wrec: Int32[Array, ""]
    wout: Int32[Array, ""]


ORDER = (  # of the flat form
    "strnd_neur_0",
    "strnd_neur_1",
    "strnd_oneur",
    "strnd_tinp_0",
    "strnd_tinp_1",
    "strnd_trec_0",
    "strnd_trec_1",
    "strnd_tout_0",
    "strnd_tout_1",
    "noise_neur",
    "winp",
    "wrec",
    "wout",
)


def flat(lfsrs: Lfsrs) -> Int32[Array, "13"]:
    """All states in a row, in `ORDER`."""
    return jnp.concatenate([jnp.atleast_1d(state) for state in lfsrs])


def seeded(registers: Registers) -> Lfsrs:
    """The states that the seed registers load."""

    def one(seed) -> Array:
        return jnp.asarray(seed).astype(jnp.int32)

    def two(seed) -> Array:
        return jnp.stack([one(seed) & 0x7FFF, one(seed) >> 15])

    r = registers
    return Lfsrs(
        neur=two(r.seed_strnd_neur),
        oneur=one(r.seed_strnd_oneur),
        tinp=two(r.seed_strnd_tinp),
        trec=two(r.seed_strnd_trec),
        tout=two(r.seed_strnd_tout),
        noise=one(r.seed_noise_neur),
        winp=one(r.seed_inp),
        wrec=one(r.seed_rec),
        wout=one(r.seed_out),
    )


class Generator:
    """One kind of generator.

    Args:
        length: Bits of its state.
        tap: The nearer lag of the recurrence.
        word: Bits of a word.
        offsets: Which bit of the stream each bit of the state is, relative to the
            word's first.
        piece: Bits of the numbers that a word is handed out as.
        block: Words that the table within a block makes.
    """

    def __init__(
        self,
        length: int,
        tap: int,
        word: int,
        offsets: tuple[int, ...],
        piece: int,
        block: int,
    ) -> None:
        self.length, self.tap, self.word, self.block = length, tap, word, block
        self.offsets, self.piece = offsets, piece

    @cached_property
    def _stream(self) -> list[int]:
        """The stream from its first known bit, as masks over the state."""
        known = {offset: 1 << bit for bit, offset in enumerate(self.offsets)}
        stream = [known[n] for n in range(min(known), max(known) + 1)]
        for _ in range(self.word * self.block):
            stream.append(stream[-self.tap] ^ stream[-self.length])
        return stream

    def _table(self, positions: np.ndarray) -> np.ndarray:
        """By bit of the state: numbers whose bit k is the stream's `positions[k]`."""
        masks = np.array(self._stream, np.int64)[positions - min(self.offsets)]
        places = np.arange(positions.shape[-1], dtype=np.int64)
        rows = [((masks >> b & 1) << places).sum(-1) for b in range(self.length)]
        return np.stack(rows)

    @cached_property
    def words_in_block(self) -> np.ndarray:
        """(length, block, pieces): the words after a state."""
        first = np.arange(self.block * self.word).reshape(self.block, -1, self.piece)
        return self._table(first).astype(np.uint32)

    @cached_property
    def states_in_block(self) -> np.ndarray:
        """(length, block + 1): the states after 0, 1, ... words."""
        first = self.word * np.arange(self.block + 1)
        return self._table(first[:, None] + np.array(self.offsets)).astype(np.int32)

    def leaps(self, blocks: int) -> np.ndarray:
        """(length, blocks): the states after 0, 1, ... whole blocks."""
        leap, states = self.states_in_block[:, -1].tolist(), []
        now = [1 << bit for bit in range(self.length)]
        for _ in range(blocks):
            states.append(now)
            now = [_apply(leap, state) for state in now]
        return np.array(states, np.int32).T

    def words(self, state: State, n: int) -> UInt32[Array, "*any n pieces"]:
        """The next `n` words, each as pieces from its lowest bit on."""
        blocks = -(-n // self.block)
        if blocks > 1:
            state = _combine(state, self.leaps(blocks))
            words = _combine(state, self.words_in_block)
            words = words.reshape(*words.shape[:-3], -1, words.shape[-1])
            return words[..., :n, :]
        return _combine(state, self.words_in_block[:, :n])

    def after(self, state: State, n: Int32[Array, ""], most: int) -> State:
        """The state after `n` words of at most `most`."""
        if most > self.block:
            state = _pick(state, self.leaps(most // self.block + 1), n // self.block)
            n = n % self.block
        return _pick(state, self.states_in_block, n)


def _apply(rows: list[int], state: int) -> int:
    now = 0
    for bit, row in enumerate(rows):
        now ^= row if state >> bit & 1 else 0
    return now


def _combine(state: State, table: np.ndarray) -> Array:
    """Exclusive or of the table's rows whose bit is set, some bits at a time."""
    total = None
    for low in range(0, len(table), _BITS):
        sums = jnp.asarray(_sums(table[low : low + _BITS]))
        part = sums[state >> low & len(sums) - 1]
        total = part if total is None else total ^ part
    assert total is not None
    return total


def _sums(rows: np.ndarray) -> np.ndarray:
    """The exclusive or of every subset of rows."""
    sums = np.zeros((1, *rows.shape[1:]), rows.dtype)
    for row in rows:
        sums = np.concatenate([sums, sums ^ row])
    return sums


def _pick(state: State, table: np.ndarray, n: Int32[Array, ""]) -> State:
    """The same for one column."""
    total = None
    for low in range(0, len(table), _BITS):
        sums = jnp.asarray(_sums(table[low : low + _BITS]))
        part = sums[state >> low & len(sums) - 1, n]
        total = part if total is None else total ^ part
    assert total is not None
    return total


_BITS = 5  # looked up at once
_SHORT = (0, -14, -7, -13, -6, -12, -5, -11, -4, -10, -3, -9, -2, -8, -1)
ROUND_15 = Generator(15, 1, 15, (0, *range(-14, 0)), piece=15, block=128)
ROUND_7 = Generator(15, 1, 7, _SHORT, piece=7, block=128)
NOISE = Generator(17, 3, 32, (0, 1, 2, *range(-14, 0)), piece=32, block=128)
WEIGHT = Generator(25, 3, 512, (0, 1, 2, *range(-22, 0)), piece=32, block=16)
WEIGHT_OUT = Generator(22, 1, 448, (0, *range(-21, 0)), piece=28, block=16)
