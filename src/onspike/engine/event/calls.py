"""How a compiled program hands its arrays to the native forms.

Both take what `Given` and `Carried` hold, leaf by leaf and in that order; what is
carried they change in place.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, no_type_check

import jax
import jax.numpy as jnp
import numpy as np
from numba import cfunc

from onspike.engine.event import (
    bridge,
    few_bits,
    forms,
    full_traces,
    kernels,
    lazy,
)
from onspike.engine.event.bridge import (
    FRAME,
    WORD,
    after,
    argument,
    asks_for_version,
    axis,
    call_at,
    carry_over,
    divide,
    finish,
    member,
    native,
    place,
    result,
    start,
    words,
    worker_of,
)
from onspike.engine.event.few_bits import Memory
from onspike.engine.event.forms import (
    Net,
    Sums,
    of_sample,
    powers_of,
    room_at,
    sample_of,
    space,
    space_to_write,
    sum_block,
    write_block,
)
from onspike.engine.event.full_traces import (
    Kept,
    Plan,
    desk_at,
    desk_space,
    trace_block,
)
from onspike.engine.event.kernels import Cells, State
from onspike.engine.event.lazy import lazy_block, may_wait, space_of_debts


class Given(NamedTuple):
    """What a call reads."""

    spikes: Any  # (batch, K, n_in), of bytes, or (batch, K, 0) where input is graded
    graded: Any  # of real numbers, or likewise
    mask: Any  # (K,) bool
    target: Any  # (batch, n_out)
    threshold: Any  # (n,)
    bias: Any  # (n,)
    period: Any  # (n,) int32
    bias_out: Any  # (n_out,)
    numbers: Any  # of `Numbers`
    choices: Any  # of `Choices`, int32
    rates: Any  # (K, RATES)
    synapses: Any  # (N, n) or (1, 1)
    lsb: Any  # (3,)
    keys: Any  # (K, 3, 2) uint32


class Numbers(NamedTuple):
    """Real numbers, in the order in which they are handed over."""

    alpha: Any
    gain: Any
    slope: Any
    other: Any
    kappa: Any
    gain_out: Any
    strength: Any
    bound: Any
    transport: Any
    zero: Any
    one: Any


class Choices(NamedTuple):
    """Whole numbers, likewise."""

    reset: Any
    surrogate: Any
    refractory: Any
    clamp: Any
    loss: Any
    recurrent: Any
    hears: Any
    calms: Any
    masked: Any
    threads: Any
    few: Any
    mode: Any
    top: Any


class Carried(NamedTuple):
    """What a call changes."""

    w: Any  # (N, n)
    w_out: Any  # (n, n_out)
    back: Any  # (n_out, n)
    state: State  # of all samples
    votes: Any  # (batch, n_out)
    arrived: Any  # (shares, n_in)
    spikes: Any  # (shares, n)
    gradient: Any  # (shares, N, n)
    gradient_out: Any  # (shares, n, n_out)
    written: Any  # (1,) int32


class Planned(NamedTuple):
    """What a call with full traces reads beside that."""

    beta: Any  # (n,)
    rho: Any  # (n,)
    numbers: Any  # decay and jump of the regulariser's trace
    choices: Any  # calm, window, adapts, follows, filters of `Plan`, int32


_FIRST = len(Given._fields)  # argument that is carried
_CARRIED = 16  # arrays
_PLANNED = _FIRST + _CARRIED  # the first argument of `Planned`
_KEPT = _PLANNED + len(Planned._fields)  # and of `Kept`
_SCRATCH = 5  # results, between what is carried and what is kept
_N = Numbers(*range(len(Numbers._fields)))  # positions
_C = Choices(*range(len(Choices._fields)))
_JOB = 64  # bytes
_AXES = 3  # of the first argument, where nothing is mapped
_NATIVE = bridge, few_bits, forms, full_traces, kernels, lazy
_kept: list[Any] = []  # code is freed with the object that compiled it


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
        jax.ShapeDtypeStruct((parts, _JOB // 4), jnp.int32),
        jax.ShapeDtypeStruct((FRAME // 4,), jnp.int32),
        *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in kept),
        *desks,
    ]
    place = _CARRIED + _SCRATCH
    same = {_FIRST + i: i for i in range(_CARRIED)}
    same |= {_KEPT + i: place + i for i in range(len(kept))}
    run = jax.ffi.ffi_call(
        _target(form, str(carried.w.dtype)),
        shapes,
        input_output_aliases=same,
        vmap_method="broadcast_all",
    )
    found = run(*given, *leaves, *extra, *kept)
    kept = found[place : place + len(kept)]
    return jax.tree.unflatten(structure, found[:_CARRIED]), kept


@cache
def _target(form: str, real: str) -> str:
    """The name of a form's handler, compiled and registered."""
    name, kind, stamp = f"onspike_event_{form}_{real}", np.dtype(real).type, version()
    _kept.append(_WORKERS[form](kind, stamp))
    bridge.export(form, real, _kept[-1])
    _kept.append(_handler(form, kind, stamp))
    bridge.register(name, _kept[-1])
    return name


def version(*more: str) -> str:
    """Of all native code: numba's cache looks at one file only."""
    digest = hashlib.sha256()
    files = [str(module.__file__) for module in _NATIVE]
    for name in (*files, *more):
        digest.update(Path(name).read_bytes())
    return digest.hexdigest()


@native
@no_type_check
def _input(frame, kind):
    return argument(frame, 0, np.uint8), argument(frame, 1, kind)


@native
@no_type_check
def _cells(frame, kind):
    number, choice = argument(frame, 8, kind), argument(frame, 9, np.int32)
    return Cells(
        axis(frame, 4, 0),
        argument(frame, 4, kind),
        argument(frame, 5, kind),
        argument(frame, 6, np.int32),
        number[_N.alpha],
        number[_N.gain],
        number[_N.slope],
        number[_N.other],
        choice[_C.reset],
        choice[_C.surrogate],
        choice[_C.refractory] != 0,
        choice[_C.clamp] != 0,
        number[_N.zero],
        number[_N.one],
    )


@native
@no_type_check
def _net(frame, kind):
    number, choice = argument(frame, 8, kind), argument(frame, 9, np.int32)
    ticks, n_out = axis(frame, 0, 1), axis(frame, 7, 0)
    rows, powers = axis(frame, _FIRST, 0), result(frame, _CARRIED + 2, kind)
    return Net(
        max(axis(frame, 0, 2), axis(frame, 1, 2)),
        n_out,
        rows,
        ticks,
        result(frame, 0, kind),
        result(frame, 1, kind),
        result(frame, 2, kind),
        argument(frame, 7, kind),
        number[_N.alpha],
        number[_N.kappa],
        powers,
        after(powers, ticks + 1),
        number[_N.gain_out],
        number[_N.strength],
        number[_N.bound],
        number[_N.transport],
        choice[_C.loss],
        choice[_C.recurrent] != 0,
        axis(frame, 0, 2) > 0,
        choice[_C.hears] != 0,
        choice[_C.calms] != 0,
    )


@native
@no_type_check
def _states(frame, kind):
    return State(
        result(frame, 3, kind),
        result(frame, 4, kind),
        result(frame, 5, np.int32),
        result(frame, 6, kind),
        result(frame, 7, kind),
        result(frame, 8, kind),
        result(frame, 9, kind),
    )


@native
@no_type_check
def _sums(frame, kind):
    return Sums(
        result(frame, 10, kind),
        result(frame, 11, kind),
        result(frame, 12, kind),
        result(frame, 13, kind),
        result(frame, 14, kind),
    )


@native
@no_type_check
def _room(frame, s, net, n, kind):
    whole, real = result(frame, _CARRIED, np.int32), result(frame, _CARRIED + 1, kind)
    return room_at(whole, real, s, net, n)


@native
@no_type_check
def _plan(frame, kind):
    number = argument(frame, _PLANNED + 2, kind)
    choice = argument(frame, _PLANNED + 3, np.int32)
    return Plan(
        argument(frame, _PLANNED, kind),
        argument(frame, _PLANNED + 1, kind),
        number[0],
        number[1],
        choice[0],
        choice[1] != 0,
        choice[2] != 0,
        choice[3] != 0,
        choice[4] != 0,
    )


@native
@no_type_check
def _kept_of(frame, kind, b, rows, n):
    """What sample b keeps."""
    place = _CARRIED + _SCRATCH
    return Kept(
        after(result(frame, place, kind), b * n),
        after(result(frame, place + 1, kind), b * rows * n),
        after(result(frame, place + 2, kind), b * rows * n),
    )


@native
@no_type_check
def _sums_of(sums, s, b, net, n):
    """Where share s and its sample b add up what they find."""
    return Sums(
        after(sums.votes, b * net.n_out),
        after(sums.arrived, s * net.n_in),
        after(sums.spikes, s * n),
        after(sums.gradient, s * net.rows * n),
        after(sums.gradient_out, s * n * net.n_out),
    )


@native
@no_type_check
def _share_out(frame, work, held, kind):
    """Lets threads do a call's work: shares of batches, of all members.

    `work` is the address of a worker, whose job is six words: where the members' frames
    are, the first unit of work, the distance to its next, how many there are in all and
    how many in each member, and the thread's name.
    """
    carry_over(frame, _FIRST, 0, _CARRIED)
    carry_over(frame, _KEPT, _CARRIED + _SCRATCH, held)
    first, frames = place(frame, _CARRIED + 3), place(frame, _CARRIED + 4)
    members = divide(frame, _AXES, frames)
    for m in range(members):
        net = _net(member(frames, m), kind)
        powers_of(net.alpha, net.ticks, net.powers)
        powers_of(net.kappa, net.ticks, net.powers_out)
    one = member(frames, 0)
    parts = axis(one, _FIRST + 11, 0)
    units = members * parts
    threads = min(argument(one, 9, np.int32)[_C.threads], units)
    for t in range(threads):
        job = words(first + _JOB * t)
        job[0], job[1], job[2], job[3], job[4] = frames, t, threads, units, parts
    for t in range(1, threads):
        at = first + _JOB * t
        words(at)[6] = start(work, at, at + 40)
    call_at(work, first)
    for t in range(1, threads):
        at = first + _JOB * t
        if words(at)[6]:
            finish(words(at)[5])
        else:  # no thread could be had
            call_at(work, at)


@native
@no_type_check
def _sum_share(frame, s, kind):
    """Share s of a batch, whose gradient is summed."""
    net, cells, states = _net(frame, kind), _cells(frame, kind), _states(frame, kind)
    sums, shares = _sums(frame, kind), axis(frame, _FIRST + 11, 0)
    x, target = _input(frame, kind), argument(frame, 3, kind)
    batch, n = axis(frame, 0, 0), cells.n
    for b in range(s * batch // shares, (s + 1) * batch // shares):
        sum_block(
            of_sample(x, b, net.ticks * net.n_in),
            argument(frame, 2, np.uint8),
            after(target, b * net.n_out),
            net,
            cells,
            sample_of(states, b, net, n),
            _room(frame, s, net, n, kind),
            _sums_of(sums, s, b, net, n),
        )


@native
@no_type_check
def _full_share(frame, s, kind):
    """The same with full traces."""
    net, cells, states = _net(frame, kind), _cells(frame, kind), _states(frame, kind)
    sums, shares = _sums(frame, kind), axis(frame, _FIRST + 11, 0)
    x, target = _input(frame, kind), argument(frame, 3, kind)
    batch, n, last = axis(frame, 0, 0), cells.n, _CARRIED + _SCRATCH + 3
    whole, real = result(frame, last, np.int32), result(frame, last + 1, kind)
    for b in range(s * batch // shares, (s + 1) * batch // shares):
        trace_block(
            of_sample(x, b, net.ticks * net.n_in),
            argument(frame, 2, np.uint8),
            after(target, b * net.n_out),
            net,
            cells,
            _plan(frame, kind),
            sample_of(states, b, net, n),
            _kept_of(frame, kind, b, net.rows, n),
            _room(frame, s, net, n, kind),
            desk_at(whole, real, s, net.ticks, net.rows, n),
            _sums_of(sums, s, b, net, n),
        )


@native
@no_type_check
def _write_share(frame, kind, double):
    """A whole batch, as it is written at every tick."""
    choice, written = argument(frame, 9, np.int32), result(frame, 15, np.int32)
    x, mask = _input(frame, kind), argument(frame, 2, np.uint8)
    target, batch = argument(frame, 3, kind), axis(frame, 0, 0)
    net, cells, states = _net(frame, kind), _cells(frame, kind), _states(frame, kind)
    whole, real = result(frame, _CARRIED, np.int32), result(frame, _CARRIED + 1, kind)
    rates, sums = argument(frame, 10, kind), _sums(frame, kind)
    synapses = argument(frame, 11, kind), choice[_C.masked] != 0
    few = choice[_C.few] != 0
    if batch == 1 and not few and may_wait(rates, net.ticks, cells.zero):
        past = room_at(whole, real, 1, net, cells.n).arriving
        written[0] += lazy_block(
            x,
            mask,
            target,
            net,
            cells,
            sample_of(states, 0, net, cells.n),
            room_at(whole, real, 0, net, cells.n),
            (past.start, past.value),
            rates,
            synapses,
            sums,
        )
    else:
        memory = Memory(
            few,
            choice[_C.mode],
            choice[_C.top],
            double,
            argument(frame, 12, kind),
            argument(frame, 13, np.uint32),
        )
        written[0] += write_block(
            x,
            mask,
            target,
            batch,
            net,
            cells,
            states,
            (whole, real),
            rates,
            synapses,
            memory,
            sums,
        )


def _sum_worker(kind: Any, stamp: str) -> Any:
    @cfunc(WORD, cache=True)
    @no_type_check
    def worker(job):
        stamp  # noqa: B018 - makes it a part of the key in numba's cache
        task = words(job)
        for u in range(task[1], task[3], task[2]):
            _sum_share(member(task[0], u // task[4]), u % task[4], kind)
        return 0

    return worker


def _full_worker(kind: Any, stamp: str) -> Any:
    @cfunc(WORD, cache=True)
    @no_type_check
    def worker(job):
        stamp  # noqa: B018
        task = words(job)
        for u in range(task[1], task[3], task[2]):
            _full_share(member(task[0], u // task[4]), u % task[4], kind)
        return 0

    return worker


def _write_worker(kind: Any, stamp: str) -> Any:
    double = kind is np.float64

    @cfunc(WORD, cache=True)
    @no_type_check
    def worker(job):
        stamp  # noqa: B018
        task = words(job)
        for u in range(task[1], task[3], task[2]):
            _write_share(member(task[0], u), kind, double)
        return 0

    return worker


def _handler(form: str, kind: Any, stamp: str) -> Any:
    held = len(Kept._fields) if form == "full" else 0

    @cfunc(WORD, cache=True)
    @no_type_check
    def handler(address):
        stamp  # noqa: B018
        frame = words(address)
        if not asks_for_version(frame):
            _share_out(frame, worker_of(kind, form), held, kind)
        return 0

    return handler


_WORKERS = {"sum": _sum_worker, "full": _full_worker, "write": _write_worker}
