"""What ReckOn holds and does: bits, operations, clock cycles."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from onspike.chips.reckon.registers import GROUP, Registers
from onspike.chips.reckon.state import Chip, start

# Bits of what is stored, by the field of the state.
WEIGHTS = {"winp": 8, "wrec": 8, "wout": 8}
TRACES = {"tinp": 12, "trec": 12, "tout": 10}


class Bits(NamedTuple):
    """Memory by its purpose."""

    weights: int
    neurons: int  # membranes and output potentials
    traces: int
    generators: int  # shift registers that draw weight updates

    @property
    def overhead(self) -> float:
        """Traces over weights: the published memory overhead of learning."""
        return self.traces / self.weights


def bits(registers: Registers) -> Bits:
    """Memory of the enabled neurons, from the state that the twin holds."""
    r = registers

    def state():
        zero = jnp.zeros(128, jnp.int32)
        none = jnp.zeros((256, 256), jnp.int8)
        return start(Chip(r, zero, zero), none, none, none[:, :16])

    found = jax.eval_shape(state)
    rows = {"winp": r.n_inp, "wrec": r.n_rec, "wout": r.n_rec}
    columns = {"winp": r.n_rec, "wrec": r.n_rec, "wout": r.n_out}
    weights = sum(
        b * min(w.shape[0], rows[name]) * min(w.shape[1], columns[name])
        for (name, b), w in zip(WEIGHTS.items(), found.weights, strict=True)
    )
    neurons = min(found.memory.u.size, r.n_pre)
    return Bits(
        weights=weights,
        neurons=16 * (min(neurons, r.n_rec) + found.o.size),
        traces=sum(
            b * min(getattr(found.memory, t).size, neurons) for t, b in TRACES.items()
        ),
        generators=25 + 25 + 22,
    )


class Cycles(NamedTuple):
    """Clock cycles of the parts of a tick: an estimate.

    Two per pair of neurons in a step and for each index served (a read and a write).
    In learning, three per post and eight per presynaptic index of each group, fitted:
    so a sample of the shipped task takes 1.25 million, as simulated (1.2 to 1.3).
    """

    step: int  # of every tick but the first
    served: int  # of each spike, and each event, that is propagated
    learning: int  # of each tick with EPROP


def cycles(registers: Registers) -> Cycles:
    """The estimate for chips of this size."""
    r = registers
    return Cycles(
        step=2 * r.n_pairs,
        served=2 * ((r.num_rec_neur >> 1) + 1),
        learning=r.n_groups * (3 * GROUP + 8 * r.n_pre),
    )
