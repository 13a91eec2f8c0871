"""Errors of the outputs, and who wins a tick."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32

from onspike.chips.reckon.state import Chip, State, clip

ONE = 2048  # of an output after its activation


def error(
    chip: Chip,
    state: State,
    label: Int32[Array, ""],
    target: Int32[Array, " out"],
    valid: Bool[Array, ""],
) -> Int32[Array, " out"]:
    """What each output lacks, right after STEP; 0 where no target is valid."""
    r = chip.registers
    o = state.o
    squashed = jnp.where(o > 2047, ONE, jnp.where(o < -2048, 0, o + 2048 >> 1))
    y = jnp.where(jnp.asarray(r.no_out_act) != 0, o, squashed)
    right = jnp.arange(r.n_out, dtype=jnp.int32) == label
    wanted = jnp.where(
        jnp.asarray(r.regression) != 0, target, right.astype(jnp.int32) * ONE
    )
    return jnp.where(valid, clip(wanted - y, 16), 0)


def count(chip: Chip, state: State, asked: Bool[Array, ""]) -> State:
    """One more tick for the largest output, the first of equals."""
    largest = jnp.argmax(state.o).astype(jnp.int32)
    winner = jnp.where(jnp.asarray(chip.registers.regression) != 0, 0, largest)
    won = jnp.arange(chip.registers.n_out, dtype=jnp.int32) == winner
    return state._replace(cnt=state.cnt + (won & asked).astype(jnp.int32) & 0xFFFF)
