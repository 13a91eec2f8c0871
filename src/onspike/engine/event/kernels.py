r"""The equations of the event-driven engine, as native code.

What is zero is never touched, and what decays is moved on over many ticks at once.

- `arrive` finds a tick's input events.
- `integrate` moves the neurons on: $v \leftarrow \alpha v - \vartheta z + g (b + I)$,
  $z = [v \ge \vartheta]$, where $I_i = \sum_{j \in events} x_j w_{ij}$ adds up the rows
  of the weights at which events arrive.
- `advance` moves presynaptic traces on over m ticks:
  $\bar s_j \leftarrow \alpha^m \bar s_j + \sum_{events} \alpha^{m - 1 - k} x_j^k$.
- `credit` sums a gradient. With the post factor $q_i = \psi_i g L_i$ the sum
  $\sum_k \bar s_j^k q_i^k$ needs every row at every tick. With the post factor filtered
  backwards in time, $r^k = q^k + \alpha r^{k + 1}$, it is
  $\sum_k x_j^k r_i^k + \alpha \bar s_j^{start} r_i^{first}$: a row is touched where an
  event arrives at it, and once for what was there before.
- `write` changes the rows at once, where there is nothing to sum up.

Weights are rows by presynaptic unit, inputs first, then recurrent neurons: (N, n).
Numba finds the types, so there are no annotations: arrays are pointers, whose shapes
the docstrings tell. No literal meets their numbers, as it would make single precision
double: `one` and `zero` come with them.
"""

from typing import Any, NamedTuple, no_type_check

import numpy as np

from onspike.engine.event.bridge import after, eight_at, inlined, native

SUBTRACT, ZERO = 0, 1  # resets
TRIANGLE, BOX, FAST_SIGMOID = 0, 1, 2  # surrogates
CROSS_ENTROPY, SQUARED, SMOOTH_L1 = 0, 1, 2  # losses
_GROUP = 16  # numbers that are looked at together
_TILE = 128  # columns whose gradient is summed together, so that it stays in a cache


class Cells(NamedTuple):
    """The hidden neurons."""

    n: Any
    threshold: Any  # (n,)
    bias: Any  # (n,)
    period: Any  # (n,) refractory ticks
    alpha: Any
    gain: Any
    slope: Any  # the surrogate's constants, one or two
    other: Any
    reset: Any  # SUBTRACT or ZERO
    surrogate: Any  # TRIANGLE, ...
    refractory: Any  # whether there is a period, and whether it clamps
    clamp: Any
    zero: Any  # as the numbers are
    one: Any


class State(NamedTuple):
    """What one sample has for itself."""

    v: Any  # (n,)
    z: Any  # (n,) between blocks
    wait: Any  # (n,) refractory ticks left
    trace: Any  # (N,) of what arrives at hidden neurons
    own: Any  # (n,) of their own spikes: the regulariser's
    trace_out: Any  # (n,) of the same at the readout
    y: Any  # (n_out,)


class Events(NamedTuple):
    """Events by tick: those of tick k are `start[k] .. start[k + 1] - 1`."""

    start: Any  # (K + 1,)
    index: Any  # of the row at which they arrive
    value: Any


@native
@no_type_check
def fill(to, n, value):
    """Sets n numbers to one."""
    for i in range(n):
        to[i] = value


@inlined
@no_type_check
def list_set(flags, n, index, m):
    """Writes to `index` from m on which of n bytes are set; the end of the list."""
    whole = n & ~7
    for low in range(0, whole, 8):
        if eight_at(flags, low) != 0:
            for i in range(low, low + 8):
                if flags[i] != 0:
                    index[m] = i
                    m += 1
    for i in range(whole, n):
        if flags[i] != 0:
            index[m] = i
            m += 1
    return m


@inlined
@no_type_check
def arrive(x, n_in, k, events, arrived, zero, one):
    """Lists the input spikes of tick k, the bytes x (n_in,), and counts them."""
    first = events.start[k]
    last = list_set(x, n_in, events.index, first)
    for e in range(first, last):
        events.value[e] = one
        arrived[events.index[e]] += one
    events.start[k + 1] = last


@native
@no_type_check
def arrive_graded(x, n_in, k, events, arrived, zero, one):
    """Lists the input events of tick k, at which the numbers x (n_in,) arrive.

    Counts them in `arrived` (n_in,), which becomes NaN where an input is not finite.
    """
    m = events.start[k]
    for low in range(0, n_in, _GROUP):
        high = min(low + _GROUP, n_in)
        some = False
        for i in range(low, high):
            some |= x[i] != zero
        if some:
            for i in range(low, high):
                if x[i] != zero:
                    events.index[m] = i
                    events.value[m] = x[i]
                    arrived[i] += one + zero * x[i]
                    m += 1
    events.start[k + 1] = m


@inlined
@no_type_check
def relay(fired, k, events, offset):
    """Adds to what arrives at tick k the spikes of the tick before, k of `fired`."""
    m = events.start[k + 1]
    for e in range(fired.start[k], fired.start[k + 1]):
        events.index[m] = offset + fired.index[e]
        events.value[m] = fired.value[e]
        m += 1
    events.start[k + 1] = m


@native
@no_type_check
def recall(z, n, zero, arriving, fired):
    """Begins a block's lists; that of spikes with those of the tick before it."""
    arriving.start[0], m = 0, 0
    for i in range(n):
        if z[i] != zero:
            fired.index[m], fired.value[m] = i, z[i]
            m += 1
    fired.start[0], fired.start[1] = 0, m


@native
@no_type_check
def remember(z, n, fired, k, zero):
    """Ends a block: z (n,) is what fired at its last tick, k of `fired`."""
    fill(z, n, zero)
    for e in range(fired.start[k], fired.start[k + 1]):
        z[fired.index[e]] = fired.value[e]


@inlined
@no_type_check
def gather(total, n, rows, events, k, gain):
    """Adds the rows of tick k's events, times a gain, to `total` (n,)."""
    index, value = events.index, events.value
    e, last = events.start[k], events.start[k + 1]
    while e + 4 <= last:  # four at a time: fewer passes over the total
        a, b = after(rows, index[e] * n), after(rows, index[e + 1] * n)
        c, d = after(rows, index[e + 2] * n), after(rows, index[e + 3] * n)
        p, q = gain * value[e], gain * value[e + 1]
        r, s = gain * value[e + 2], gain * value[e + 3]
        for i in range(n):
            total[i] += (p * a[i] + q * b[i]) + (r * c[i] + s * d[i])
        e += 4
    while e < last:
        row, x = after(rows, index[e] * n), gain * value[e]
        for i in range(n):
            total[i] += x * row[i]
        e += 1


@inlined
@no_type_check
def scatter(rows, n, values, width, events, k):
    """Adds `values` (width,) to the rows, of n numbers, of tick k's events."""
    index, value = events.index, events.value
    e, last = events.start[k], events.start[k + 1]
    while e + 2 <= last:  # two at a time: fewer passes over the values
        a, b = after(rows, index[e] * n), after(rows, index[e + 1] * n)
        p, q = value[e], value[e + 1]
        for i in range(width):
            x = values[i]
            a[i] += p * x
            b[i] += q * x
        e += 2
    if e < last:
        row, x = after(rows, index[e] * n), value[e]
        for i in range(width):
            row[i] += x * values[i]


@inlined
@no_type_check
def integrate(state, cells, rows, arriving, fired, k, hot):
    """Tick k of the neurons; lists who fires. `hot` (n,) is scratch, in bytes."""
    charge(state, cells, rows, arriving, fired, k)
    fire(state.v, state.wait, cells, fired, k, hot)


@native
@no_type_check
def charge(state, cells, rows, arriving, fired, k):
    """Tick k of the membranes and the refractory counters."""
    leak(state, cells, fired, k)
    gather(state.v, cells.n, rows, arriving, k, cells.gain)
    hold(state.v, state.wait, cells)


@native
@no_type_check
def leak(state, cells, fired, k):
    """The same before anything arrives: decay, reset, bias."""
    v, wait, n = state.v, state.wait, cells.n
    alpha, gain, threshold = cells.alpha, cells.gain, cells.threshold
    bias, zero = cells.bias, cells.zero
    index, first, last = fired.index, fired.start[k], fired.start[k + 1]
    if cells.refractory:
        for i in range(n):
            wait[i] = max(wait[i] - 1, 0)
        for e in range(first, last):
            wait[index[e]] = cells.period[index[e]]
    if cells.reset == ZERO:
        for e in range(first, last):
            v[index[e]] = zero
    for i in range(n):
        v[i] = alpha * v[i] + gain * bias[i]
    if cells.reset == SUBTRACT:
        for e in range(first, last):
            v[index[e]] -= threshold[index[e]]


@native
@no_type_check
def hold(v, wait, cells):
    """Keeps refractory membranes at 0, if that is what they do."""
    if cells.clamp:
        for i in range(cells.n):
            if wait[i] > 0:
                v[i] = cells.zero


@native
@no_type_check
def fire(v, wait, cells, fired, k, hot):
    """Lists who fires in tick k."""
    threshold, n, zero, one = cells.threshold, cells.n, cells.zero, cells.one
    index, last = fired.index, fired.start[k + 1]
    for i in range(n):
        hot[i] = v[i] - threshold[i] >= zero
    if cells.refractory:
        for i in range(n):
            if wait[i] > 0:
                hot[i] = 0
    end = list_set(hot, n, index, last)
    for e in range(last, end):
        fired.value[e] = one
    fired.start[k + 2] = end


@native
@no_type_check
def read_out(y, n_out, kappa, gain, bias, rows, fired, k):
    """Tick k of the leaky readout y (n_out,)."""
    for o in range(n_out):
        y[o] = kappa * y[o] + gain * bias[o]
    gather(y, n_out, rows, fired, k + 1, gain)


@native
@no_type_check
def advance(trace, n, powers, events, a, b):
    """Moves traces on over ticks a .. b - 1; `powers` are those of their decay."""
    if a == b:
        return
    whole = powers[b - a]
    for j in range(n):
        trace[j] *= whole
    for k in range(a, b):
        left = powers[b - 1 - k]
        for e in range(events.start[k], events.start[k + 1]):
            trace[events.index[e]] += left * events.value[e]


@inlined
@no_type_check
def error_of(loss, y, target, n_out, error, zero, one):
    """What the loss asks of the output: dE/dy."""
    if loss == CROSS_ENTROPY:
        top, total = y[0], zero
        for o in range(1, n_out):
            top = max(top, y[o])
        for o in range(n_out):
            error[o] = np.exp(y[o] - top)
            total += error[o]
        for o in range(n_out):
            error[o] = error[o] / total - target[o]
    elif loss == SQUARED:
        for o in range(n_out):
            error[o] = y[o] - target[o]
    else:
        for o in range(n_out):
            error[o] = min(max(y[o] - target[o], -one), one)


@inlined
@no_type_check
def send_back(error, n_out, back, signal, n, zero):
    """Sends an error (n_out,) through `back` (n_out, n): the learning signal."""
    fill(signal, n, zero)
    o = 0
    while o + 4 <= n_out:  # as in `gather`
        a, b = after(back, o * n), after(back, (o + 1) * n)
        c, d = after(back, (o + 2) * n), after(back, (o + 3) * n)
        p, q, r, s = error[o], error[o + 1], error[o + 2], error[o + 3]
        for i in range(n):
            signal[i] += (p * a[i] + q * b[i]) + (r * c[i] + s * d[i])
        o += 4
    while o < n_out:
        row, e = after(back, o * n), error[o]
        for i in range(n):
            signal[i] += e * row[i]
        o += 1


@native
@no_type_check
def calm(signal, n, own, strength, bound, zero):
    """Adds the rate hinge: what a neuron's own trace has above a bound."""
    for i in range(n):
        signal[i] += strength * max(own[i] - bound, zero)


@inlined
@no_type_check
def weigh(signal, state, cells):
    r"""Makes the signal a post factor, in place: $q_i = \psi_i g L_i$."""
    v, wait, threshold, gain = state.v, state.wait, cells.threshold, cells.gain
    slope, other, n, zero, one = (
        cells.slope,
        cells.other,
        cells.n,
        cells.zero,
        cells.one,
    )
    if cells.surrogate == TRIANGLE:
        for i in range(n):
            theta = threshold[i]
            fall = max(one - abs(v[i] - theta) / theta, zero)
            signal[i] *= slope / theta * fall * gain
    elif cells.surrogate == BOX:
        for i in range(n):
            inside = abs(v[i] - threshold[i]) < slope
            signal[i] *= other * gain if inside else zero
    else:
        for i in range(n):
            wide = one + slope * abs(v[i] - threshold[i])
            signal[i] *= gain / (wide * wide)
    if cells.refractory:  # the derivative is suppressed with the spike
        for i in range(n):
            if wait[i] > 0:
                signal[i] = zero


@native
@no_type_check
def credit(gradient, trace, rows, n, decay, post, ends, back, zero):
    """Adds the gradient of the ticks that learn to `gradient` (rows, n).

    Args:
        gradient: By row at which events arrive.
        trace: Of these rows, before the first of these ticks.
        rows: How many.
        n: Their length.
        decay: Of the traces.
        post: Post factors of these ticks (ticks, n).
        ends: As for `learn`.
        back: Scratch (n,): the post factors filtered backwards.
        zero: As the numbers are.
    """
    events, _, first, last, _ = ends
    for low in range(0, n, _TILE):
        width, tile = min(_TILE, n - low), after(gradient, low)
        fill(back, width, zero)
        for k in range(last - 1, first - 1, -1):
            now = after(post, (k - first) * n + low)
            for i in range(width):
                back[i] = now[i] + decay * back[i]
            scatter(tile, n, back, width, events, k)
        for j in range(rows):
            if trace[j] != zero:
                row, x = after(tile, j * n), decay * trace[j]
                for i in range(width):
                    row[i] += x * back[i]


@native
@no_type_check
def learn(gradient, trace, rows, n, decay, powers, post, ends, back, zero):
    """Adds a block's gradient, and moves the traces on over the block.

    `powers` are those of the decay; `ends` are the events that arrive, and as they
    count ticks the block's first, the first that learns, that after the last, and the
    end of the block.
    """
    events, begin, first, last, end = ends
    advance(trace, rows, powers, events, begin, first)
    if first < last:
        credit(gradient, trace, rows, n, decay, post, ends, back, zero)
    advance(trace, rows, powers, events, first, end)


class Rows(NamedTuple):
    """Weights that are written together."""

    w: Any  # (rows, n)
    low: Any  # the first row that is written
    high: Any  # that after the last
    n: Any  # numbers in a row
    there: Any  # (rows, n) 1 where there is a synapse
    masked: Any  # whether that is not everywhere, and `there` is looked at


class Asked(NamedTuple):
    r"""A change of $-\eta \sum_b \bar s_{bj} q_{bi} - \lambda w_{ji}$."""

    traces: Any  # of every sample (batch, rows)
    rows: Any  # how many there are in all
    post: Any  # their post factors (batch, n)
    batch: Any  # samples
    rate: Any  # the learning rate
    loss: Any  # the share of every weight that is lost


@inlined
@no_type_check
def silent(asked, j, zero):
    """Whether nothing is asked of row j."""
    some = asked.loss != zero
    for b in range(asked.batch):
        some |= asked.traces[b * asked.rows + j] != zero
    return not some


@native
@no_type_check
def add_up(change, asked, j, post, n):
    r"""Sets `change` (n,) to $\sum_b \bar s_{bj} q_{bi}$ of row j.

    `post` (batch, n) is that of `asked`, or some of its columns side by side.
    """
    x = asked.traces[j]
    for i in range(n):
        change[i] = x * post[i]
    for b in range(1, asked.batch):
        now, x = after(post, b * n), asked.traces[b * asked.rows + j]
        for i in range(n):
            change[i] += x * now[i]


@native
@no_type_check
def write(target, asked, change, zero):
    """Changes rows by what is asked; counts changes. `change` (n,) is scratch."""
    w, low, high, n, there, masked = target
    post, rate, loss, count = asked.post, asked.rate, asked.loss, 0
    if rate == zero and loss == zero:
        return count
    for j in range(low, high):
        if silent(asked, j, zero):
            continue
        row = after(w, j * n)
        add_up(change, asked, j, post, n)
        if masked:
            mask = after(there, j * n)
            for i in range(n):
                new = row[i] - (rate * (change[i] * mask[i]) + loss * row[i])
                count += new != row[i]
                row[i] = new
        else:
            for i in range(n):
                new = row[i] - (rate * change[i] + loss * row[i])
                count += new != row[i]
                row[i] = new
    return count
