"""What a call of a compiled program does in native code, on as many threads as it may.

A call is of one network, or of many that `jax.vmap` has put side by side; its work is
the shares of the batch of each.
"""

import hashlib
from pathlib import Path
from typing import Any, no_type_check

import numpy as np
from numba import cfunc

from onspike.engine.event import (
    bridge,
    few_bits,
    forms,
    full_traces,
    kernels,
    lazy,
    operands,
)
from onspike.engine.event.bridge import (
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
    Sums,
    of_sample,
    powers_of,
    room_at,
    sample_of,
    sum_block,
    write_block,
)
from onspike.engine.event.full_traces import Kept, Plan, desk_at, trace_block
from onspike.engine.event.kernels import State
from onspike.engine.event.lazy import lazy_block, may_wait
from onspike.engine.event.operands import (
    CARRIED,
    CHOICE,
    FIRST,
    KEPT,
    PLANNED,
    SCRATCH,
    cells_of,
    net_of,
)

JOB = 64  # bytes that tell a thread what to do
_AXES = 3  # of the first argument, where nothing is mapped
_NATIVE = bridge, few_bits, forms, full_traces, kernels, lazy, operands


def version(name: str) -> str:
    """Of all native code and a file: numba's cache looks at one file only."""
    digest = hashlib.sha256()
    for each in (name, *(str(module.__file__) for module in _NATIVE)):
        digest.update(Path(each).read_bytes())
    return digest.hexdigest()


@native
@no_type_check
def _input(frame, kind):
    return argument(frame, 0, np.uint8), argument(frame, 1, kind)


@native
@no_type_check
def _cells(frame, kind):
    number, choice = argument(frame, 8, kind), argument(frame, 9, np.int32)
    threshold, bias = argument(frame, 4, kind), argument(frame, 5, kind)
    period = argument(frame, 6, np.int32)
    return cells_of(axis(frame, 4, 0), threshold, bias, period, number, choice)


@native
@no_type_check
def _net(frame, kind):
    number, choice = argument(frame, 8, kind), argument(frame, 9, np.int32)
    n_in, ticks = max(axis(frame, 0, 2), axis(frame, 1, 2)), axis(frame, 0, 1)
    powers = result(frame, CARRIED + 2, kind)
    return net_of(
        (n_in, axis(frame, 7, 0), axis(frame, FIRST, 0), ticks),
        (
            result(frame, 0, kind),
            result(frame, 1, kind),
            result(frame, 2, kind),
            argument(frame, 7, kind),
        ),
        (powers, after(powers, ticks + 1)),
        axis(frame, 0, 2) > 0,
        number,
        choice,
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
    whole, real = result(frame, CARRIED, np.int32), result(frame, CARRIED + 1, kind)
    return room_at(whole, real, s, net, n)


@native
@no_type_check
def _plan(frame, kind):
    number = argument(frame, PLANNED + 2, kind)
    choice = argument(frame, PLANNED + 3, np.int32)
    return Plan(
        argument(frame, PLANNED, kind),
        argument(frame, PLANNED + 1, kind),
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
    place = CARRIED + SCRATCH
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
    carry_over(frame, FIRST, 0, CARRIED)
    carry_over(frame, KEPT, CARRIED + SCRATCH, held)
    first, frames = place(frame, CARRIED + 3), place(frame, CARRIED + 4)
    members = divide(frame, _AXES, frames)
    for m in range(members):
        net = _net(member(frames, m), kind)
        powers_of(net.alpha, net.ticks, net.powers)
        powers_of(net.kappa, net.ticks, net.powers_out)
    one = member(frames, 0)
    parts = axis(one, FIRST + 11, 0)
    units = members * parts
    threads = min(argument(one, 9, np.int32)[CHOICE.threads], units)
    for t in range(threads):
        job = words(first + JOB * t)
        job[0], job[1], job[2], job[3], job[4] = frames, t, threads, units, parts
    for t in range(1, threads):
        at = first + JOB * t
        words(at)[6] = start(work, at, at + 40)
    call_at(work, first)
    for t in range(1, threads):
        at = first + JOB * t
        if words(at)[6]:
            finish(words(at)[5])
        else:  # no thread could be had
            call_at(work, at)


@native
@no_type_check
def _batch(frame, kind):
    """What every form takes of a batch: its net, states, sums, input and targets."""
    net, cells, states = _net(frame, kind), _cells(frame, kind), _states(frame, kind)
    x, target = _input(frame, kind), argument(frame, 3, kind)
    return net, cells, states, _sums(frame, kind), x, target


@native
@no_type_check
def _samples(frame, s):
    """The first sample of share s, and that after its last."""
    batch, shares = axis(frame, 0, 0), axis(frame, FIRST + 11, 0)
    return s * batch // shares, (s + 1) * batch // shares


@native
@no_type_check
def _sum_share(frame, s, kind):
    """Share s of a batch, whose gradient is summed."""
    net, cells, states, sums, x, target = _batch(frame, kind)
    mask, n, (first, last) = argument(frame, 2, np.uint8), cells.n, _samples(frame, s)
    for b in range(first, last):
        sum_block(
            of_sample(x, b, net.ticks * net.n_in),
            mask,
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
    net, cells, states, sums, x, target = _batch(frame, kind)
    mask, n, (first, last) = argument(frame, 2, np.uint8), cells.n, _samples(frame, s)
    desks = CARRIED + SCRATCH + 3
    whole, real = result(frame, desks, np.int32), result(frame, desks + 1, kind)
    for b in range(first, last):
        trace_block(
            of_sample(x, b, net.ticks * net.n_in),
            mask,
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
    net, cells, states, sums, x, target = _batch(frame, kind)
    mask, batch = argument(frame, 2, np.uint8), axis(frame, 0, 0)
    whole, real = result(frame, CARRIED, np.int32), result(frame, CARRIED + 1, kind)
    rates = argument(frame, 10, kind)
    synapses = argument(frame, 11, kind), choice[CHOICE.masked] != 0
    few = choice[CHOICE.few] != 0
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
            choice[CHOICE.mode],
            choice[CHOICE.top],
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


def worker(form: str, kind: Any) -> Any:
    """What each thread calls.

    Args:
        form: "sum", "full" or "write".
        kind: Of real numbers, a numpy scalar type.
    """
    double, stamp = kind is np.float64, version(__file__)

    @cfunc(WORD, cache=True)
    @no_type_check
    def run(job):
        _ = stamp  # makes it a part of the key in numba's cache
        task = words(job)
        for u in range(task[1], task[3], task[2]):
            frame, s = member(task[0], u // task[4]), u % task[4]
            if form == "sum":  # known when this is compiled, and the rest is left out
                _sum_share(frame, s, kind)
            elif form == "full":
                _full_share(frame, s, kind)
            else:
                _write_share(frame, kind, double)
        return 0

    return run


def handler(form: str, kind: Any) -> Any:
    """What the compiled program calls; a worker of the same form is there already."""
    held, stamp = len(Kept._fields) if form == "full" else 0, version(__file__)

    @cfunc(WORD, cache=True)
    @no_type_check
    def handle(address):
        _ = stamp
        frame = words(address)
        if not asks_for_version(frame):
            _share_out(frame, worker_of(kind, form), held, kind)
        return 0

    return handle
