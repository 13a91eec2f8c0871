r"""E-prop with a trace for each synapse, a block of ticks at a time, as native code.

The threshold of an adaptive neuron is $\vartheta + \beta_i a_i$. With the presynaptic
trace $\bar s_j$ and $q_i = \psi_i g$ its eligibility is

$$e_{ij}^t = q_i^t (\bar s_j^t - \tfrac{\beta_i}{g} \epsilon_{ij}^t), \quad
  \epsilon_{ij}^t = \rho_i \epsilon_{ij}^{t-1} + e_{ij}^{t-1}, \quad
  \bar e_{ij}^t = \kappa \bar e_{ij}^{t-1} + e_{ij}^t,$$

and its gradient is $\sum_t L_i^t \bar e_{ij}^t + C_i^t e_{ij}^t$, C the regulariser's.
No synapse is looked at in a tick: all that a block of ticks 1 .. K leaves behind are
sums $\sum_t m_i^t e_{ij}^t$, with one m for all synapses of a neuron:

- the gradient, with $m^t = C^t + \Lambda^t$, $\Lambda^t = L^t + \kappa \Lambda^{t+1}$,
  and $\kappa \Lambda^1 \bar e^0$ for what the filter held before;
- $\bar e^K$, with $m^t = \kappa^{K-t}$, and $\kappa^K \bar e^0$;
- $\epsilon^K$, without m, but from $x^K = 0$, $\mu^K = 1$ in what follows.

Such a sum is found backwards in time, neuron by neuron (it is an adjoint):
$x^t = q^t (m^t + \mu^{t+1})$, $\mu^t = \rho \mu^{t+1} - \tfrac{\beta}{g} x^t$,
$r^t = x^t + \alpha r^{t+1}$, down to the tick 0 before the block, which has no m. Then
it is

$$\sum_{t > 0} s_j^t r_i^t + \bar s_j^0 r_i^0 + \epsilon_{ij}^0 \mu_i^0.$$

With the events listed by row instead of by tick, a row of synapses is read and written
once in a block. All this holds for neurons that share $\alpha$, and whose membrane
forgets no input at a spike.

Weights and traces are rows by presynaptic unit (N, n), as in `kernels`.
"""

from typing import Any, NamedTuple, no_type_check

from onspike.engine.event.bridge import after, native
from onspike.engine.event.forms import answer, collect, conclude, window_of
from onspike.engine.event.kernels import (
    Events,
    State,
    advance,
    charge,
    error_of,
    fill,
    fire,
    gather,
    recall,
    send_back,
    weigh,
)

NOTHING, HINGE, TARGET = 0, 1, 2  # regularisers


class Plan(NamedTuple):
    """What all samples have in common, beside net and cells."""

    beta: Any  # (n,) rise of the threshold per spike
    rho: Any  # (n,) decay of the adaptation
    decay: Any  # of the regulariser's trace of own spikes
    jump: Any  # of it at a spike
    calm: Any  # NOTHING, HINGE or TARGET
    window: Any  # whether the regulariser acts where there is a target only
    adapts: Any  # whether the neurons do
    follows: Any  # whether the eligibility follows their adaptation
    filters: Any  # whether it passes through the readout's filter


class Kept(NamedTuple):
    """What one sample has for itself, beside its state."""

    a: Any  # (n,) adaptation
    eps: Any  # (N, n) epsilon
    filtered: Any  # (N, n) e behind the readout's filter


class Desk(NamedTuple):
    """Scratch for one sample, beside its room."""

    slope: Any  # (K + 2, n) q, from tick 0 on; then r of epsilon
    calm: Any  # (K + 2, n) C; then r of the gradient
    filtered: Any  # (K + 2, n) r of the filter
    u: Any  # (n,) membrane less the threshold's rise
    ratio: Any  # (n,) beta / g
    ahead: Any  # (n,) Lambda
    mu: Any  # (3, n) of the gradient, the filter and epsilon
    by_row: Any  # events at hidden neurons, by row: their index is a tick


def desk_space(ticks: int, rows: int, n: int) -> tuple[int, int]:
    """Whole and real numbers in a `Desk`."""
    events = ticks * rows
    return events + rows + 1, events + (3 * ticks + 12) * n


@native
@no_type_check
def desk_at(whole, real, s, ticks, rows, n):
    """The desk of sample s in all the scratch that there is."""
    events, block = ticks * rows, (ticks + 2) * n
    whole = after(whole, s * (events + rows + 1))
    real = after(real, s * (events + 3 * block + 6 * n))
    rest = after(real, 3 * block)
    return Desk(
        real,
        after(real, block),
        after(real, 2 * block),
        rest,
        after(rest, n),
        after(rest, 2 * n),
        after(rest, 3 * n),
        Events(whole, after(whole, rows + 1), after(rest, 6 * n)),
    )


@native
@no_type_check
def adapt(a, rho, n, fired, k):
    """Moves the adaptation on by a tick, by the spikes of the tick before."""
    for i in range(n):
        a[i] *= rho[i]
    for e in range(fired.start[k], fired.start[k + 1]):
        a[fired.index[e]] += fired.value[e]


@native
@no_type_check
def lower(v, a, beta, u, n):
    """The membrane less what the threshold has risen."""
    for i in range(n):
        u[i] = v[i] - beta[i] * a[i]


@native
@no_type_check
def lowered(state, desk):
    """A state with this membrane: it is held to the threshold that neurons rest at."""
    return State(
        desk.u,
        state.z,
        state.wait,
        state.trace,
        state.own,
        state.trace_out,
        state.y,
    )


@native
@no_type_check
def integrate_full(state, net, cells, plan, kept, room, desk, k):
    """Tick k of the neurons; returns the state that is held to their threshold."""
    level = state
    charge(state, cells, net.w, room.arriving, room.fired, k)
    if plan.adapts:
        adapt(kept.a, plan.rho, cells.n, room.fired, k)
        lower(state.v, kept.a, plan.beta, desk.u, cells.n)
        level = lowered(state, desk)
    fire(level.v, level.wait, cells, room.fired, k, room.hot)
    return level


@native
@no_type_check
def soothe(own, fired, k, plan, net, n, taught, calm, zero):
    """Moves the regulariser on by tick k: its trace, and what it asks for."""
    decay, strength, bound = plan.decay, net.strength, net.bound
    for i in range(n):
        own[i] *= decay
    for e in range(fired.start[k + 1], fired.start[k + 2]):
        own[fired.index[e]] += plan.jump * fired.value[e]
    if not taught and (plan.window or plan.calm == HINGE):
        return
    if plan.calm == HINGE:
        for i in range(n):
            calm[i] = strength * max(own[i] - bound, zero)
    else:
        for i in range(n):
            calm[i] = strength * (own[i] - bound)


# The loops below run over few arrays each. LLVM checks before a loop whether any two of
# them overlap; beyond eight checks it leaves the loop as it is, a number at a time.


@native
@no_type_check
def meet_signal(slope, calm, ahead, signal, mu, kappa, n):
    """A tick with a learning signal: Lambda, and the gradient's x in the place of C."""
    for i in range(n):
        now = signal[i] + kappa * ahead[i]
        ahead[i] = now
        calm[i] = slope[i] * (calm[i] + now + mu[i])


@native
@no_type_check
def meet_silence(slope, calm, ahead, mu, kappa, n):
    """The same in a tick without one."""
    for i in range(n):
        now = kappa * ahead[i]
        ahead[i] = now
        calm[i] = slope[i] * (calm[i] + now + mu[i])


@native
@no_type_check
def move_back(x, mu, later, rho, ratio, alpha, n):
    """Moves mu back by a tick, and makes r of x, with r of the tick after it."""
    for i in range(n):
        mu[i] = rho[i] * mu[i] - ratio[i] * x[i]
        x[i] += alpha * later[i]


@native
@no_type_check
def meet_all(slope, m, mu, x, n):
    """The x of a sum with one m for all neurons; may take the slope's place."""
    for i in range(n):
        x[i] = slope[i] * (m + mu[i])


@native
@no_type_check
def sort_by_row(events, ticks, rows, by_row):
    """Lists events by row, in the order of their ticks."""
    start, index, value = by_row.start, by_row.index, by_row.value
    last = events.start[ticks]
    for j in range(rows + 1):
        start[j] = 0
    for e in range(last):
        start[events.index[e] + 1] += 1
    for j in range(rows):
        start[j + 1] += start[j]
    for k in range(ticks):
        for e in range(events.start[k], events.start[k + 1]):
            m = start[events.index[e]]
            index[m], value[m] = k, events.value[e]
            start[events.index[e]] = m + 1
    for j in range(rows, 0, -1):
        start[j] = start[j - 1]
    start[0] = 0


@native
@no_type_check
def weigh_row(row, other, factor, n):
    """Adds a row of traces, each times what is its neuron's."""
    for i in range(n):
        row[i] += factor[i] * other[i]


@native
@no_type_check
def weigh_traces(row, factor, n):
    """Multiplies a row of traces by what is their neurons'."""
    for i in range(n):
        row[i] *= factor[i]


@native
@no_type_check
def arrive_late(row, n, r, trace, by_row, j, one):
    """Adds to a row what its events, and its trace of those before, make of r."""
    for i in range(n):
        row[i] += trace * r[i]
    gather(row, n, after(r, n), by_row, j, one)


@native
@no_type_check
def run_back(net, cells, plan, room, desk, a, b):
    """All three sums' r and mu; ticks a .. b - 1 are those with a learning signal.

    Returns:
        What the filter loses in the block.
    """
    ticks, n, zero, left = net.ticks, cells.n, cells.zero, cells.one
    alpha, rho, ratio, ahead = net.alpha, plan.rho, desk.ratio, desk.ahead
    mu, mu_filter, mu_adapt = desk.mu, after(desk.mu, n), after(desk.mu, 2 * n)
    kappa = net.kappa if plan.filters else zero
    fill(ahead, n, zero)
    fill(mu, 2 * n, zero)
    fill(mu_adapt, n, cells.one)
    for i in range(n):
        ratio[i] = plan.beta[i] / cells.gain if plan.follows else zero
    fill(after(desk.slope, (ticks + 1) * n), n, zero)
    fill(after(desk.calm, (ticks + 1) * n), n, zero)
    fill(after(desk.filtered, (ticks + 1) * n), n, zero)
    for k in range(ticks, -1, -1):  # counted from 1
        slope = after(desk.slope, k * n)
        if net.calms or a < b:
            x = after(desk.calm, k * n)
            if a < k <= b:
                signal = after(room.post, (k - 1 - a) * n)
                meet_signal(slope, x, ahead, signal, mu, kappa, n)
            elif k > 0:
                meet_silence(slope, x, ahead, mu, kappa, n)
            else:
                meet_all(slope, zero, mu, x, n)
            move_back(x, mu, after(x, n), rho, ratio, alpha, n)
        if plan.filters:
            x, m = after(desk.filtered, k * n), left if k > 0 else zero
            meet_all(slope, m, mu_filter, x, n)
            move_back(x, mu_filter, after(x, n), rho, ratio, alpha, n)
            left = left * kappa if k > 0 else left
        if plan.follows and k == ticks:
            fill(slope, n, zero)
        elif plan.follows:
            meet_all(slope, zero, mu_adapt, slope, n)
            move_back(slope, mu_adapt, after(slope, n), rho, ratio, alpha, n)
    for i in range(n):
        ahead[i] *= kappa
    return left


@native
@no_type_check
def credit_back(net, cells, plan, trace, kept, room, desk, gradient, a, b):
    """What a block leaves at the synapses: its gradient, and their traces after it."""
    n, mu, ahead, by_row = cells.n, desk.mu, desk.ahead, desk.by_row
    one = cells.one
    mu_filter, mu_adapt, taught = after(mu, n), after(mu, 2 * n), net.calms or a < b
    left = run_back(net, cells, plan, room, desk, a, b)
    sort_by_row(room.arriving, net.ticks, net.rows, by_row)
    for j in range(net.rows):
        eps, filtered = after(kept.eps, j * n), after(kept.filtered, j * n)
        if taught:
            row = after(gradient, j * n)
            if plan.filters:
                weigh_row(row, filtered, ahead, n)
            if plan.follows:
                weigh_row(row, eps, mu, n)
            arrive_late(row, n, desk.calm, trace[j], by_row, j, one)
        if plan.filters:
            for i in range(n):
                filtered[i] *= left
            if plan.follows:
                weigh_row(filtered, eps, mu_filter, n)
            arrive_late(filtered, n, desk.filtered, trace[j], by_row, j, one)
        if plan.follows:
            weigh_traces(eps, mu_adapt, n)
            arrive_late(eps, n, desk.slope, trace[j], by_row, j, one)


@native
@no_type_check
def trace_block(x, mask, target, net, cells, plan, state, kept, room, desk, sums):
    """A block of one sample x, as for `act`, whose gradient is added to `sums`."""
    ticks, n, n_out, zero = net.ticks, cells.n, net.n_out, cells.zero
    a, b = window_of(mask, ticks)
    recall(state.z, n, zero, room.arriving, room.fired)
    if plan.follows:
        lower(state.v, kept.a, plan.beta, desk.u, n)
        fill(desk.slope, n, cells.one)
        weigh(desk.slope, lowered(state, desk), cells)
    else:
        fill(desk.slope, n, zero)
    for k in range(ticks):
        collect(x, k, net, cells, room, sums.arrived)
        level = integrate_full(state, net, cells, plan, kept, room, desk, k)
        answer(k, net, state, room)
        if net.hears:
            slope, calm = after(desk.slope, (k + 1) * n), after(desk.calm, (k + 1) * n)
            fill(slope, n, cells.one)
            fill(calm, n, zero)
            weigh(slope, level, cells)
            if net.calms:
                soothe(state.own, room.fired, k, plan, net, n, mask[k], calm, zero)
        if a <= k < b:
            post = after(room.post, (k - a) * n)
            post_out = after(room.post_out, (k - a) * n_out)
            if mask[k]:
                error_of(net.loss, state.y, target, n_out, post_out, zero, cells.one)
                if net.hears:
                    send_back(post_out, n_out, net.back, post, n, zero)
                for o in range(n_out):
                    post_out[o] *= net.gain_out
                    sums.votes[o] += state.y[o]
            else:
                fill(post, n, zero)
                fill(post_out, n_out, zero)
    if net.hears:
        credit_back(
            net, cells, plan, state.trace, kept, room, desk, sums.gradient, a, b
        )
        advance(state.trace, net.rows, net.powers, room.arriving, 0, ticks)
    conclude(net, cells, state, room, sums, a, b)
