"""How a compiled program calls native code, a block of ticks at a time."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onspike.engine.event import bridge, work
from onspike.engine.event.forms import space, space_to_write
from onspike.engine.event.full_traces import Kept, desk_space
from onspike.engine.event.lazy import space_of_debts
from onspike.engine.event.operands import (
    CARRIED,
    FIRST,
    KEPT,
    SCRATCH,
    Carried,
    Given,
    Planned,
)

_held: list[Any] = []  # code is freed with the object that compiled it


def call(form: str, given: Given, carried: Carried) -> Carried:
    """Runs a block of ticks.

    Args:
        form: "sum" or "write".
        given: What is read.
        carried: What changes.

    Returns:
        What is carried, after it.
    """
    return _call(form, given, carried, (), (), [])[0]


def call_full(
    given: Given, carried: Carried, planned: Planned, kept: Kept
) -> tuple[Carried, Kept]:
    """Runs a block of ticks that keeps traces for each synapse.

    Args:
        given: What is read.
        carried: What changes.
        planned: What is read beside.
        kept: What changes beside, of all samples.

    Returns:
        What is carried and what is kept, after it.
    """
    shares, (rows, n) = len(carried.spikes), carried.w.shape
    whole, real = desk_space(given.mask.shape[0], rows, n)
    desks = [
        jax.ShapeDtypeStruct((shares * whole,), jnp.int32),
        jax.ShapeDtypeStruct((shares * real,), given.graded.dtype),
    ]
    carried, found = _call("full", given, carried, planned, kept, desks)
    return carried, Kept(*found)


def _call(
    form: str, given: Given, carried: Carried, extra: Any, kept: Any, desks: list[Any]
) -> tuple[Carried, Any]:
    leaves, structure = jax.tree.flatten(carried)
    for a in jax.tree.leaves((given, carried, extra, kept)):
        if jnp.issubdtype(a.dtype, jnp.floating) and a.dtype != carried.w.dtype:
            raise TypeError(
                f"engine Event takes numbers of one kind, that of the weights, "
                f"{carried.w.dtype}; got {a.dtype}"
            )
    batch, ticks, n_in = given.spikes.shape
    n_in = max(n_in, given.graded.shape[2])
    (_, n), (_, n_out) = carried.w.shape, carried.w_out.shape
    parts = batch if form == "write" else len(carried.spikes)
    whole, real = space(ticks, n_in, n, n_out)
    more, beside = space_to_write(batch, n, n_out)
    if batch == 1:
        later = space_of_debts(n_in, n, n_out)
        more, beside = max(more, later[0]), max(beside, later[1])
    shapes = [
        *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in leaves),
        jax.ShapeDtypeStruct((parts * whole + more,), jnp.int32),
        jax.ShapeDtypeStruct((parts * real + beside,), given.graded.dtype),
        jax.ShapeDtypeStruct((2, ticks + 1), given.graded.dtype),
        jax.ShapeDtypeStruct((parts, work.JOB // 4), jnp.int32),
        jax.ShapeDtypeStruct((bridge.FRAME // 4,), jnp.int32),
        *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in kept),
        *desks,
    ]
    place = CARRIED + SCRATCH
    same = {FIRST + i: i for i in range(CARRIED)}
    same |= {KEPT + i: place + i for i in range(len(kept))}
    run = jax.ffi.ffi_call(
        _target(form, str(carried.w.dtype)),
        shapes,
        input_output_aliases=same,
        vmap_method="broadcast_all",
    )
    found = run(*given, *leaves, *extra, *kept)
    kept = found[place : place + len(kept)]
    return jax.tree.unflatten(structure, found[:CARRIED]), kept


@cache
def _target(form: str, real: str) -> str:
    """The name of a form's handler, compiled and registered."""
    name, kind = f"onspike_event_{form}_{real}", np.dtype(real).type
    _held.append(work.worker(form, kind))
    bridge.export(form, real, _held[-1])
    _held.append(work.handler(form, kind))
    bridge.register(name, _held[-1])
    return name
