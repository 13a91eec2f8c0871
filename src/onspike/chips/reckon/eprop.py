r"""EPROP: the weights learn, from traces that this tick's spikes have not reached yet.

Every weight of a post neuron j moves by at most 1. The probability of that is
proportional to the learning signal L_j, the pseudo-derivative h_j and the trace of the
presynaptic neuron: e-prop with one trace per presynaptic neuron. A regularisation of
the neuron's own trace comes on top.

Nothing here needs more than 32 bits. Where the hardware has wider numbers inside:

* P << S >> 12 is P >> 12 - S, or P << S - 12;
* k = 16 e or s e has 37 bits, but only k >> 4 = (e >> 4) s + ((e & 15) s >> 4) and its
  bit 31 are used, and that bit is the same in a product that wraps;
* a << p, up to 63 bits, is used up to its saturation only: it saturates if and only if
  a > (2^W - 1) >> p.

Probabilities and random words are compared as unsigned numbers.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int8, Int32, UInt32

from onspike.chips.reckon.lfsr import WEIGHT, WEIGHT_OUT
from onspike.chips.reckon.registers import GROUP, Registers
from onspike.chips.reckon.state import Chip, State, branch, clip, reads


class Reading(NamedTuple):
    """The neurons as EPROP reads them: `post` up to whole groups, `pre` as served."""

    post_u: Int32[Array, " post"]
    post_trec: Int32[Array, " post"]
    post_tout: Int32[Array, " post"]
    pre_tinp: Int32[Array, " pre"]
    pre_trec: Int32[Array, " pre"]


class Post(NamedTuple):
    """What the post pass finds for each post neuron."""

    L: Int32[Array, " post"]  # learning signal, signed 16 bits
    h: Int32[Array, " post"]  # pseudo-derivative, signed 5 bits
    treg: Int32[Array, " post"]  # regularisation trace


class Latched(NamedTuple):
    """The raw word of the last pair, which EPROP reads where no target is valid."""

    u: Int32[Array, "2"]
    tinp: Int32[Array, "2"]
    trec: Int32[Array, "2"]
    tout: Int32[Array, "2"]


def latch(chip: Chip, state: State) -> Latched:
    """What STEP leaves in the read-out register; to be called before it."""
    last = 2 * (chip.registers.top >> 1)
    return Latched(*(a[last : last + 2] for a in state.memory[:4]))


def runs(chip: Chip, valid: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether EPROP takes place."""
    r = chip.registers
    always = jnp.asarray(r.regul_mode) & 6 == 6
    return (jnp.asarray(r.do_eprop) != 0) & (valid | always)


def eprop(
    chip: Chip,
    state: State,
    err: Int32[Array, " out"],
    valid: Bool[Array, ""],
    latched: Latched,
) -> tuple[State, Post, Int32[Array, ""]]:
    """One tick's learning; nothing at all unless `runs`.

    Args:
        chip: The chip.
        state: After STEP.
        err: Errors of the outputs.
        valid: Whether a target is.
        latched: From before STEP.

    Returns:
        The state with new weights, what the post pass found (0 unless it ran), and how
        many weights changed.
    """
    on = runs(chip, valid)

    def learnt():
        seen = read(chip, state, valid, latched)
        post = post_pass(chip, state, seen, err, valid)
        after = output_weights(chip, state, seen, err, valid)
        after = pre_pass(chip, after, seen, post, valid)
        return after.weights, after.lfsr, post

    zero = jnp.zeros(chip.registers.n_post, jnp.int32)
    same = state.weights, state.lfsr, Post(zero, zero, zero)
    weights, lfsr, post = branch(on, learnt, same)

    # Apart, or the compiler computes each new weight twice.
    def changed():
        pairs = zip(weights, state.weights, strict=True)
        columns = [jnp.sum(a != b, axis=0, dtype=jnp.int16) for a, b in pairs]
        return jnp.sum(jnp.concatenate(columns), dtype=jnp.int32)

    written = branch(on, changed, jnp.zeros((), jnp.int32))
    post = Post(*(jnp.where(on, a, 0) for a in post))
    return state._replace(weights=weights, lfsr=lfsr), post, written


def read(chip: Chip, state: State, valid: Bool[Array, ""], latched: Latched) -> Reading:
    """The neurons' memory; without a target, one pair's old word for all of them.

    Posts beyond the last enabled pair see copies of that pair.
    """
    r, seen = chip.registers, reads(state.memory)
    j, i = np.arange(r.n_post), np.arange(r.n_pre)
    post = 2 * np.minimum(j >> 1, r.n_pre - 1 >> 1) + (j & 1)

    def one(memory: Array, old: Array, index: np.ndarray) -> Array:
        return jnp.where(valid, memory[index], old[index & 1])

    return Reading(
        post_u=one(seen.u, latched.u, post),
        post_trec=one(seen.trec, latched.trec, post),
        post_tout=one(seen.tout, latched.tout, post),
        pre_tinp=one(seen.tinp, latched.tinp, i),
        pre_trec=one(seen.trec, latched.trec, i),
    )


def post_pass(
    chip: Chip,
    state: State,
    seen: Reading,
    err: Int32[Array, " out"],
    valid: Bool[Array, ""],
) -> Post:
    """Learning signal, pseudo-derivative and regularisation trace of each post."""
    r = chip.registers
    wout = state.weights.wout[: r.n_rec].astype(jnp.int32)
    total = jnp.sum(wout * err[None], axis=1, dtype=jnp.int32)
    scale = jnp.asarray(r.learn_sig_scale)
    down, up = jnp.maximum(12 - scale, 0), jnp.maximum(scale - 12, 0)
    signal = clip(total >> down << up, 16)  # one of the two shifts is by 0
    hidden = jnp.asarray(r.do_eprop) & 3 != 0
    signal = jnp.where(hidden & valid, signal, 0)

    levels = [jnp.asarray(getattr(r, f"thr_h_{k}")) for k in range(4)]
    values = [jnp.asarray(getattr(r, f"h_{k}")) for k in range(5)]
    h = values[4]
    for level, value in zip(levels[::-1], values[3::-1], strict=True):
        h = jnp.where(seen.post_u < level, value, h)

    above = (seen.post_trec >> jnp.asarray(r.fp_loc_trec)) - jnp.asarray(r.regul_f0)
    treg = jnp.where(jnp.asarray(r.regul_mode) != 0, jnp.maximum(above, 0), 0)
    return Post(L=jnp.pad(signal, (0, r.n_post - r.n_rec)), h=h, treg=treg)


def output_weights(
    chip: Chip,
    state: State,
    seen: Reading,
    err: Int32[Array, " out"],
    valid: Bool[Array, ""],
) -> State:
    """Output weights of the posts whose trace is not 0: a word is drawn for each."""
    r, w = chip.registers, state.weights.wout
    t = seen.post_tout[: r.n_rec] >> jnp.asarray(r.fp_loc_tout)
    active = (jnp.asarray(r.do_eprop) & 4 != 0) & valid & (t != 0)
    words = WEIGHT_OUT.words(state.lfsr.wout, r.n_rec)
    drawn = jnp.sum(active, dtype=jnp.int32)
    rows, decided = update(
        prob=t[:, None] * err[None],
        w=w[: r.n_rec],
        right=jnp.asarray(r.lr_r_wout),
        left=jnp.asarray(r.lr_p_wout),
        rnd=words[_before(active), : r.n_out],
        bits=28,
        enable=active[:, None],
    )
    del decided
    return state._replace(
        weights=state.weights._replace(wout=w.at[: r.n_rec].set(rows)),
        lfsr=state.lfsr._replace(
            wout=WEIGHT_OUT.after(state.lfsr.wout, drawn, r.n_rec)
        ),
    )


def pre_pass(
    chip: Chip, state: State, seen: Reading, post: Post, valid: Bool[Array, ""]
) -> State:
    """Input and recurrent weights: one row of random words per active group and pre."""
    r = chip.registers
    winp, inp = _synapses(
        r, state.weights.winp, state.lfsr.winp, 0, seen.pre_tinp, post, valid
    )
    wrec, rec = _synapses(
        r, state.weights.wrec, state.lfsr.wrec, 1, seen.pre_trec, post, valid
    )
    return state._replace(
        weights=state.weights._replace(winp=winp, wrec=wrec),
        lfsr=state.lfsr._replace(winp=inp, wrec=rec),
    )


def _synapses(
    r: Registers,
    w: Int8[Array, "pre post"],
    lfsr: Int32[Array, ""],
    bit: int,  # 0: input, 1: recurrent
    trace: Int32[Array, " pre"],
    post: Post,
    valid: Bool[Array, ""],
) -> tuple[Int8[Array, "pre post"], Int32[Array, ""]]:
    kind, n = ("inp", "rec")[bit], (r.n_inp, r.n_rec)[bit]
    mode = jnp.asarray(r.regul_mode)
    regulated = jnp.asarray(r.regul_w) >> bit & 1 != 0
    t = trace[:n] >> jnp.asarray(getattr(r, f"fp_loc_t{kind}"))
    busy = jnp.any(post.treg.reshape(r.n_groups, GROUP) != 0, axis=1)
    learns = (jnp.asarray(r.do_eprop) >> bit & 1 != 0) & (
        valid | (mode & 6 == 6) & regulated
    )
    some, whole = learns & (t != 0), learns & busy
    # The chip serves a whole group before the next: words are drawn in that order.
    of_group = jnp.where(whole, n, jnp.sum(some, dtype=jnp.int32))
    drawn = jnp.sum(of_group, dtype=jnp.int32)
    first = jnp.cumsum(of_group, dtype=jnp.int32) - of_group
    every = jnp.arange(n, dtype=jnp.int32)[:, None]
    place = first[None] + jnp.where(whole[None], every, _before(some)[:, None])
    words = WEIGHT.words(lfsr, n * r.n_groups)
    # A branch keeps the compiler from drawing each word again for every synapse.
    rnd = branch(
        drawn > 0,
        lambda: words.at[place].get(mode="promise_in_bounds"),
        jnp.zeros((n, r.n_groups, GROUP), jnp.uint32),
    )
    active = some[:, None] | whole[None]

    en = valid & (post.h != 0)
    down = jnp.asarray(getattr(r, f"regul_k_{kind}_r")).astype(jnp.uint32)
    up = jnp.asarray(getattr(r, f"regul_k_{kind}_p")).astype(jnp.uint32)
    reg = (post.treg.astype(jnp.uint32) << up >> down).astype(jnp.int32)
    reg = jnp.where((mode & 2 != 0) & regulated, reg, 0)
    m = post.treg >> jnp.asarray(r.regul_k_mul)
    s = jnp.where(m >= GROUP, 0, GROUP - m)
    s = jnp.where((mode & 1 != 0) & (jnp.asarray(r.regul_w) != 0), s, 16)

    # Rows of whole groups: contiguous runs of 16 are what the compiler makes fast.
    def grouped(a: Array) -> Array:
        return a.reshape(1, r.n_groups, GROUP)

    e = t[:, None, None] * grouped(jnp.where(en, post.L * post.h, 0))
    rows, decided = update(
        prob=probability(e, grouped(s), grouped(reg)),
        w=w[:n].reshape(n, r.n_groups, GROUP),
        right=jnp.asarray(getattr(r, f"lr_r_w{kind}")),
        left=jnp.asarray(getattr(r, f"lr_p_w{kind}")),
        rnd=rnd,
        bits=32,
        enable=active[:, :, None] & grouped(en | (mode != 0) & regulated),
    )
    if bit == 1:
        own = np.eye(n, r.n_post, dtype=bool).reshape(rows.shape)
        rows = jnp.where(own & decided, jnp.zeros((), jnp.int8), rows)
    after = WEIGHT.after(lfsr, drawn, n * r.n_groups)
    return w.at[:n].set(rows.reshape(n, r.n_post)), after


def probability(
    e: Int32[Array, "pre *post"],
    s: Int32[Array, "1 *post"],
    reg: Int32[Array, "1 *post"],
) -> Int32[Array, "pre *post"]:
    """The signed probability of a step; `s` of 16 parts if it would go up.

    Where bit 31 of the product is set, a difference that is not negative counts as a
    certain step down.
    """
    scaled = (e >> 4) * s + ((e & 15) * s >> 4)
    scaled = jnp.where(e < 0, e, scaled)
    sign = e * jnp.where(e < 0, 16, s) < 0
    d = scaled - reg
    return jnp.where((d >= 0) & sign, jnp.int32(-(2**31)), d)


def update(
    prob: Int32[Array, "pre *n"],
    w: Int8[Array, "pre *n"],
    right: Int32[Array, ""],
    left: Int32[Array, ""],
    rnd: UInt32[Array, "pre *n"],
    bits: int,
    enable: Bool[Array, "*any"],
) -> tuple[Int8[Array, "pre *n"], Bool[Array, "pre *n"]]:
    """UPD: one step up or down, at random, and not beyond 8 bits.

    Returns:
        The weights, and where a step was decided, possible or not.
    """
    full = np.uint32((1 << bits) - 1)
    p, r = left.astype(jnp.uint32), right.astype(jnp.uint32)
    a = jnp.abs(prob).astype(jnp.uint32)  # of -2^31, it is 2^31
    scaled = jnp.where(a > (full >> p), full, a << p) >> r
    certain = prob == -(1 << bits - 1)
    decided = enable & (prob != 0) & (certain | (scaled >= rnd))
    step = decided.astype(jnp.int32)
    moved = w.astype(jnp.int32) + jnp.where(prob > 0, step, -step)
    return clip(moved, 8).astype(jnp.int8), decided


def _before(yes: Bool[Array, " n"]) -> Int32[Array, " n"]:
    """How many of those before each one."""
    return jnp.cumsum(yes, dtype=jnp.int32) - yes.astype(jnp.int32)
