"""Samples and ticks: the order in which the phases run."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, UInt8

from onspike.chips.reckon.eprop import Post, eprop, latch, runs
from onspike.chips.reckon.error import count, error
from onspike.chips.reckon.prop import prop
from onspike.chips.reckon.registers import Registers
from onspike.chips.reckon.state import Chip, Memory, State, reads
from onspike.chips.reckon.step import step


class Sample(NamedTuple):
    """What the pins of a chip see of one sample; time first."""

    events: UInt8[Array, "*ticks pre"]  # 1: an event before the tick
    valid: UInt8[Array, "*ticks"]  # pin TARGET_VALID
    infer: UInt8[Array, "*ticks"]  # pin INFER_ACC
    label: Int32[Array, "*any"]
    target: Int32[Array, "*ticks out"]  # of regression; read where valid


def samples(
    registers: Registers,
    events: Any,
    label: Any = 0,
    valid: Any = 0,
    infer: Any = 0,
    target: Any = None,
) -> Sample:
    """Checks what the pins of a chip are to see; there may be axes before time.

    Args:
        registers: Of the chip, for its sizes.
        events: (ticks, inputs), 1 where an event arrives before the tick.
        label: Of the sample, or one for each.
        valid: Pin TARGET_VALID, one value or one per tick.
        infer: Pin INFER_ACC, likewise.
        target: (ticks, outputs) of regression.

    Raises:
        ValueError: If a value does not fit the chip.
    """
    r, events = registers, np.asarray(events)
    *some, ticks, inputs = events.shape if events.ndim > 1 else (0, 0)
    if ticks < 2 or inputs > r.n_pre or np.any((events != 0) & (events != 1)):
        raise ValueError(
            f"reckon.samples.events must be 0 or 1, (ticks, inputs), two ticks or more "
            f"and at most {r.n_pre} inputs; got shape {events.shape}"
        )
    label = np.broadcast_to(np.asarray(label, np.int32), tuple(some))
    bad = label[(label < 0) | (label >= r.n_out)]
    if bad.size:
        raise ValueError(
            f"reckon.samples.label must be 0 to {r.num_out_neur}; got {bad.flat[0]}"
        )
    pins = [
        np.broadcast_to(np.asarray(pin) != 0, (*some, ticks)) for pin in (valid, infer)
    ]
    whole = (*some, ticks, r.n_out)
    target = np.zeros(whole, np.int32) if target is None else np.asarray(target)
    bad = target[(target < -(1 << 15)) | (target >= 1 << 15)]
    if target.shape != whole or target.dtype.kind not in "iu" or bad.size:
        raise ValueError(
            f"reckon.samples.target must be signed numbers of 16 bits, shape {whole}; "
            f"got {bad.flat[0] if bad.size else target.shape} ({target.dtype})"
        )
    room = [(0, 0)] * (events.ndim - 1) + [(0, r.n_pre - inputs)]
    return Sample(
        events=jnp.asarray(np.pad(events.astype(np.uint8), room)),
        valid=jnp.asarray(pins[0].astype(np.uint8)),
        infer=jnp.asarray(pins[1].astype(np.uint8)),
        label=jnp.asarray(label),
        target=jnp.asarray(target.astype(np.int32)),
    )


class Seen(NamedTuple):
    """What can be seen of one tick, as the chip reads it."""

    stepped: Memory  # after STEP
    z: Bool[Array, " neurons"]
    stepped_o: Int32[Array, " out"]
    learnt: Bool[Array, ""]  # whether EPROP took place
    err: Int32[Array, " out"]  # 0 unless it did
    post: Post
    written: Int32[Array, ""]  # weights that changed
    ended: State  # at the end of the tick


def tick(chip: Chip, state: State, now: Sample) -> tuple[State, Seen]:
    """A tick in the course of a sample: STEP, winner, EPROP, PROP.

    Args:
        chip: The chip.
        state: Before it.
        now: One tick of a sample: its arrays without their leading axis.
    """
    latched, valid = latch(chip, state), now.valid != 0
    state, z = step(chip, state)
    stepped, o = reads(state.memory), state.o
    state = count(chip, state, now.infer != 0)
    learnt = runs(chip, valid)
    err = error(chip, state, now.label, now.target, valid)
    state, post, written = eprop(chip, state, err, valid, latched)
    state = prop(chip, state, z, now.events != 0)
    err = jnp.where(learnt, err, 0)
    return state, Seen(stepped, z, o, learnt, err, post, written, state)


def first(chip: Chip, state: State, events: UInt8[Array, " pre"]) -> State:
    """The first tick of a sample: events are propagated, and nothing else happens."""
    silent = jnp.zeros(2 * chip.registers.n_pairs, bool)
    return prop(chip, state, silent, events != 0)


def last(
    chip: Chip, state: State, infer: UInt8[Array, ""]
) -> tuple[State, Bool[Array, " neurons"]]:
    """The last tick: a step and a winner. Nothing is learnt, and input is lost."""
    state, z = step(chip, state)
    return count(chip, state, infer != 0), z


def boundary(state: State) -> State:
    """Between samples: outputs and counters are 0, and every neuron is clean."""
    clean = jnp.zeros_like(state.memory.dirty)
    return state._replace(
        memory=state.memory._replace(dirty=clean),
        o=jnp.zeros_like(state.o),
        cnt=jnp.zeros_like(state.cnt),
    )


def answer(state: State) -> Int32[Array, ""]:
    """The label that is sent: the output that won most ticks, the first of equals."""
    return jnp.argmax(state.cnt).astype(jnp.int32)


class Result(NamedTuple):
    """What a sample leaves outside the chip."""

    label: Int32[Array, ""]
    o: Int32[Array, " out"]  # outputs after the last step
    spikes: Int32[Array, " neurons"]
    learnt: Int32[Array, ""]  # ticks with EPROP
    written: Int32[Array, ""]  # weights that changed, at each tick


@jax.jit
def run(chip: Chip, state: State, sample: Sample) -> tuple[State, Result]:
    """One sample, from its first tick to the boundary.

    Args:
        chip: The chip.
        state: Before it.
        sample: Of two ticks or more.
    """

    def middle(carry, now):
        state, spikes, learnt, written = carry
        state, seen = tick(chip, state, now)
        spikes += seen.z.astype(jnp.int32)
        learnt += seen.learnt.astype(jnp.int32)
        return (state, spikes, learnt, written + seen.written), None

    zero = jnp.zeros((), jnp.int32)
    silent = jnp.zeros(2 * chip.registers.n_pairs, jnp.int32)
    state = first(chip, state, sample.events[0])
    (state, spikes, learnt, written), _ = jax.lax.scan(
        middle, (state, silent, zero, zero), between(sample)
    )
    state, z = last(chip, state, sample.infer[-1])
    spikes += z.astype(jnp.int32)
    return boundary(state), Result(answer(state), state.o, spikes, learnt, written)


def between(sample: Sample) -> Sample:
    """The ticks of a sample without its first and last, ready to be scanned."""
    events, valid, infer, label, target = sample
    label = jnp.broadcast_to(label, (len(valid) - 2,))
    return Sample(events[1:-1], valid[1:-1], infer[1:-1], label, target[1:-1])


@jax.jit
def observe(
    chip: Chip, state: State, sample: Sample
) -> tuple[State, Seen, Int32[Array, ""]]:
    """One sample, and everything that can be seen of it, tick by tick.

    Returns:
        The state after the boundary, all ticks, and the label that is sent.
    """
    state = first(chip, state, sample.events[0])
    n, r = 2 * chip.registers.n_pairs, chip.registers
    zero, outs = jnp.zeros(n, jnp.int32), jnp.zeros(r.n_out, jnp.int32)
    posts, no = jnp.zeros(r.n_post, jnp.int32), jnp.zeros((), bool)
    nothing = Memory(zero, zero, zero, zero, jnp.zeros(r.n_pairs, bool))
    quiet, none = Post(posts, posts, posts), jnp.zeros((), jnp.int32)
    opening = Seen(nothing, zero != 0, outs, no, outs, quiet, none, _read(state))

    def middle(state, now):
        state, seen = tick(chip, state, now)
        return state, seen._replace(ended=_read(state))

    state, seen = jax.lax.scan(middle, state, between(sample))
    state, z = last(chip, state, sample.infer[-1])
    closing = Seen(reads(state.memory), z, state.o, no, outs, quiet, none, _read(state))
    seen = jax.tree.map(
        lambda a, b, c: jnp.concatenate([a[None], b, c[None]]), opening, seen, closing
    )
    return boundary(state), seen, answer(state)


def _read(state: State) -> State:
    """As it is read; weights are many, and are looked at between samples."""
    none = jax.tree.map(lambda w: jnp.zeros((0, 0), jnp.int8), state.weights)
    return state._replace(memory=reads(state.memory), weights=none)
