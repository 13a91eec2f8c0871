"""The two forms of learning, a block of ticks at a time, as native code.

`sum_block` leaves the weights alone and sums the gradient of one sample. `write_block`
writes at every tick with a target, to real numbers or few bits. Neither learns outside
the ticks a .. b - 1, the first and the last with a target: there the neurons run, and
traces are moved on.
"""

from typing import Any, NamedTuple, no_type_check

import numpy as np

from onspike.engine.event.bridge import after, as_bytes, inlined, native
from onspike.engine.event.few_bits import (
    PROJECTIONS,
    memory_of,
    wish_at,
    write_codes,
)
from onspike.engine.event.kernels import (
    Asked,
    Events,
    Rows,
    State,
    advance,
    arrive,
    arrive_graded,
    calm,
    error_of,
    fill,
    integrate,
    learn,
    read_out,
    recall,
    relay,
    remember,
    send_back,
    weigh,
    write,
)

RATES = 3 * PROJECTIONS + 1  # numbers by tick


class Net(NamedTuple):
    """What all samples of a batch have in common, beside the cells."""

    n_in: Any
    n_out: Any
    rows: Any  # N
    ticks: Any  # K
    w: Any  # (N, n)
    w_out: Any  # (n, n_out)
    back: Any  # (n_out, n) that the error comes back through
    bias_out: Any  # (n_out,)
    alpha: Any  # decays of the traces at hidden neurons and at the readout
    kappa: Any
    powers: Any  # (K + 1,) their powers
    powers_out: Any
    gain_out: Any
    strength: Any  # the rate hinge's
    bound: Any
    transport: Any  # what `back` is times the readout's weights; 0 if it is fixed
    loss: Any
    recurrent: Any
    spikes: Any  # whether the input is spikes, and not graded
    hears: Any  # whether anything learns at the hidden neurons
    calms: Any  # whether there is a hinge


class Sums(NamedTuple):
    """What is added up."""

    votes: Any  # (n_out,) output in ticks with a target
    arrived: Any  # (n_in,) events by channel
    spikes: Any  # (n,)
    gradient: Any  # (N, n)
    gradient_out: Any  # (n, n_out)


class Room(NamedTuple):
    """Scratch for one sample."""

    arriving: Any  # events at hidden neurons, by tick
    fired: Any  # their spikes, one tick later: those of tick k are number k + 1
    hot: Any  # (n,) bytes: who is at threshold
    back: Any  # (n,) post factors filtered backwards
    back_out: Any  # (n_out,)
    post: Any  # (K, n) post factors
    post_out: Any  # (K, n_out)


def space_to_write(batch: int, n: int, n_out: int) -> tuple[int, int]:
    """Whole and real numbers that a batch needs, beside rooms, to be written."""
    most = max(n, n_out)
    return most + (most + 3) // 4, batch * (n + n_out + most) + most


def space(ticks: int, n_in: int, n: int, n_out: int) -> tuple[int, int]:
    """Whole and real numbers in a `Room`."""
    events = ticks * (n_in + n) + (ticks + 1) * n
    return events + 2 * ticks + 3 + (n + 3) // 4, events + (ticks + 1) * (n + n_out)


@native
@no_type_check
def room_at(whole, real, s, net, n):
    """The room of sample s in all the scratch that there is."""
    ticks, n_in, n_out = net.ticks, net.n_in, net.n_out
    most, sent = ticks * (n_in + n), (ticks + 1) * n
    whole = after(whole, s * (most + sent + 2 * ticks + 3 + (n + 3) // 4))
    real = after(real, s * (most + sent + (ticks + 1) * (n + n_out)))
    starts, index, rest = ticks + 1, after(whole, 2 * ticks + 3), most + sent
    return Room(
        Events(whole, index, real),
        Events(after(whole, starts), after(index, most), after(real, most)),
        as_bytes(after(index, most + sent)),
        after(real, rest),
        after(real, rest + n),
        after(real, rest + n + n_out),
        after(real, rest + n + n_out + ticks * n),
    )


@native
@no_type_check
def powers_of(decay, ticks, powers):
    """The powers of a number from 0 to `ticks`, each rounded once."""
    power = np.float64(1)
    for k in range(ticks + 1):
        powers[k] = power
        power *= np.float64(decay)


@native
@no_type_check
def window_of(mask, ticks):
    """The first tick with a target, and that after the last; 0 and 0 if none has."""
    a, b = 0, 0
    for k in range(ticks):
        if mask[k]:
            a, b = k if b == 0 else a, k + 1
    return a, b


@native
@no_type_check
def sample_of(states, s, net, n):
    """One sample's share of the states of a batch."""
    return State(
        after(states.v, s * n),
        after(states.z, s * n),
        after(states.wait, s * n),
        after(states.trace, s * net.rows),
        after(states.own, s * n),
        after(states.trace_out, s * n),
        after(states.y, s * net.n_out),
    )


@native
@no_type_check
def of_sample(x, s, size):
    """One sample's share of the input of a batch."""
    return after(x[0], s * size), after(x[1], s * size)


@inlined
@no_type_check
def act(x, k, net, cells, state, room, arrived):
    """Runs the neurons through tick k of a block x, spikes or graded (K, n_in)."""
    collect(x, k, net, cells, room, arrived)
    integrate(state, cells, net.w, room.arriving, room.fired, k, room.hot)
    answer(k, net, state, room)


@native
@no_type_check
def collect(x, k, net, cells, room, arrived):
    """Lists what arrives at the neurons in tick k."""
    n_in, arriving, zero, one = net.n_in, room.arriving, cells.zero, cells.one
    (spikes, graded), at = x, k * n_in
    if net.spikes:
        arrive(after(spikes, at), n_in, k, arriving, arrived, zero, one)
    else:
        arrive_graded(after(graded, at), n_in, k, arriving, arrived, zero, one)
    if net.recurrent:
        relay(room.fired, k, arriving, n_in)


@native
@no_type_check
def answer(k, net, state, room):
    """What the readout makes of tick k's spikes."""
    read_out(
        state.y,
        net.n_out,
        net.kappa,
        net.gain_out,
        net.bias_out,
        net.w_out,
        room.fired,
        k,
    )


@inlined
@no_type_check
def listen(target, net, cells, state, votes, post, post_out):
    """A tick with a target: its post factors, hidden (n,) and readout (n_out,)."""
    y, n_out, zero = state.y, net.n_out, cells.zero
    error_of(net.loss, y, target, n_out, post_out, zero, cells.one)
    if net.hears:
        send_back(post_out, n_out, net.back, post, cells.n, zero)
        if net.calms:
            calm(post, cells.n, state.own, net.strength, net.bound, zero)
        weigh(post, state, cells)
    for o in range(n_out):
        post_out[o] *= net.gain_out
        votes[o] += y[o]


@native
@no_type_check
def settle(state, net, n, room, a, b):
    """Moves all traces on over ticks a .. b - 1."""
    if net.hears:
        advance(state.trace, net.rows, net.powers, room.arriving, a, b)
    if net.calms:
        advance(state.own, n, net.powers, room.fired, a + 1, b + 1)
    advance(state.trace_out, n, net.powers_out, room.fired, a + 1, b + 1)


@native
@no_type_check
def follow(trace, n, decay, events, k):
    """Moves a trace on by tick k."""
    for j in range(n):
        trace[j] *= decay
    for e in range(events.start[k], events.start[k + 1]):
        trace[events.index[e]] += events.value[e]


@native
@no_type_check
def close(z, n, fired, ticks, spikes, cells):
    """Ends a block: z (n,) is what fired last; `spikes` (n,) counts all of it."""
    remember(z, n, fired, ticks, cells.zero)
    for e in range(fired.start[1], fired.start[ticks + 1]):
        spikes[fired.index[e]] += cells.one


@native
@no_type_check
def conclude(net, cells, state, room, sums, a, b):
    """Ends a block whose gradient is summed: the readout's, and what is counted."""
    n, ticks = cells.n, net.ticks
    learn(
        sums.gradient_out,
        state.trace_out,
        n,
        net.n_out,
        net.kappa,
        net.powers_out,
        room.post_out,
        (room.fired, 1, a + 1, b + 1, ticks + 1),
        room.back_out,
        cells.zero,
    )
    close(state.z, n, room.fired, ticks, sums.spikes, cells)


@native
@no_type_check
def sum_block(x, mask, target, net, cells, state, room, sums):
    """A block of one sample x, as for `act`, whose gradient is added to `sums`."""
    ticks, n, n_out, zero = net.ticks, cells.n, net.n_out, cells.zero
    a, b = window_of(mask, ticks)
    recall(state.z, n, zero, room.arriving, room.fired)
    for k in range(ticks):
        act(x, k, net, cells, state, room, sums.arrived)
        if a <= k < b:
            if net.calms:
                if k == a:
                    advance(state.own, n, net.powers, room.fired, 1, a + 1)
                follow(state.own, n, net.alpha, room.fired, k + 1)
            post = after(room.post, (k - a) * n)
            post_out = after(room.post_out, (k - a) * n_out)
            if mask[k]:
                listen(target, net, cells, state, sums.votes, post, post_out)
            else:
                fill(post, n, zero)
                fill(post_out, n_out, zero)
    if net.calms:
        advance(state.own, n, net.powers, room.fired, b + 1, ticks + 1)
    if net.hears:
        learn(
            sums.gradient,
            state.trace,
            net.rows,
            n,
            net.alpha,
            net.powers,
            room.post,
            (room.arriving, 0, a, b, ticks),
            room.back,
            zero,
        )
    conclude(net, cells, state, room, sums, a, b)


@native
@no_type_check
def write_block(
    x, mask, target, batch, net, cells, states, rooms, rates, synapses, memory, sums
):
    """A block of a batch x (batch, K, n_in) whose weights are written in place.

    Args:
        x: What arrives, as spikes and as graded input; one of them.
        mask: Ticks with a target (K,).
        target: (batch, n_out).
        batch: Samples.
        net: Its `w`, `w_out` and `back` change.
        cells: The hidden population.
        states: Of all samples, (batch, ...).
        rooms: Whole and real numbers, scratch for all of them.
        rates: At each tick, of input, recurrent and output weights, and then the share
            of them that is lost; the schedule's factor alone, and the rates without
            it; (K, RATES).
        synapses: 1 where there is one of `w` (N, n), and whether to look there.
        memory: How weights are stored.
        sums: What is counted; the gradients are left out.

    Returns:
        How many weights changed.
    """
    ticks, n, n_in, n_out = net.ticks, cells.n, net.n_in, net.n_out
    rows, zero, changed = net.rows, cells.zero, 0
    a, b = window_of(mask, ticks)
    past = room_at(rooms[0], rooms[1], batch, net, n).arriving  # all rooms
    post, post_out = past.value, after(past.value, batch * n)
    scratch = after(post_out, batch * n_out)
    wish = wish_at(past.start, scratch, max(n, n_out))
    for s in range(batch):
        room = room_at(rooms[0], rooms[1], s, net, n)
        recall(after(states.z, s * n), n, zero, room.arriving, room.fired)
    for k in range(ticks):
        for s in range(batch):
            state = sample_of(states, s, net, n)
            room = room_at(rooms[0], rooms[1], s, net, n)
            mine = of_sample(x, s, ticks * n_in)
            act(mine, k, net, cells, state, room, sums.arrived)
            if a <= k < b:
                if k == a:
                    settle(state, net, n, room, 0, a)
                step(state, net, n, room, k)
                if mask[k]:
                    listen(
                        after(target, s * n_out),
                        net,
                        cells,
                        state,
                        after(sums.votes, s * n_out),
                        after(post, s * n),
                        after(post_out, s * n_out),
                    )
        now = after(rates, RATES * k)
        if mask[k] or decays(now, zero):
            if not mask[k]:  # weights decay also where there is no error
                fill(post, batch * n, zero)
                fill(post_out, batch * n_out, zero)
            for p in range(PROJECTIONS):
                rate, loss, part = now[p], now[p + PROJECTIONS], memory_of(memory, k, p)
                if p < 2:
                    low, high = (0, n_in) if p == 0 else (n_in, rows)
                    these = Rows(net.w, low, high, n, synapses[0], synapses[1])
                    asked = Asked(states.trace, rows, post, batch, rate, loss)
                else:
                    these = Rows(net.w_out, 0, n, n_out, net.w_out, False)
                    asked = Asked(states.trace_out, n, post_out, batch, rate, loss)
                if memory.few:
                    changed += write_codes(these, asked, part, wish, zero)
                else:
                    changed += write(these, asked, scratch, zero)
            transport(net, n, zero)
    for s in range(batch):
        room = room_at(rooms[0], rooms[1], s, net, n)
        state = sample_of(states, s, net, n)
        settle(state, net, n, room, b, ticks)
        close(state.z, n, room.fired, ticks, sums.spikes, cells)
    return changed


@native
@no_type_check
def decays(rates, zero):
    """Whether weights lose something in a tick of these rates."""
    some = False
    for p in range(PROJECTIONS, 2 * PROJECTIONS):
        some |= rates[p] != zero
    return some


@native
@no_type_check
def step(state, net, n, room, k):
    """Moves all traces on by tick k."""
    if net.hears:
        follow(state.trace, net.rows, net.alpha, room.arriving, k)
    if net.calms:
        follow(state.own, n, net.alpha, room.fired, k + 1)
    follow(state.trace_out, n, net.kappa, room.fired, k + 1)


@native
@no_type_check
def transport(net, n, zero):
    """Sends the error back through the weights that there are now."""
    if net.transport != zero:
        for o in range(net.n_out):
            row = after(net.back, o * n)
            for i in range(n):
                row[i] = net.transport * net.w_out[i * net.n_out + o]
