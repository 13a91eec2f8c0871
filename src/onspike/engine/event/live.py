"""One tick at a time, called from Python, as native code.

All that a tick needs stands in one array of 64-bit words, the desk: addresses of arrays
and whole numbers. So a call from Python hands over three arguments.
"""

from functools import cache
from typing import Any, NamedTuple, no_type_check

import numpy as np
from numba import cfunc, njit

from onspike.engine.event.bridge import (
    WORD,
    call_at,
    native,
    pointer,
    words,
)
from onspike.engine.event.forms import room_at
from onspike.engine.event.kernels import (
    State,
    fill,
    recall,
    relay,
    remember,
)
from onspike.engine.event.lazy import (
    Rates,
    debts_at,
    learn_tick,
    open_debts,
    run_tick,
    settle_all,
)
from onspike.engine.event.operands import CHOICE, cells_of, net_of
from onspike.engine.event.work import version

TICK, OPEN, REST, SETTLE = range(4)  # what may be asked for
NO_TARGET, GIVEN = -1, -2  # instead of a class: none, and a vector
BAD_ADDRESS, BAD_VALUE, BAD_TARGET, NO_SCALE = (
    -(1 << 40),
    -(2 << 40),
    -(3 << 40),
    -(4 << 40),
)  # answers that are no number of spikes; less the place of what is bad


class Desk(NamedTuple):
    """The words; those that are no whole numbers are addresses."""

    work: Any  # of the function itself
    asked: Any  # TICK, ...
    addresses: Any  # of the tick's events, 64 bits each
    events: Any  # how many
    values: Any  # of the events; 0 for ones
    label: Any  # the class, NO_TARGET or GIVEN
    n_in: Any
    n: Any
    n_out: Any
    rows: Any
    every: Any  # whether the gate is open where there is no target
    place: Any  # in the list of scales
    scales_end: Any  # its length; of 1 if it stays as it is
    ticks: Any
    writes: Any
    written: Any  # weights
    w: Any  # (N, n)
    columns: Any  # (n_out, n)
    back: Any  # (n_out, n)
    threshold: Any  # (n,)
    bias: Any  # (n,)
    period: Any  # (n,)
    bias_out: Any  # (n_out,)
    numbers: Any  # of `Numbers`
    choices: Any  # of `Choices`
    rates: Any  # of input, recurrent and output weights
    scales: Any  # the schedule's factors
    synapses: Any
    v: Any
    z: Any
    wait: Any
    trace: Any
    own: Any
    trace_out: Any
    y: Any
    target: Any  # (n_out,)
    sent: Any  # (n,) addresses of who has fired, 64 bits each
    whole: Any  # scratch
    real: Any


AT = Desk(*range(len(Desk._fields)))  # positions


@njit("int64(int64, int64[::1], int64)", cache=True)
@no_type_check
def enter(desk, addresses, label):
    """Runs a tick: from Python in half a microsecond."""
    word = words(desk)
    word[AT.asked] = TICK
    word[AT.addresses], word[AT.events] = addresses.ctypes.data, len(addresses)
    word[AT.label] = label
    return call_at(word[AT.work], desk)


@njit("int64(int64, int64)", cache=True)
@no_type_check
def ask(desk, what):
    """Asks for anything else."""
    word = words(desk)
    word[AT.asked] = what
    return call_at(word[AT.work], desk)


@native
@no_type_check
def _parts(word, kind):
    number, choice = (
        pointer(word[AT.numbers], kind),
        pointer(word[AT.choices], np.int32),
    )
    n = word[AT.n]
    period = pointer(word[AT.period], np.int32)
    threshold, bias = pointer(word[AT.threshold], kind), pointer(word[AT.bias], kind)
    cells = cells_of(n, threshold, bias, period, number, choice)
    powers = pointer(word[AT.real], kind)  # of which a tick has no need
    net = net_of(
        (word[AT.n_in], word[AT.n_out], word[AT.rows], 1),
        (
            pointer(word[AT.w], kind),
            pointer(word[AT.columns], kind),
            pointer(word[AT.back], kind),
            pointer(word[AT.bias_out], kind),
        ),
        (powers, powers),
        True,
        number,
        choice,
    )
    state = State(
        pointer(word[AT.v], kind),
        pointer(word[AT.z], kind),
        pointer(word[AT.wait], np.int32),
        pointer(word[AT.trace], kind),
        pointer(word[AT.own], kind),
        pointer(word[AT.trace_out], kind),
        pointer(word[AT.y], kind),
    )
    whole, real = pointer(word[AT.whole], np.int32), pointer(word[AT.real], kind)
    room = room_at(whole, real, 0, net, n)
    past = room_at(whole, real, 1, net, n).arriving
    synapses = pointer(word[AT.synapses], kind), choice[CHOICE.masked] != 0
    debts, _ = debts_at(past.start, past.value, net, n, synapses)
    return net, cells, state, room, debts


@native
@no_type_check
def _rates(word, kind):
    rate, scale = pointer(word[AT.rates], kind), pointer(word[AT.scales], kind)
    place = min(word[AT.place], word[AT.scales_end] - 1)
    return Rates(scale[place], rate[0], rate[1], rate[2])


@native
@no_type_check
def _bad(word, kind, zero):
    """What is wrong with what arrives, or 0."""
    addresses = pointer(word[AT.addresses], np.int64)
    for e in range(word[AT.events]):
        if addresses[e] < 0 or addresses[e] >= word[AT.n_in]:
            return BAD_ADDRESS - e
    if word[AT.values] != 0:
        values = pointer(word[AT.values], kind)
        for e in range(word[AT.events]):
            if values[e] - values[e] != zero:  # infinite or not a number
                return BAD_VALUE - e
    if word[AT.label] == GIVEN:
        target = pointer(word[AT.target], kind)
        for o in range(word[AT.n_out]):
            if target[o] - target[o] != zero:
                return BAD_TARGET - o
    if word[AT.place] >= word[AT.scales_end]:
        return NO_SCALE
    return 0


@native
@no_type_check
def _list(word, net, room, kind, one):
    """Lists what arrives; the last tick's spikes become those of the tick before."""
    fired, arriving = room.fired, room.arriving
    first = fired.start[1]
    m = fired.start[2] - first
    for e in range(m):
        fired.index[e], fired.value[e] = fired.index[first + e], one
    fired.start[0], fired.start[1] = 0, m
    addresses, events = pointer(word[AT.addresses], np.int64), word[AT.events]
    for e in range(events):
        arriving.index[e], arriving.value[e] = addresses[e], one
    if word[AT.values] != 0:
        values = pointer(word[AT.values], kind)
        for e in range(events):
            arriving.value[e] = values[e]
    arriving.start[0], arriving.start[1] = 0, events
    if net.recurrent:
        relay(fired, 0, arriving, net.n_in)


@native
@no_type_check
def _tick(word, kind):
    """Runs a tick; the number of spikes, or what is wrong."""
    net, cells, state, room, debts = _parts(word, kind)
    zero, one, label = cells.zero, cells.one, word[AT.label]
    bad = _bad(word, kind, zero)
    if bad != 0:
        return bad
    rates, columns = _rates(word, kind), net.w_out
    _list(word, net, room, kind, one)
    run_tick(0, net, cells, state, room, debts, columns, rates)
    if label != NO_TARGET:
        target = pointer(word[AT.target], kind)
        if label != GIVEN:
            fill(target, net.n_out, zero)
            target[label] = one
        word[AT.written] += learn_tick(
            target, net, cells, state, room, debts, columns, rates
        )
    word[AT.ticks] += 1
    if label != NO_TARGET or word[AT.every] != 0:
        word[AT.writes] += 1
        if word[AT.scales_end] > 1:
            word[AT.place] += 1
    sent, fired = pointer(word[AT.sent], np.int64), room.fired
    first, last = fired.start[1], fired.start[2]
    for e in range(first, last):
        sent[e - first] = fired.index[e]
    return last - first


@native
@no_type_check
def _open(word, kind):
    net, cells, state, room, debts = _parts(word, kind)
    recall(state.z, cells.n, cells.zero, room.arriving, room.fired)
    fired = room.fired
    fired.start[2], fired.start[1] = fired.start[1], 0
    if net.hears:
        open_debts(debts, state.trace, net, cells.n, cells.zero, cells.one)


@native
@no_type_check
def _settle(word, kind):
    net, cells, state, room, debts = _parts(word, kind)
    remember(state.z, cells.n, room.fired, 1, cells.zero)
    if net.hears:
        rates = _rates(word, kind)
        settle_all(debts, state.trace, net, cells.n, rates, cells.zero)


@native
@no_type_check
def _rest(word, kind):
    net, cells, state, _, _ = _parts(word, kind)
    zero, n = cells.zero, cells.n
    for i in range(n):
        state.wait[i] = 0
    fill(state.v, n, zero)
    fill(state.z, n, zero)
    fill(state.trace, net.rows, zero)
    fill(state.own, n, zero)
    fill(state.trace_out, n, zero)
    fill(state.y, net.n_out, zero)


@cache
def worker(real: str) -> Any:
    """What `enter` and `ask` call, for a kind of numbers."""
    kind, stamp = np.dtype(real).type, version(__file__)

    @cfunc(WORD, cache=True)
    @no_type_check
    def work(desk):
        _ = stamp  # makes it a part of the key in numba's cache
        word = words(desk)
        what = word[AT.asked]
        if what == TICK:
            return _tick(word, kind)
        if what != OPEN:
            _settle(word, kind)
        if what == REST:
            _rest(word, kind)
        if what != SETTLE:
            _open(word, kind)
        return 0

    return work
