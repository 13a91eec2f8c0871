"""STEP: leak, spike, reset, and the decay of traces and outputs."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32

from onspike.chips.reckon.lfsr import ROUND_7, ROUND_15, Lfsrs
from onspike.chips.reckon.registers import OUTPUTS
from onspike.chips.reckon.state import Chip, Memory, State, reads, wrap


class Words(NamedTuple):
    """The random words of one step; without stochastic rounding never reached."""

    u: Int32[Array, " neurons"]
    tinp: Int32[Array, " neurons"]
    trec: Int32[Array, " neurons"]
    tout: Int32[Array, " neurons"]
    o: Int32[Array, " out"]


def step(chip: Chip, state: State) -> tuple[State, Bool[Array, " neurons"]]:
    """One tick's dynamics without any input.

    A spike is a membrane that had reached the threshold before the leak. Of an odd
    number of neurons in the largest layer, the last one is never stepped.

    Returns:
        The state after it, and the spikes.
    """
    r = chip.registers
    words, lfsr = draw(chip, state.lfsr)
    rounds = jnp.asarray(r.en_stoch_round) != 0
    seen = reads(state.memory)
    alpha, thr = (jnp.repeat(a, 2) for a in (chip.alpha, chip.thr[: r.n_pairs]))
    bumps = rounds & (alpha != 0x8000)

    spk = seen.u >= thr
    q = wrap(_scaled(seen.u, alpha, 15, bumps, words.u), 16)
    reset = jnp.where(jnp.asarray(r.rst_mode) == 0, wrap(q - thr, 16), 0)
    kappa = jnp.asarray(r.kappa)
    bumps_out = rounds & (kappa != 0x80)
    after = Memory(
        u=jnp.where(spk, reset, q),
        tinp=_scaled(seen.tinp, alpha, 15, bumps, words.tinp, 0xFFF),
        trec=_scaled(seen.trec, alpha, 15, bumps, words.trec, 0xFFF),
        tout=_scaled(seen.tout, kappa, 7, bumps_out, words.tout, 0x3FF),
        dirty=jnp.ones(r.n_pairs, bool),
    )
    stepped = jnp.arange(r.n_pairs, dtype=jnp.int32) < (r.top + 1) // 2
    both = jnp.repeat(stepped, 2)
    memory = Memory(
        *(
            jnp.where(both, new, old)
            for new, old in zip(after[:4], state.memory[:4], strict=True)
        ),
        dirty=stepped | state.memory.dirty,
    )
    o = wrap(_scaled(state.o, kappa, 7, bumps_out, words.o), 16)
    return state._replace(memory=memory, o=o, lfsr=lfsr), spk & both


def _scaled(x, factor, bits, bumps, word, mask=-1):
    """The product, rounded down or at random; what is 0 is never rounded up."""
    v = x * factor
    q = v >> bits & mask
    up = bumps & ((v & (1 << bits) - 1) >= word) & (q != 0)
    return q + up.astype(jnp.int32) & mask


def draw(chip: Chip, lfsr: Lfsrs) -> tuple[Words, Lfsrs]:
    """The words of one step, and the generators after it.

    Membranes of pairs without leak draw none, and outputs none if they do not leak.
    """
    r = chip.registers
    steps, pairs = (r.top + 1) // 2, r.n_pairs
    outs = min(OUTPUTS - 1, r.top) + 1
    rounds = (jnp.asarray(r.en_stoch_round) != 0).astype(jnp.int32)
    leaks = (chip.alpha != 0x8000).astype(jnp.int32)
    place = jnp.cumsum(leaks, dtype=jnp.int32) - leaks  # of the pair's draw
    drawn = rounds * jnp.sum(leaks[:steps], dtype=jnp.int32)
    out_drawn = rounds * outs * (jnp.asarray(r.kappa) != 0x80).astype(jnp.int32)

    long = jnp.concatenate([lfsr.neur, lfsr.tinp, lfsr.trec])
    words = ROUND_15.words(long, pairs)[..., 0].astype(jnp.int32)
    short = jnp.concatenate([lfsr.oneur[None], lfsr.tout])
    tails = ROUND_7.words(short, max(pairs, outs))[..., 0].astype(jnp.int32)

    def woven(even: Array, odd: Array) -> Array:
        return jnp.stack([even, odd], 1).reshape(-1)

    after = ROUND_15.after(long[2:], rounds * steps, steps)
    return Words(
        u=woven(words[0][place], words[1][place]),
        tinp=woven(words[2], words[3]),
        trec=woven(words[4], words[5]),
        tout=woven(tails[1][:pairs], tails[2][:pairs]),
        o=tails[0][: r.n_out],
    ), lfsr._replace(
        neur=ROUND_15.after(lfsr.neur, drawn, steps),
        tinp=after[:2],
        trec=after[2:],
        oneur=ROUND_7.after(lfsr.oneur, out_drawn, outs),
        tout=ROUND_7.after(lfsr.tout, rounds * steps, steps),
    )
