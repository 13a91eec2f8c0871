"""PROP: spikes and input events go through the weights and into the traces."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32

from onspike.chips.reckon.lfsr import NOISE
from onspike.chips.reckon.state import (
    Chip,
    Memory,
    State,
    anyone,
    branch,
    clip,
    reads,
    wrap,
)


def prop(
    chip: Chip, state: State, z: Bool[Array, " neurons"], inp: Bool[Array, " pre"]
) -> State:
    """Serves each presynaptic index that spiked or got an event, in order.

    The order shows where a membrane saturates on the way, and in the noise; so this is
    a loop, over those that are active.

    Args:
        chip: The chip.
        state: After EPROP, if there was any.
        z: Spikes of this tick's STEP.
        inp: Events that arrived before this tick.
    """
    r = chip.registers
    z = _fit(z, r.n_pre)
    served = z | inp
    memory = _touched(chip, state.memory, jnp.any(served))
    cells = 2 * ((r.num_rec_neur >> 1) + 1)  # that integrate: whole pairs
    weights = state.weights
    noisy = jnp.asarray(r.noise_en) != 0

    def serve(carry):
        left, u, o, noise = carry
        i = jnp.argmax(left).astype(jnp.int32)
        here, spiked, event = left[i], left[i] & z[i], left[i] & inp[i]
        w = clip(
            _row(weights.wrec, i, spiked, r.fp_loc_wrec)[:cells]
            + _row(weights.winp, i, event, r.fp_loc_winp)[:cells],
            16,
        )
        nz, noise = _noise(chip, noise, noisy & here, cells)
        u = jnp.where(here, integrate(u, w, nz), u)
        o = clip(o + _row(weights.wout, i, spiked, r.fp_loc_wout), 16)
        return left.at[i].set(False), u, o, noise

    carry = served, memory.u[:cells], state.o, state.lfsr.noise
    _, u, o, noise = jax.lax.while_loop(
        lambda carry: anyone(jnp.any(carry[0])), serve, carry
    )
    memory = memory._replace(u=memory.u.at[:cells].set(u))
    return state._replace(
        memory=trace(chip, memory, z, inp),
        o=o,
        lfsr=state.lfsr._replace(noise=noise),
    )


def integrate(
    u: Int32[Array, " cells"], w: Int32[Array, " cells"], nz: Int32[Array, " cells"]
) -> Int32[Array, " cells"]:
    """One input to each membrane: it saturates if membrane and weight agree in sign."""
    x = wrap(u + w + nz, 16)
    high = (u >= 0) & (w >= 0) & (x < 0)
    low = (u < 0) & (w < 0) & (x >= 0)
    return jnp.where(high, 32767, jnp.where(low, -32768, x))


def trace(
    chip: Chip, memory: Memory, z: Bool[Array, " pre"], inp: Bool[Array, " pre"]
) -> Memory:
    """Adds this tick's events and spikes to the traces.

    Input addresses beyond the recurrent neurons are added in a cycle of their own, and
    the partner of an odd last neuron in both. Such a cycle may be the first to write
    to a pair: its traces start from 0, but its membranes are what they were.
    """
    r = chip.registers
    n = 2 * r.n_pairs
    z, inp = _fit(z, n), _fit(inp, n)
    index = jnp.arange(n, dtype=jnp.int32)
    cell = index <= 2 * (r.num_rec_neur >> 1) + 1
    forced = jnp.asarray(r.force_traces) != 0
    adds = [(jnp.asarray(r.do_eprop) >> bit & 1 != 0) | forced for bit in range(3)]

    apart = inp & (index > r.num_rec_neur) & adds[0]
    pair = jnp.any(apart.reshape(-1, 2), 1)
    fresh = jnp.repeat(pair & ~memory.dirty, 2)
    tinp, trec, tout = (jnp.where(fresh, 0, t) for t in memory[1:4])
    step = jnp.int32(8) << jnp.asarray(r.fp_loc_tinp)
    tinp = _add(tinp, inp & cell & adds[0], step, 4095)
    tinp = _add(tinp, apart, step, 4095)
    trec = _add(
        trec, z & cell & adds[1], jnp.int32(8) << jnp.asarray(r.fp_loc_trec), 4095
    )
    tout = _add(
        tout, z & cell & adds[2], jnp.int32(2) << jnp.asarray(r.fp_loc_tout), 1023
    )
    return Memory(memory.u, tinp, trec, tout, memory.dirty | pair)


def _add(trace, where, step, top):
    return jnp.where(where, jnp.minimum(trace + step, top), trace)


def _touched(chip: Chip, memory: Memory, any_served: Bool[Array, ""]) -> Memory:
    """The pairs that integrate are written whole: now they are what was read."""
    pairs = jnp.arange(chip.registers.n_pairs, dtype=jnp.int32)
    written = any_served & (pairs <= chip.registers.num_rec_neur >> 1)
    both, seen = jnp.repeat(written, 2), reads(memory)
    fields = zip(seen[:4], memory[:4], strict=True)
    return Memory(
        *(jnp.where(both, new, old) for new, old in fields),
        dirty=memory.dirty | written,
    )


def _row(w: Array, i: Int32[Array, ""], on: Bool[Array, ""], shift) -> Array:
    return jnp.where(on, w[i].astype(jnp.int32) << jnp.asarray(shift), 0)


def _noise(chip: Chip, state: Array, on: Bool[Array, ""], cells: int):
    """The noise of one index, a half word for each neuron, and the state after it."""
    strength = jnp.asarray(chip.registers.noise_str)

    def drawn():
        words = NOISE.words(state, cells // 2)[:, 0]
        halves = jnp.stack([words & 0xFFFF, words >> 16], 1).reshape(-1)
        nz = wrap(halves.astype(jnp.int32), 16) >> strength
        n = jnp.where(on, cells // 2, 0).astype(jnp.int32)
        return jnp.where(on, nz, 0), NOISE.after(state, n, cells // 2)

    return branch(on, drawn, (jnp.zeros(cells, jnp.int32), state))


def _fit(flags: Bool[Array, " n"], n: int) -> Bool[Array, " m"]:
    """The first n, those that are missing off."""
    return jnp.pad(flags[:n], (0, max(0, n - len(flags))))
