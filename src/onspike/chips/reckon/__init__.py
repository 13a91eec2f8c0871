"""ReckOn, bit for bit: up to 256 inputs, 256 recurrent neurons and 16 outputs.

A twin of the open-source processor, which learns on chip by a modified e-prop: integers
of at most 32 bits, and 13 shift registers as the source of all chance. Everything is a
pure function, one per phase of a tick, so that `jax.lax.scan` runs time and `jax.vmap`
several chips, configurations or seeds.

Left out: what depends on handshakes and clocks (timing errors, the chip's own ticks,
targets that come too late).

Source: Frenkel & Indiveri 2022, doi:10.1109/ISSCC42614.2022.9731734.
"""

from onspike.chips.reckon.calibrate import (
    Calibrated,
    Segments,
    calibrate,
    segments,
    stored,
    straight_through,
)
from onspike.chips.reckon.cost import Bits, Cycles, bits, cycles
from onspike.chips.reckon.eprop import Post, eprop, post_pass, pre_pass, update
from onspike.chips.reckon.error import count, error
from onspike.chips.reckon.learner import Learnt, ReckOn
from onspike.chips.reckon.lfsr import Lfsrs
from onspike.chips.reckon.prop import integrate, prop, trace
from onspike.chips.reckon.registers import Registers, named
from onspike.chips.reckon.sample import (
    Result,
    Sample,
    Seen,
    boundary,
    observe,
    run,
    samples,
    tick,
)
from onspike.chips.reckon.state import Chip, Memory, State, Weights, start
from onspike.chips.reckon.step import step
from onspike.chips.reckon.vectors import Difference, Verdict, learning, verify

__all__ = [
    "Bits",
    "Calibrated",
    "Chip",
    "Cycles",
    "Difference",
    "Learnt",
    "Lfsrs",
    "Memory",
    "Post",
    "ReckOn",
    "Registers",
    "Result",
    "Sample",
    "Seen",
    "Segments",
    "State",
    "Verdict",
    "Weights",
    "bits",
    "boundary",
    "calibrate",
    "count",
    "cycles",
    "eprop",
    "error",
    "integrate",
    "learning",
    "named",
    "observe",
    "post_pass",
    "pre_pass",
    "prop",
    "run",
    "samples",
    "segments",
    "start",
    "step",
    "stored",
    "straight_through",
    "tick",
    "trace",
    "update",
    "verify",
]
