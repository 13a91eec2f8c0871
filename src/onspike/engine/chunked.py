"""An engine that touches each synapse once per block of ticks, and is exact."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike import checks
from onspike.engine.base import AbstractEngine
from onspike.engine.scan import blank, over_blocks, real, settle, tally
from onspike.rules.parts.eligibility import EProp, EPropState, PreTrace, PreTraceState
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import EndOfSample
from onspike.rules.parts.signals import AbstractSignal
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Dense, Jacobian, Outer, contract, is_constant


class Seen(NamedTuple):
    """What a block of ticks leaves for the synapses, time first."""

    pre: dict[str, Array]  # arriving spikes, by projection
    jacobian: dict[str, Jacobian]  # by population, and by learnt constant
    credit: dict[str, Array]  # learning signal, by population
    calm: dict[str, Array]  # the regulariser's, by regulated population
    decay: dict[str, Array]  # nominal, by population
    kappa: Array


class Chunked(AbstractEngine):
    r"""Runs neurons tick by tick and synapses block by block.

    Within a block the eligibility is not carried forward; instead the learning signal
    is carried backwards, through each neuron's own Jacobians:
    $\lambda_t = z'_t L_t + D_{t+1}^T \lambda_{t+1}$. The block's update is then one
    matrix product, $\sum_t (b_t \cdot \lambda_t) s_t^T$, plus what the eligibility at
    the block's start contributes, and the eligibility itself moves on by another one.
    Holds for any neuron; the sums are those of `Scan` up to rounding. Memory grows with
    the block, not with the sample.

    Takes `ThreeFactor` rules with `EProp` or `PreTrace` that are written at the end of
    a sample.

    Args:
        block: Most ticks in a block.

    Raises:
        ValueError: If `block` is not positive.
    """

    block: int = eqx.field(static=True, default=100)

    def __check_init__(self) -> None:
        checks.at_least("Chunked", "ticks", 1, block=self.block)

    def refuses(self, learner, task):
        del task
        rule, network = learner.rule, learner.network
        if not isinstance(rule, ThreeFactor):
            return f"{type(rule).__name__} is not a ThreeFactor rule"
        if type(rule.signal).feedback is not AbstractSignal.feedback:
            return f"{type(rule.signal).__name__} acts on neurons between two ticks"
        for name in learner.rates():
            post = network.wiring.wire(name).post
            factored = isinstance(rule.eligibility_of(name, network.wiring), PreTrace)
            shared = network.populations[post].neuron.decay(network.dt).ndim == 0
            if factored and not shared:
                return f"PreTrace needs one tau_mem for all neurons of '{post}'"
        readout = network.populations[network.output].neuron.decay(network.dt)
        if rule.readout_filter is not None and readout.ndim:
            return "ReadoutFilter needs one tau_mem for all readout units"
        if not isinstance(rule.gate, EndOfSample):
            return f"the gate {type(rule.gate).__name__} writes within a sample"
        if not isinstance(rule.readout_filter, ReadoutFilter | None):
            return f"the filter {type(rule.readout_filter).__name__} has no block form"
        for part in (rule.eligibility, rule.readout):
            if not isinstance(part, EProp | PreTrace):
                return f"the eligibility {type(part).__name__} has no block form"
        return None

    def unroll(self, learner, task, state, episodes):
        self.accept(learner, task)
        shared = state.shared
        params = learner.device.read(shared.store.die)
        wiring, rule = learner.network.wiring, learner.rule

        def tick(carry, sample):
            (own, record, t), sample = carry, real(sample)

            def sense(own, x, target, reward, key):
                one = sample._replace(x=x, target=target, reward=reward, key=key)
                network, local, y = learner.network.step(
                    params, own.network, x, {}, t, key
                )
                teaching = task.teach(y, one)
                memory, credit, calm = rule.hear(
                    shared.rule, own.rule, params, local, teaching, wiring
                )
                if rule.gate.window_only:
                    credit, calm = jax.tree.map(
                        lambda c: jnp.where(sample.mask, c, jnp.zeros_like(c)),
                        (credit, calm),
                    )
                z = {name: neurons.z for name, neurons in network.neurons.items()}
                seen = _seen(local, credit, calm, wiring)
                return type(own)(network, memory), seen, y, z

            own, seen, y, z = jax.vmap(sense)(
                own, sample.x, sample.target, sample.reward, sample.key
            )
            record = tally(record, sample, y, z, jnp.zeros((), jnp.int32))
            return (own, record, t + 1), seen

        def block(carry, samples):
            own, pending, record, t = carry
            (own, record, t), seen = jax.lax.scan(tick, (own, record, t), samples)
            synapses = jax.vmap(lambda m, s: _synapses(rule, m, s, wiring), (0, 1))
            memory, update = synapses(own.rule, seen)
            pending = jax.tree.map(jnp.add, pending, contract(update))
            return own._replace(rule=memory), pending, record, t

        record = blank(task, learner.network, episodes)
        start = (jax.vmap(learner.rest)(state.own), shared.pending, record, shared.tick)
        own, pending, record, t = over_blocks(task, episodes, block, start, self.block)
        store, change, written = learner.write(shared.store, pending, t - 1)
        shared = shared._replace(
            store=store,
            rule=rule.adapt(shared.rule, change),
            pending=jax.tree.map(jnp.zeros_like, pending),
            tick=t,
        )
        return type(state)(shared, own), settle(record)._replace(written=written)


def _seen(local: dict, credit: dict, calm: dict, wiring: Any) -> Seen:
    by_post = {wire.post: local[name] for name, wire in wiring.wires}
    return Seen(
        pre={name: one.pre for name, one in local.items()},
        jacobian={post: one.jacobian for post, one in by_post.items()}
        | {name: local[name].jacobian for name, _ in wiring.constants},
        credit=credit,
        calm=calm,
        decay={post: one.decay for post, one in by_post.items()},
        kappa=next(iter(local.values())).readout_decay,
    )


def _synapses(rule: ThreeFactor, own: Any, seen: Seen, wiring: Any) -> tuple:
    """A block's update of one sample, and its traces at the block's end."""
    traces, filtered, update = dict(own.traces), dict(own.filtered), {}
    adjoints: dict[str, _Adjoint] = {}
    for name in own.traces:
        post = wiring.wire(name).post
        signals = _signals(rule, seen, post, name in filtered)
        if isinstance(rule.eligibility_of(name, wiring), PreTrace):
            traces[name], found = _pre_trace(
                own.traces[name], seen, name, post, signals
            )
        else:
            key = name if is_constant(name) else post
            if key not in adjoints:  # the same for all projections into a population
                adjoints[key] = _adjoint(seen.jacobian[key], signals)
            traces[name], found = _eprop(
                own.traces[name], adjoints[key], seen.pre[name]
            )
        update[name] = found["credit"] + found.get("calm", ())
        if name in filtered:
            back = seen.kappa[0] ** len(seen.kappa)
            carried = seen.kappa[0] * signals["credit"][0]
            update[name] += (Dense(carried[:, None] * filtered[name]),)
            gained = contract({name: found["filter"]})[name]
            filtered[name] = back * filtered[name] + gained
    return own._replace(traces=traces, filtered=filtered), update


def _signals(rule: ThreeFactor, seen: Seen, post: str, behind_filter: bool) -> dict:
    """What multiplies the unfiltered eligibility at every tick of the block."""
    credit = seen.credit[post]
    if not behind_filter:
        calm = seen.calm.get(post)
        return {"credit": credit if calm is None else credit + calm}
    after = jnp.arange(len(credit))[::-1].astype(credit.dtype)  # ticks still to come
    signals = {
        "credit": _backwards(seen.kappa[0], credit),
        "filter": jnp.broadcast_to((seen.kappa[0] ** after)[:, None], credit.shape),
    }
    if post in seen.calm:
        signals["calm"] = seen.calm[post]
    return signals


def _backwards(
    decay: Float[Array, ""], values: Float[Array, "T n"]
) -> Float[Array, "T n"]:
    def step(later, value):
        total = value + decay * later
        return total, total

    zero = jnp.zeros_like(values[0])
    return jax.lax.scan(step, zero, values, reverse=True)[1]


class _Adjoint(NamedTuple):
    """Post factors of every signal and, under its number, of every final trace."""

    post: dict[str | int, Float[Array, "T n"]]  # meets the presynaptic spikes
    start: dict[str | int, Float[Array, "d n"]]  # meets the traces at the start


def _adjoint(jacobian: Jacobian, signals: dict[str, Array]) -> _Adjoint:
    ticks, d, n = jacobian.drive.shape
    kinds = range(d)
    names = [*signals, *kinds]
    silence = [jnp.zeros((ticks, n))] * d
    stacked = jnp.stack([*signals.values(), *silence], 1)  # time, signal, neuron
    none = jnp.zeros((len(signals), d, n))
    unit = jnp.broadcast_to(jnp.eye(d)[:, :, None], (d, d, n))

    def step(later, now):
        (recur, drive, emit, direct), signal = now
        here = later + signal[:, None, :] * emit[None]
        # Sums over d written out: XLA makes one elementwise loop of them.
        post = _sum(drive[None, k] * here[:, k] for k in kinds)
        if direct is not None:
            post = post + direct[None] * signal
        before = [_sum(recur[None, k, m] * here[:, k] for k in kinds) for m in kinds]
        return jnp.stack(before, 1), post

    start, post = jax.lax.scan(
        step, jnp.concatenate([none, unit]), (jacobian, stacked), reverse=True
    )
    return _Adjoint(
        post={name: post[:, i] for i, name in enumerate(names)},
        start={name: start[i] for i, name in enumerate(names)},
    )


def _sum(terms: Iterable[Array]) -> Array:
    return functools.reduce(jnp.add, terms)


def _eprop(
    state: EPropState, adjoint: _Adjoint, pre: Float[Array, "T n_pre"]
) -> tuple[EPropState, dict[str, tuple]]:
    def term(name: str | int) -> tuple[Outer, Dense]:
        start = adjoint.start[name]
        left = _sum(start[k, :, None] * eps for k, eps in enumerate(state.eps))
        return Outer(adjoint.post[name], pre), Dense(left)

    kinds = range(len(state.eps))
    eps = contract({str(k): term(k) for k in kinds})
    found = {name: term(name) for name in adjoint.post if isinstance(name, str)}
    return EPropState(tuple(eps[str(k)] for k in kinds)), found


def _pre_trace(
    state: PreTraceState, seen: Seen, name: str, post: str, signals: dict[str, Array]
) -> tuple[PreTraceState, dict[str, tuple]]:
    def step(trace, now):
        decay, pre = now
        trace = decay * trace + pre
        return trace, trace

    last, traces = jax.lax.scan(step, state.pre, (seen.decay[post], seen.pre[name]))
    slope = seen.jacobian[post].emit[:, 0] * seen.jacobian[post].drive[:, 0]
    found = {key: (Outer(slope * s, traces),) for key, s in signals.items()}
    return PreTraceState(last), found
