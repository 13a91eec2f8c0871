r"""Weights that are written at every tick, and touched only when their input spikes.

A write at tick s takes $\eta \bar s_j^s q_i^s$ from a weight. Between two events at
row j the trace only decays, $\bar s_j^s = c_j \alpha^{s - b}$ from any tick b, so all
writes since b are one product:

$$w_{ij} = u_{ij} - \eta c_j S_i, \qquad S_i = \sum_{s \ge b} \alpha^{s - b} q_i^s .$$

S is one sum for all rows; u is what is stored. An event x at tick t asks for the row
(the neurons need it), and changes it: with $c_j \leftarrow c_j + x \alpha^{b - t}$, u
grows by as much as $\eta c_j S$ does. All other rows are left alone.

Counted from one b for ever, $\alpha^{b - t}$ would grow past all bounds. So a new
generation of S begins every few ticks. A few generations are kept and all of them go
on; an event moves its row to the youngest. A row that still counts from the oldest when
its place is needed is settled: its weights are brought up to date.

Exact; rounded less often than weights are that change at every tick. In single
precision a 700-256-20 network over 250 ticks comes four times as close to double
precision as with writes in time, a quarter of which are too small to change the number
they meet. One sample, no decay of weights, and rates that only change together.
"""

from typing import Any, NamedTuple, no_type_check

import numpy as np

from onspike.engine.event.bridge import after, native
from onspike.engine.event.few_bits import PROJECTIONS
from onspike.engine.event.forms import RATES, close, collect, decays, follow, transport
from onspike.engine.event.kernels import (
    calm,
    error_of,
    fill,
    fire,
    gather,
    hold,
    leak,
    recall,
    send_back,
    weigh,
)

GENERATIONS = 8
_LONGEST = 32  # ticks between two of them, where hardly anything decays
_LEAST = 0.25  # of what decays is left in their time, so that numbers stay alike
_YOUNGEST, _AGE, _LENGTH, _BEGUN, _OWED, _SETTLED = range(6)  # words of the clock
_WORDS = 8


class Debts(NamedTuple):
    """What is owed to the rows of the weights."""

    sums: Any  # (GENERATIONS, n) S
    scale: Any  # (N,) c
    since: Any  # (N,) the generation that a row counts from
    live: Any  # (2, n) synapses with a trace, from input and from hidden neurons
    powers: Any  # of alpha, from 0 to all ticks of all generations
    clock: Any  # youngest generation, its age, ...
    synapses: Any  # 1 where there is one (N, n)
    masked: Any  # whether that is not everywhere
    whole: Any  # (N,) whether a row has all its synapses


class Rates(NamedTuple):
    """Learning rates in one tick, before the schedule's factor."""

    scale: Any  # that factor
    enters: Any
    recurs: Any
    leaves: Any


def space_of_debts(n_in: int, n: int, n_out: int) -> tuple[int, int]:
    """Whole and real numbers for the debts, and the readout's weights turned over."""
    rows = n_in + n
    powers = GENERATIONS * _LONGEST + 1
    return 2 * rows + 2 * n + _WORDS, GENERATIONS * n + rows + powers + n * n_out


@native
@no_type_check
def debts_at(whole, real, net, n, synapses):
    """The debts that lie there, and the place behind them."""
    rows = net.rows
    sums, scale = real, after(real, GENERATIONS * n)
    powers = after(scale, rows)
    clock, since = whole, after(whole, _WORDS)
    debts = Debts(
        sums,
        scale,
        since,
        after(since, 2 * rows),
        powers,
        clock,
        synapses[0],
        synapses[1],
        after(since, rows),
    )
    return debts, after(powers, GENERATIONS * _LONGEST + 1)


@native
@no_type_check
def open_debts(debts, trace, net, n, zero, one):
    """Nothing is owed yet to rows with these traces."""
    size, length = abs(np.float64(net.alpha)), 1
    while length < _LONGEST and size**length >= _LEAST and size <= 1.0:
        length += 1
    power = np.float64(1)
    for k in range(GENERATIONS * length + 1):
        debts.powers[k] = power
        power *= np.float64(net.alpha)
    clock = debts.clock
    clock[_YOUNGEST], clock[_AGE], clock[_LENGTH] = 0, 0, length
    clock[_BEGUN], clock[_OWED], clock[_SETTLED] = 1, 0, 1
    fill(debts.sums, GENERATIONS * n, zero)
    for i in range(2 * n):
        debts.live[i] = 0
    for j in range(net.rows):
        gaps = False
        if debts.masked:
            there = after(debts.synapses, j * n)
            for i in range(n):
                gaps |= there[i] != one
        debts.whole[j] = 0 if gaps else 1
        if trace[j] != zero:
            enlist(debts, net, n, j, 1, zero)


@native
@no_type_check
def enlist(debts, net, n, j, by, zero):
    """Counts the synapses of a row among those with a trace, or no longer."""
    live = after(debts.live, 0 if j < net.n_in else n)
    if debts.whole[j]:
        for i in range(n):
            live[i] += by
    else:
        there = after(debts.synapses, j * n)
        for i in range(n):
            live[i] += by if there[i] != zero else 0


@native
@no_type_check
def begin_tick(debts, trace, net, n, rates, zero):
    """Moves the clock on; every few ticks a generation begins."""
    clock = debts.clock
    if clock[_SETTLED]:
        for j in range(net.rows):
            debts.scale[j] = net.alpha * trace[j]
            debts.since[j] = 0
        clock[_SETTLED] = 0
    elif clock[_AGE] + 1 < clock[_LENGTH]:
        clock[_AGE] += 1
    else:
        place = (clock[_YOUNGEST] + 1) % GENERATIONS
        if clock[_BEGUN] < GENERATIONS:
            clock[_BEGUN] += 1
        else:
            past = debts.powers[age_of(clock, place)]
            for j in range(net.rows):
                if debts.since[j] == place and debts.scale[j] != zero:
                    settle_row(debts, net, n, j, rates, zero)
                    left = net.alpha * (past * debts.scale[j])
                    debts.scale[j] = left
                    if left == zero:
                        enlist(debts, net, n, j, -1, zero)
        fill(after(debts.sums, place * n), n, zero)
        clock[_YOUNGEST], clock[_AGE] = place, 0


@native
@no_type_check
def age_of(clock, place):
    """Ticks since the generation at that place began."""
    older = (clock[_YOUNGEST] - place) % GENERATIONS
    return older * clock[_LENGTH] + clock[_AGE]


@native
@no_type_check
def settle_row(debts, net, n, j, rates, zero):
    """Pays what is owed to a row."""
    rate = rates.enters if j < net.n_in else rates.recurs
    if debts.clock[_OWED] == 0 or rate == zero:
        return
    row, sums = after(net.w, j * n), after(debts.sums, debts.since[j] * n)
    owed = rate * debts.scale[j]
    if debts.whole[j]:
        for i in range(n):
            row[i] -= owed * sums[i]
    else:
        there = after(debts.synapses, j * n)
        for i in range(n):
            row[i] -= owed * (sums[i] * there[i])


@native
@no_type_check
def settle_all(debts, trace, net, n, rates, zero):
    """Pays all that is owed: weights and traces are those after the last tick."""
    clock = debts.clock
    if clock[_SETTLED]:
        return
    for j in range(net.rows):
        if debts.scale[j] != zero:
            settle_row(debts, net, n, j, rates, zero)
        past = debts.powers[age_of(clock, debts.since[j])]
        trace[j] = debts.scale[j] * past
        if debts.scale[j] != zero and trace[j] == zero:
            enlist(debts, net, n, j, -1, zero)
    fill(debts.sums, GENERATIONS * n, zero)
    clock[_YOUNGEST], clock[_AGE], clock[_BEGUN] = 0, 0, 1
    clock[_OWED], clock[_SETTLED] = 0, 1


@native
@no_type_check
def take(v, gain, debts, net, n, events, k, rates, zero):
    """Adds the rows of tick k's events, times a gain, to v (n,); moves traces on."""
    clock, owed = debts.clock, debts.clock[_OWED] != 0
    young, age = clock[_YOUNGEST], clock[_AGE]
    fresh = after(debts.sums, young * n)
    if not owed:
        gather(v, n, net.w, events, k, gain)
    for e in range(events.start[k], events.start[k + 1]):
        j, x = events.index[e], events.value[e]
        before, place = debts.scale[j], debts.since[j]
        now = before * debts.powers[age_of(clock, place) - age] + x / debts.powers[age]
        if owed:
            rate = rates.enters if j < net.n_in else rates.recurs
            row, stale = after(net.w, j * n), after(debts.sums, place * n)
            pays, owes, reach = rate * before, rate * now, gain * x
            if debts.whole[j] and place == young:
                more = owes - pays
                for i in range(n):
                    v[i] += reach * (row[i] - pays * fresh[i])
                    row[i] += more * fresh[i]
            elif debts.whole[j]:
                for i in range(n):
                    w = row[i] - pays * stale[i]
                    v[i] += reach * w
                    row[i] = w + owes * fresh[i]
            else:
                there = after(debts.synapses, j * n)
                for i in range(n):
                    w = row[i] - pays * (stale[i] * there[i])
                    v[i] += reach * w
                    row[i] = w + owes * (fresh[i] * there[i])
        debts.scale[j], debts.since[j] = now, young
        if (before == zero) != (now == zero):
            enlist(debts, net, n, j, 1 if before == zero else -1, zero)


@native
@no_type_check
def owe(debts, net, n, post, rates, zero):
    """Owes all rows a write with post factors (n,); says how many weights it is for."""
    clock = debts.clock
    for back in range(clock[_BEGUN]):
        place = (clock[_YOUNGEST] - back) % GENERATIONS
        sums = after(debts.sums, place * n)
        x = rates.scale * debts.powers[back * clock[_LENGTH] + clock[_AGE]]
        for i in range(n):
            sums[i] += x * post[i]
    clock[_OWED] = 1
    number = 0
    for part in range(2):
        rate = rates.enters if part == 0 else rates.recurs
        if rate * rates.scale != zero:
            live = after(debts.live, part * n)
            for i in range(n):
                number += live[i] if post[i] != zero else 0
    return number


@native
@no_type_check
def turn_over(rows, n, m, columns):
    """Copies rows (n, m) as columns (m, n)."""
    for i in range(n):
        for o in range(m):
            columns[o * n + i] = rows[i * m + o]


@native
@no_type_check
def read_columns(y, net, n, columns, fired, k):
    """Tick k of the leaky readout y (n_out,) with weights (n_out, n)."""
    for o in range(net.n_out):
        row, total = after(columns, o * n), net.bias_out[o]
        for e in range(fired.start[k + 1], fired.start[k + 2]):
            total += fired.value[e] * row[fired.index[e]]
        y[o] = net.kappa * y[o] + net.gain_out * total


@native
@no_type_check
def write_columns(columns, net, n, error, trace, rate, post, zero):
    """Writes the readout (n_out, n) at once; what is sent back is added to `post`.

    All its rows hear an error at every tick, so nothing could wait. `post` gets the
    error through the weights as they were, if that is how the signal returns.
    """
    o, n_out = 0, net.n_out
    turn = net.transport if net.hears else zero
    while o + 2 <= n_out:  # two at a time: fewer passes over trace and signal
        a, b = after(columns, o * n), after(columns, (o + 1) * n)
        c, d = rate * error[o], rate * error[o + 1]
        p, q = turn * error[o], turn * error[o + 1]
        for i in range(n):
            t, u, v = trace[i], a[i], b[i]
            post[i] += p * u + q * v
            a[i] = u - c * t
            b[i] = v - d * t
        o += 2
    if o < n_out:
        a, c, p = after(columns, o * n), rate * error[o], turn * error[o]
        for i in range(n):
            u = a[i]
            post[i] += p * u
            a[i] = u - c * trace[i]


@native
@no_type_check
def run_tick(k, net, cells, state, room, debts, columns, rates):
    """Runs the neurons through a tick whose events are listed, slot k of the room."""
    n, arriving, fired, zero = cells.n, room.arriving, room.fired, cells.zero
    leak(state, cells, fired, k)
    if net.hears:
        begin_tick(debts, state.trace, net, n, rates, zero)
        take(state.v, cells.gain, debts, net, n, arriving, k, rates, zero)
    else:
        gather(state.v, n, net.w, arriving, k, cells.gain)
    hold(state.v, state.wait, cells)
    fire(state.v, state.wait, cells, fired, k, room.hot)
    read_columns(state.y, net, n, columns, fired, k)
    if net.calms:
        follow(state.own, n, net.alpha, fired, k + 1)
    follow(state.trace_out, n, net.kappa, fired, k + 1)


@native
@no_type_check
def learn_tick(target, net, cells, state, room, debts, columns, rates):
    """Writes after a tick with a target (n_out,); says how many weights it is for."""
    n, n_out, zero, number = cells.n, net.n_out, cells.zero, 0
    post, error = room.post, room.post_out
    error_of(net.loss, state.y, target, n_out, error, zero, cells.one)
    fill(post, n, zero)
    if net.hears and net.transport == zero:
        send_back(error, n_out, net.back, post, n, zero)
    rate = rates.scale * rates.leaves * net.gain_out
    write_columns(columns, net, n, error, state.trace_out, rate, post, zero)
    if rate != zero:
        heard, lasting = 0, 0
        for o in range(n_out):
            heard += error[o] != zero
        for i in range(n):
            lasting += state.trace_out[i] != zero
        number += heard * lasting
    if net.hears:
        if net.calms:
            calm(post, n, state.own, net.strength, net.bound, zero)
        weigh(post, state, cells)
        number += owe(debts, net, n, post, rates, zero)
    return number


@native
@no_type_check
def lazy_block(x, mask, target, net, cells, state, room, place, rates, synapses, sums):
    """A block of one sample x whose weights are written at every target.

    Args:
        x: What arrives, as for `act`.
        mask: Ticks with a target (K,).
        target: (n_out,).
        net: Its `w`, `w_out` and `back` change.
        cells: The hidden population.
        state: Of the sample.
        room: Scratch.
        place: More of it, whole and real numbers: `space_of_debts`.
        rates: As for `write_block`.
        synapses: 1 where there is one (rows, n), and whether that is not everywhere.
        sums: What is counted; the gradients are left out.

    Returns:
        For how many weights a write was asked: those whose two sides both have
        something to say. One too small to change the number that is stored counts.
    """
    n, n_out, zero, one, number = cells.n, net.n_out, cells.zero, cells.one, 0
    debts, columns = debts_at(place[0], place[1], net, n, synapses)
    turn_over(net.w_out, n, n_out, columns)
    recall(state.z, n, zero, room.arriving, room.fired)
    if net.hears:
        open_debts(debts, state.trace, net, n, zero, one)
    now = rates_at(rates, 0)
    for k in range(net.ticks):
        now = rates_at(rates, k)
        collect(x, k, net, cells, room, sums.arrived)
        run_tick(k, net, cells, state, room, debts, columns, now)
        if mask[k]:
            number += learn_tick(target, net, cells, state, room, debts, columns, now)
            for o in range(n_out):
                sums.votes[o] += state.y[o]
    if net.hears:
        settle_all(debts, state.trace, net, n, now, zero)
    turn_over(columns, n_out, n, net.w_out)
    transport(net, n, zero)
    close(state.z, n, room.fired, net.ticks, sums.spikes, cells)
    return number


@native
@no_type_check
def rates_at(rates, k):
    """The rates of a tick."""
    now = after(rates, RATES * k + 2 * PROJECTIONS)
    return Rates(now[0], now[1], now[2], now[3])


@native
@no_type_check
def may_wait(rates, ticks, zero):
    """Whether no weight decays, so that all that a write does can be done later."""
    for k in range(ticks):
        if decays(after(rates, RATES * k), zero):
            return False
    return True
