"""What the event-driven engine hands over for full traces, and what comes back."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike.engine.event.limits import graph_of
from onspike.neurons import ALIF
from onspike.neurons.base import leak
from onspike.rules.parts.eligibility import EProp, EPropState, PreTraceState
from onspike.rules.parts.regularisers import RateHinge, RateTarget
from onspike.types import Tree


def is_full(learner: Any) -> bool:
    """Whether a learner that sums its gradient needs more than a trace per neuron."""
    graph, rule = graph_of(learner.network), learner.rule
    assert graph is not None
    if isinstance(learner.network.populations[graph.hidden].neuron, ALIF):
        return True
    if {graph.enters, graph.recurs}.isdisjoint(learner.rates()):
        return False
    parts = (
        isinstance(rule.eligibility, EProp),
        isinstance(rule.regulariser, RateTarget),
    )
    return any(parts) or rule.readout_filter is not None


def plan(learner: Any, own: Tree, carried: Any) -> tuple[Any, Any, Any]:
    """What a call with full traces carries, is told and keeps when a sample starts.

    Args:
        learner: One that is not refused.
        own: What each sample has for itself, at rest.
        carried: What a call without full traces carries.
    """
    from onspike.engine.event import full_traces
    from onspike.engine.event.operands import Planned

    network, rule, graph = learner.network, learner.rule, graph_of(learner.network)
    assert graph is not None
    neuron, dt = network.populations[graph.hidden].neuron, network.dt
    (batch, n), rows = carried.state.v.shape, len(carried.w)
    adapts, follows = isinstance(neuron, ALIF), _follows(learner)
    calm = full_traces.NOTHING
    decay, jump = neuron.decay(dt), jnp.ones(())
    for activity in own.rule.activity.values():  # at most one
        carried = carried._replace(state=carried.state._replace(own=activity))
        calm = full_traces.HINGE
        if isinstance(rule.regulariser, RateTarget):
            calm = full_traces.TARGET
            jump = 1 / jnp.asarray(rule.regulariser.tau)
            decay = 1 - dt * jump
    real, nothing = carried.w.dtype, jnp.zeros(n)
    planned = Planned(
        beta=_each(neuron.beta, n, real) if adapts else nothing,
        rho=_each(leak(neuron.tau_adapt, dt), n, real) if adapts else nothing,
        numbers=jnp.stack([jnp.asarray(a).astype(real) for a in (decay, jump)]),
        choices=jnp.asarray(
            [calm, rule.gate.window_only, adapts, follows, _filters(learner)],
            jnp.int32,
        ),
    )
    kept = full_traces.Kept(
        a=jnp.zeros((batch, n)),
        eps=jnp.zeros((batch, rows, n) if follows else (batch, 0, 0)),
        filtered=jnp.zeros((batch, rows, n) if _filters(learner) else (batch, 0, 0)),
    )
    return carried, planned, kept


def memory(learner: Any, rule: Tree, carried: Any, kept: Any) -> Tree:
    """A rule's memory after a sample, as its parts keep it.

    Args:
        learner: One that is not refused.
        rule: That memory at rest.
        carried: What the calls have carried.
        kept: What they have kept.
    """
    network, graph = learner.network, graph_of(learner.network)
    assert graph is not None
    n_in, dt = network.n_in, network.dt
    neuron = network.populations[graph.hidden].neuron
    part = {graph.enters: slice(None, n_in), graph.recurs: slice(n_in, None)}

    def trace(name: str) -> Tree:
        if name == graph.leaves:
            return PreTraceState(carried.state.trace_out)
        pre = carried.state.trace[:, part[name]]
        if not isinstance(learner.rule.eligibility, EProp):
            return PreTraceState(pre)
        shape = len(pre), network.wiring.wire(name).n_post, pre.shape[1]
        eps = (jnp.broadcast_to(neuron.gain(dt) * pre[:, None, :], shape),)
        if _follows(learner):
            eps = (*eps, _by_post(kept.eps[:, part[name]]))
        return EPropState(eps)

    return rule._replace(
        traces={name: trace(name) for name in rule.traces},
        filtered={
            name: _by_post(kept.filtered[:, part[name]]) for name in rule.filtered
        },
        activity={name: carried.state.own for name in rule.activity},
    )


def regulariser(rule: Any) -> tuple[Any, Any]:
    """Its strength, and the bound or the target that it holds activity against."""
    match rule:
        case RateHinge():
            return rule.strength, rule.bound
        case RateTarget():
            return rule.strength, rule.target
    return 0.0, 0.0


def _follows(learner: Any) -> bool:
    graph = graph_of(learner.network)
    assert graph is not None
    neuron = learner.network.populations[graph.hidden].neuron
    return isinstance(neuron, ALIF) and isinstance(learner.rule.eligibility, EProp)


def _filters(learner: Any) -> bool:
    return learner.rule.readout_filter is not None


def _by_post(traces: Float[Array, "batch rows n"]) -> Float[Array, "batch n rows"]:
    return jnp.swapaxes(traces, 1, 2)


def _each(value: Any, n: int, real: Any) -> Float[Array, " n"]:
    return jnp.broadcast_to(jnp.asarray(value).astype(real), (n,))
