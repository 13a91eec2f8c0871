"""The engine that is driven by events."""

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from onspike import checks
from onspike.devices import Fixed
from onspike.engine.base import AbstractEngine, Record
from onspike.engine.event.full import is_full, memory, plan, regulariser
from onspike.engine.event.limits import (
    LOSSES,
    RESETS,
    SURROGATES,
    WRITES,
    Graph,
    graph_of,
    refusal,
)
from onspike.engine.scan import BLOCK, blank, over_blocks, settle
from onspike.rules.parts.broadcast import DirectFeedback
from onspike.rules.parts.feedback import Symmetric
from onspike.rules.parts.gates import EndOfSample
from onspike.rules.parts.signals import NoSignal
from onspike.surrogates import Box, Triangle
from onspike.tasks.base import AbstractTask
from onspike.types import Key, Params, Tree


class Event(AbstractEngine):
    r"""Runs neurons and synapses in native code that touches only what has an event.

    A tick adds up the rows of weights of those units that have spiked, and does nothing
    for the others; traces are moved on where somebody looks at them. Where writes wait
    for the end of the sample, a gradient's sum over ticks, $\sum_t \bar s_j^t q_i^t$,
    is found with the post factor filtered backwards in time instead of the presynaptic
    spikes forwards: $\sum_t s_j^t r_i^t$, $r_i^t = q_i^t + \alpha r_i^{t+1}$. So it,
    too, touches the rows that have spiked. Ticks without a target learn nothing.

    Full e-prop, of adaptive neurons too and behind the readout's filter, is found
    likewise (`full_traces`): each synapse's traces are touched once in a block of
    ticks.

    Where one sample is written at every tick, and no weight decays, a row of weights is
    brought up to date when its input spikes, for all writes since it last did: they are
    one product. `Record.written` counts there what writes ask for, all synapses with a
    trace at which an error arrives. `Scan` leaves out changes too small for the number
    they meet: in double precision hardly any, in single precision a quarter of them in
    a 700-256-20 network at a rate of 1e-5.

    Takes one population of LIF or ALIF neurons, recurrent or not, with a leaky readout,
    and `ThreeFactor` rules with `PreTrace` or `EProp`; what else it says itself:
    `refuses`. The code is compiled by numba when it is first used on a machine.
    Shares of a batch, and networks side by side (`jax.vmap`), run on all cores.

    Args:
        shares: Parts into which a batch is cut where writes wait for the end of the
            sample. Each sums its own gradient, and threads run them side by side. The
            cut is not the machine's, so that the sum is the same on any.

    Raises:
        ValueError: If `shares` is not positive.
    """

    shares: int = eqx.field(static=True, default=4)

    def __check_init__(self) -> None:
        checks.at_least("Event", "parts of a batch", 1, shares=self.shares)

    def refuses(self, learner, task):
        return refusal(learner, task)

    def unroll(self, learner, task, state, episodes):
        self.accept(learner, task)
        if isinstance(learner.rule.gate, EndOfSample):
            return self._sum(learner, task, state, episodes)
        return self._write(learner, task, state, episodes)

    def _sum(
        self, learner: Any, task: AbstractTask, state: Tree, episodes: Any
    ) -> tuple[Tree, Record]:
        """Learns from a batch that is written when it is over."""
        from onspike.engine.event.calls import call, call_full

        shared, graph = state.shared, graph_of_learner(learner)
        shares = min(self.shares, episodes.label.shape[0])
        given, carried = prepare(learner, task, state, episodes, shares)
        gradient = jnp.zeros((shares, *carried.w.shape))
        carried = carried._replace(
            gradient=gradient, gradient_out=jnp.zeros((shares, *carried.w_out.shape))
        )
        planned: Any = None
        kept: Any = None
        if is_full(learner):
            own = jax.vmap(learner.rest)(state.own)
            carried, planned, kept = plan(learner, own, carried)

        def block(carry, samples):
            carried, kept = carry
            now = _now(given, samples)
            if kept is None:
                return call("sum", now, carried), None
            return call_full(now, carried, planned, kept)

        start = carried, kept
        carried, kept = over_blocks(task, episodes, block, start, BLOCK)
        found = by_projection(
            graph, carried.gradient.sum(0), carried.gradient_out.sum(0)
        )
        pending = {n: g + found[n] for n, g in shared.pending.items()}
        t = shared.tick + task.ticks
        store, change, written = learner.write(shared.store, pending, t - 1)
        shared = shared._replace(
            store=store,
            rule=learner.rule.adapt(shared.rule, change),
            pending=jax.tree.map(jnp.zeros_like, pending),
            tick=t,
        )
        return finish(learner, task, state, shared, carried, kept, episodes, written)

    def _write(
        self, learner: Any, task: AbstractTask, state: Tree, episodes: Any
    ) -> tuple[Tree, Record]:
        """Learns from a batch while writes happen at every tick."""
        from onspike.engine.event.calls import call

        shared, graph = state.shared, graph_of_learner(learner)
        given, carried = prepare(learner, task, state, episodes, 1)
        names, rates = (graph.enters, graph.recurs, graph.leaves), learner.rates()
        store = shared.store

        def block(carry, samples):
            carried, writes, t = carry
            ticks = t + jnp.arange(len(samples.mask), dtype=t.dtype)
            gate = learner.rule.gate.when(samples).write
            opens = jnp.broadcast_to(jnp.asarray(gate), samples.mask.shape)
            opens = opens.astype(jnp.int32)
            before = writes + jnp.cumsum(opens) - opens
            scale = jnp.broadcast_to(jax.vmap(learner.schedule)(before), opens.shape)
            none = jnp.zeros_like(scale)
            steady = [rates[n] + none if n in rates else none for n in names]
            moves = [opens.astype(scale.dtype) * scale * rate for rate in steady]
            loses = [move * learner.weight_decay for move in moves]
            now = _now(given, samples)._replace(
                rates=jnp.stack([*moves, *loses, scale, *steady], 1)
            )
            if isinstance(learner.device, Fixed):
                keys = jax.vmap(lambda t: _keys(store.key, t, names, rates))(ticks)
                now = now._replace(keys=keys)
            writes = writes + opens.sum(dtype=jnp.int32)
            return call("write", now, carried), writes, t + len(ticks)

        start = carried, store.writes, shared.tick
        carried, writes, t = over_blocks(task, episodes, block, start, BLOCK)
        found = by_projection(graph, carried.w, carried.w_out)
        die = _stored(learner.device, store.die, {n: found[n] for n in rates})
        shared = shared._replace(store=store._replace(die=die, writes=writes), tick=t)
        return finish(
            learner, task, state, shared, carried, None, episodes, carried.written[0]
        )


def prepare(
    learner: Any, task: AbstractTask, state: Tree, episodes: Any, shares: int
) -> tuple[Any, Any]:
    """What a native call reads in any block, and what it finds in the first."""
    from onspike.engine.event.kernels import State
    from onspike.engine.event.operands import Carried, Choices, Given, Numbers

    network, rule = learner.network, learner.rule
    graph, params = (
        graph_of_learner(learner),
        learner.device.read(state.shared.store.die),
    )
    cells, readout = (
        network.populations[graph.hidden],
        network.populations[network.output],
    )
    neuron, n, batch = cells.neuron, cells.n, episodes.label.shape[0]
    w_in, w_out = params.weights[graph.enters].T, params.weights[graph.leaves].T
    real = w_out.dtype
    both = [w_in] if graph.recurs is None else [w_in, params.weights[graph.recurs].T]
    w = jnp.concatenate(both)
    hears = not {graph.enters, graph.recurs}.isdisjoint(learner.rates())
    calms = hears and rule.regulariser is not None
    back, transport = _back(rule.signal, state.shared.rule, params, graph, network)
    refractory = neuron.refractory
    period = 0 if refractory is None else jnp.round(refractory.tau_ref / network.dt)
    slope, other = _slope(neuron.surrogate)
    strength, bound = regulariser(rule.regulariser if calms else None)
    numbers = Numbers(
        alpha=neuron.decay(network.dt),
        gain=neuron.gain(network.dt),
        slope=slope,
        other=other,
        kappa=readout.neuron.decay(network.dt),
        gain_out=readout.neuron.gain(network.dt),
        strength=strength,
        bound=bound,
        transport=transport,
        zero=0.0,
        one=1.0,
    )
    synapses, device = _synapses(network, graph), learner.device
    few, inside = isinstance(device, Fixed), not isinstance(rule.gate, EndOfSample)
    if few and inside:
        _check_key(state.shared.store.key)
    choices = Choices(
        reset=RESETS.index(type(neuron.reset)),
        surrogate=SURROGATES.index(type(neuron.surrogate)),
        refractory=refractory is not None,
        clamp=refractory is not None and refractory.clamp,
        loss=LOSSES.index(type(task.loss)),
        recurrent=graph.recurs is not None,
        hears=hears,
        calms=calms,
        masked=synapses.size > 1,
        threads=cores(),
        few=few,
        mode=WRITES.index(type(device.write_mode)) if few and inside else 0,
        top=device.top if few else 0,
    )
    nothing: Any = None
    lsb = state.shared.store.die.lsb if few else {}

    def each(value: Any, length: int, kind: Any = real) -> Array:
        return jnp.broadcast_to(jnp.asarray(value).astype(kind), (length,))

    given = Given(
        spikes=nothing,
        graded=nothing,
        mask=nothing,
        target=jax.vmap(task.target)(episodes).astype(real),
        threshold=each(neuron.v_threshold, n),
        bias=each(neuron.bias, n),
        period=each(period, n, jnp.int32),
        bias_out=each(readout.neuron.bias, readout.n),
        numbers=jnp.stack([jnp.asarray(value).astype(real) for value in numbers]),
        choices=jnp.asarray([int(choice) for choice in choices], jnp.int32),
        rates=jnp.zeros((0, 0)),
        synapses=synapses,
        lsb=jnp.stack([lsb.get(str(name), jnp.ones((), real)) for name in graph[1:]]),
        keys=jnp.zeros((0, 3, 2), jnp.uint32),
    )
    carried = Carried(
        w=w,
        w_out=w_out,
        back=back,
        state=State(
            v=jnp.zeros((batch, n)),
            z=jnp.zeros((batch, n)),
            wait=jnp.zeros((batch, n), jnp.int32),
            trace=jnp.zeros((batch, len(w))),
            own=jnp.zeros((batch, n)),
            trace_out=jnp.zeros((batch, n)),
            y=jnp.zeros((batch, readout.n)),
        ),
        votes=jnp.zeros((batch, readout.n)),
        arrived=jnp.zeros((shares, network.n_in)),
        spikes=jnp.zeros((shares, n)),
        gradient=jnp.zeros((0, *w.shape)),
        gradient_out=jnp.zeros((0, *w_out.shape)),
        written=jnp.zeros(1, jnp.int32),
    )
    return given, carried


def _now(given: Any, samples: Any) -> Any:
    """The same with the input of a block."""
    x, mask = jnp.swapaxes(samples.x, 0, 1), samples.mask.astype(bool)
    none, real = x[:, :, :0], given.threshold.dtype
    if x.dtype == bool:
        return given._replace(spikes=x, graded=none.astype(real), mask=mask)
    return given._replace(spikes=none.astype(bool), graded=x.astype(real), mask=mask)


def _check_key(key: Key) -> None:
    """Raises ValueError unless native code can draw what JAX draws from a key."""
    drawn = str(jax.random.key_impl(key))
    if drawn != "threefry2x32":
        raise ValueError(
            f"engine Event draws random bits by threefry2x32, and the learner's key is "
            f"of {drawn}: use a key of threefry2x32, or another engine"
        )


def _keys(
    key: Key, tick: Array, names: tuple[str | None, ...], rates: dict[str, Any]
) -> UInt32[Array, "3 2"]:
    """The words from which the chance of a tick's writes comes, by projection."""
    drawn = jax.random.split(jax.random.fold_in(key, tick), len(rates))
    found = dict(zip(sorted(rates), jax.random.key_data(drawn), strict=True))
    none = jnp.zeros(2, jnp.uint32)
    return jnp.stack([found.get(str(name), none) for name in names])


def _stored(device: Any, die: Tree, weights: dict[str, Array]) -> Tree:
    """A die with other weights, which it can hold."""
    if isinstance(device, Fixed):
        codes = {
            name: jnp.round(w / die.lsb[name]).astype(die.codes[name].dtype)
            for name, w in weights.items()
        }
        return die._replace(codes=die.codes | codes)
    return die._replace(weights=die.weights | weights)


def _back(
    signal: Any, shared: Tree, params: Params, graph: Graph, network: Any
) -> tuple[Float[Array, "n_out n"], Any]:
    """What the error comes back through, and how the readout's weights make it."""
    w = params.weights[graph.leaves]
    if isinstance(signal, NoSignal):
        return jnp.zeros_like(w), 0.0
    if isinstance(signal, DirectFeedback):
        return shared[graph.hidden].T, 0.0
    gain = network.populations[network.output].neuron.gain(network.dt)
    slope = gain if signal.output_slope else jnp.ones_like(gain)
    back = slope * signal.back(shared, params)[graph.leaves].T
    return back, slope if isinstance(signal, Symmetric) else 0.0


def _slope(surrogate: Any) -> tuple[Any, Any]:
    """The constants of a surrogate, as the kernels take them."""
    if isinstance(surrogate, Triangle):
        return surrogate.gamma, 0.0
    if isinstance(surrogate, Box):
        return surrogate.width / 2, surrogate.height
    return surrogate.beta, 0.0


def _synapses(network: Any, graph: Graph) -> Array:
    """1 where there is a synapse onto a hidden neuron; (1, 1) if that is everywhere."""
    names = [name for name in (graph.enters, graph.recurs) if name is not None]
    if all(network.projections[name].mask is None for name in names):
        return jnp.ones((1, 1))
    ones = {name: jnp.ones(_shape(network, name)) for name in names}
    return jnp.concatenate([network.masked(name, one).T for name, one in ones.items()])


def _shape(network: Any, name: str) -> tuple[int, int]:
    wire = network.wiring.wire(name)
    return wire.n_post, wire.n_pre


def by_projection(graph: Graph, rows: Array, rows_out: Array) -> dict[str, Array]:
    """Rows by presynaptic unit as matrices by projection."""
    n = rows.shape[1]
    found = {graph.leaves: rows_out.T}
    if graph.recurs is None:
        return found | {graph.enters: rows.T}
    return found | {graph.enters: rows[:-n].T, graph.recurs: rows[-n:].T}


def finish(
    learner: Any,
    task: AbstractTask,
    state: Tree,
    shared: Tree,
    carried: Any,
    kept: Any,
    episodes: Any,
    written: Array,
) -> tuple[Tree, Record]:
    """The learner's state after a batch, and its record."""
    graph, now = graph_of_learner(learner), carried.state
    own = jax.vmap(learner.rest)(state.own)
    network, rule, out = own.network, own.rule, learner.network.output
    cells, readout = network.neurons[graph.hidden], network.neurons[out]
    wait = None if cells.wait is None else now.wait
    cells = cells._replace(v=now.v, z=now.z, wait=wait)
    if hasattr(cells, "a"):
        cells = cells._replace(a=kept.a)
    neurons = {graph.hidden: cells, out: readout._replace(v=now.y, z=now.y)}
    history = {name: now.z[:, None, :] for name in network.history}
    own = own._replace(
        network=network._replace(neurons=neurons, history=history),
        rule=memory(learner, rule, carried, kept),
    )
    record = blank(task, learner.network, episodes)._replace(
        answer=carried.votes,
        arrived=carried.arrived.sum(0),
        spikes={graph.hidden: carried.spikes.sum(0)},
        written=written,
    )
    return type(state)(shared, own), settle(record)


def cores() -> int:
    """Cores on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def graph_of_learner(learner: Any) -> Graph:
    """Of a network that is not refused."""
    graph = graph_of(learner.network)
    assert graph is not None
    return graph
