"""A network: populations of neurons joined by projections of synapses, a graph."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.random import fold_in
from jaxtyping import Array, Bool, Float, Int

from onspike import checks
from onspike.devices.noise import AbstractNoise, Place, disturb, memory_of
from onspike.neurons import AbstractNeuron, jacobian, scaled, sensitivity
from onspike.synapses import AbstractSynapse
from onspike.types import (
    INPUT,
    Key,
    Local,
    Params,
    Scalar,
    Tree,
    Wire,
    Wiring,
    constant_name,
    is_constant,
)


class Population(eqx.Module):
    """`n` neurons of one kind.

    Args:
        neuron: Their dynamics; its fields are scalars or hold one value per neuron.
        n: How many.
        learns: Constants of the neuron that a rule may learn, one by one for each
            neuron: "tau_mem", "v_threshold". A rule's rate calls them
            "population.tau_mem", and the device holds them as it holds weights.

    Raises:
        ValueError: If `n` is not positive, a field does not fit it, or `learns` names
            what is no positive number of the neuron.
    """

    neuron: AbstractNeuron
    n: int = eqx.field(static=True)
    learns: tuple[str, ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        checks.at_least("Population", "neurons", 1, n=self.n)
        self.neuron.check(self.n)
        for name in self.learns:
            numbers = [f for f, a in vars(self.neuron).items() if _is_number(a)]
            kind = f"constant of {type(self.neuron).__name__} (Population.learns)"
            checks.known(kind, name, numbers)
            # What is learnt is a logarithm: no sign changes, and zero stays zero.
            value = jnp.asarray(getattr(self.neuron, name))
            owner = f"Population.learns: {type(self.neuron).__name__}"
            checks.non_negative(owner, "its own unit", **{name: value})
            checks.positive(owner, "its own unit", **{name: value.max()})


class Projection(eqx.Module):
    """Synapses from every neuron of `pre` to every neuron of `post`, unless masked.

    Args:
        pre: Name of the presynaptic population, or "input".
        post: Name of the postsynaptic population.
        delay: Ticks from spike to arrival; 0 arrives in the same tick.
        mean: Mean of the initial weights: one for all, or each synapse's own,
            (n_post, n_pre).
        gain: Initial weights are normal with sd `gain * sqrt(2 / fan-in)` (He et al.
            2015, arXiv 1502.01852); the fan-in counts the synapses that there are.
        mask: Where there is a synapse, (n_post, n_pre); None means everywhere.
        synapse: What a spike becomes before it is weighed; None leaves it as it is.

    Raises:
        ValueError: If `delay` or `gain` is negative, or `mean` not finite.
    """

    pre: str = eqx.field(static=True)
    post: str = eqx.field(static=True)
    delay: int = eqx.field(static=True, default=0)
    gain: Scalar = 1.0
    mask: Bool[Array, "n_post n_pre"] | None = None
    mean: Scalar | Float[Array, "n_post n_pre"] = 0.0
    synapse: AbstractSynapse | None = None

    def __check_init__(self) -> None:
        checks.at_least("Projection", "ticks", 0, delay=self.delay)
        checks.non_negative("Projection", "1 (a factor)", gain=self.gain)
        checks.finite("Projection", "weight units", mean=self.mean)


class NetworkState(NamedTuple):
    """One tick of a network."""

    neurons: dict[str, Tree]  # by population
    history: dict[str, Float[Array, "delay n"]]  # by source: ring buffer of outputs
    traces: dict[str, Tree]  # by projection that has a synapse model
    noise: dict[str, tuple[Tree, ...]]  # by source, where the chip is noisy
    sent: dict[str, Float[Array, " n"]]  # what noise left of z: by population, likewise


class Network(eqx.Module):
    """A graph of populations and projections.

    Projections without delay must form no cycle, so that a tick has an order;
    recurrent ones have a delay of one tick or more.

    Args:
        n_in: Number of input channels; their source name is "input".
        populations: By name.
        projections: By name.
        output: The population whose `z` is the network's output.
        unit: Neurons per output unit, neighbours in that population; the output is the
            mean of each.
        dt: Length of a tick, in seconds.

    Raises:
        ValueError: If a name is unknown or a projection's has a dot, a mask does not
            fit, `dt` is not positive, or projections without delay form a cycle (the
            error names it).
    """

    populations: dict[str, Population]
    projections: dict[str, Projection]
    n_in: int = eqx.field(static=True)
    output: str = eqx.field(static=True)
    dt: Scalar
    wiring: Wiring = eqx.field(static=True)

    def __init__(
        self,
        n_in: int,
        populations: Mapping[str, Population],
        projections: Mapping[str, Projection],
        output: str,
        dt: Scalar = 1e-3,
        unit: int = 1,
    ):
        self.n_in = n_in
        self.populations = dict(populations)
        self.projections = dict(projections)
        self.output = output
        self.dt = dt
        checks.at_least("Network", "channels", 1, n_in=n_in)
        checks.positive("Network", "seconds", dt=dt)
        checks.known("population (Network.output)", output, populations)
        checks.at_least("Network", "neurons", 1, unit=unit)
        self.wiring = _wiring(n_in, self.populations, self.projections, output, unit)
        if self.wiring.size(output) % unit:
            raise ValueError(
                f"Network.unit must divide the {self.wiring.size(output)} neurons of "
                f"'{output}'; got {unit}"
            )

    @property
    def n_out(self) -> int:
        """Number of output units."""
        return self.wiring.n_out

    def bare(self) -> "Network":
        """What inference needs: without populations that reach no output."""
        kept = {*self.wiring.hidden, self.output}
        if kept == set(self.populations):
            return self
        return Network(
            self.n_in,
            {name: p for name, p in self.populations.items() if name in kept},
            {name: p for name, p in self.projections.items() if p.post in kept},
            output=self.output,
            dt=self.dt,
            unit=self.wiring.unit,
        )

    def init_params(self, key: Key) -> Params:
        """Draws initial weights; constants of neurons start as designed."""
        weights = {}
        names = sorted(self.projections)
        for name, subkey in zip(names, jax.random.split(key, len(names)), strict=True):
            wire, projection = self.wiring.wire(name), self.projections[name]
            w = jax.random.normal(subkey, (wire.n_post, wire.n_pre), float)
            fan_in = jnp.full((wire.n_post, 1), wire.n_pre)
            if projection.mask is not None:
                fan_in = jnp.maximum(1, projection.mask.sum(1, keepdims=True))
            w = w * projection.gain * jnp.sqrt(2.0 / fan_in.astype(float))
            weights[name] = self.masked(name, w + projection.mean)
        for name, wire in self.wiring.constants:
            weights[name] = jnp.zeros((wire.n_post, wire.n_pre))
        neurons = {name: p.neuron for name, p in self.populations.items()}
        return Params(weights=weights, neurons=neurons)

    def masked(
        self, projection: str, w: Float[Array, "n_post n_pre"]
    ) -> Float[Array, "n_post n_pre"]:
        """`w` with zeros where the projection has no synapse; constants have all."""
        if is_constant(projection):
            return w
        mask = self.projections[projection].mask
        return w if mask is None else jnp.where(mask, w, jnp.zeros_like(w))

    def init(self, noise: tuple[AbstractNoise, ...] = ()) -> NetworkState:
        """The network at rest, and what `noise` (of `Params`) remembers."""
        history = {}
        for wire in dict(self.wiring.wires).values():
            if wire.delay:
                depth = max(wire.delay, len(history.get(wire.pre, ())))
                history[wire.pre] = jnp.zeros((depth, wire.n_pre))
        neurons = {name: p.neuron.init(p.n) for name, p in self.populations.items()}
        traces = {
            name: p.synapse.init(self.wiring.wire(name).n_pre)
            for name, p in self.projections.items()
            if p.synapse is not None
        }
        memory = {}
        if noise:
            memory[INPUT] = memory_of(noise, self.n_in, ("spikes",))
            for name, p in self.populations.items():
                places = ("membrane", "spikes") if p.neuron.spiking else ("graded",)
                memory[name] = memory_of(noise, p.n, places)
        sent = {name: neurons[name].z for name in self.populations if noise}
        return NetworkState(neurons, history, traces, memory, sent)

    def step(
        self,
        params: Params,
        state: NetworkState,
        x: Float[Array, " n_in"],
        currents: dict[str, Float[Array, " n"]],
        tick: Int[Array, ""],
        key: Key | None = None,
    ) -> tuple[NetworkState, dict[str, Local], Float[Array, " n_out"]]:
        """One tick.

        Args:
            params: Weights and neuron constants.
            state: The network before the tick.
            x: What arrives at the input channels.
            currents: Currents injected from outside the graph, past all synapses,
                by population.
            tick: Number of this tick: where the ring buffers stand.
            key: Of all chance in this tick; a chip that is noisy needs one.

        Returns:
            The network after the tick, what each projection's synapses can see, and
            the output.

        Raises:
            ValueError: If there is noise and no key.
        """
        noise = dict(state.noise)
        sources = (INPUT, *self.populations)

        def disturbed(source: str, place: Place, signal: Array) -> Array:
            if params.noise:
                own = None if key is None else fold_in(key, sources.index(source))
                noise[source], signal = disturb(
                    params.noise, noise[source], place, signal, self.dt, own
                )
            return signal

        z = {INPUT: disturbed(INPUT, "spikes", x)}
        spikes, arriving, traces, new, sees = {}, {}, {}, {}, {}
        for population in self.wiring.order:
            old = state.neurons[population]
            current = jnp.zeros_like(old.v)
            neuron = self._driven(population, params, currents)
            if params.noise and neuron.spiking:
                # As a current that, held, would bring the membrane there.
                reach = (1.0 - neuron.decay(self.dt)) / neuron.gain(self.dt)
                neuron = neuron.inject(
                    reach * disturbed(population, "membrane", current)
                )
            for name, wire in self.wiring.wires:
                if wire.post == population:
                    spikes[name] = self._spikes(name, z, state, tick)
                    arriving[name], trace = self._through(name, spikes[name], state)
                    traces |= trace
                    current = current + params.weights[name] @ arriving[name]
            now = neuron.step(old, current, self.dt)
            own = jacobian(neuron, old, current, self.dt)
            alive = params.alive.get(population)
            if alive is not None:  # the dead neither fire nor pass a derivative
                now = now._replace(z=alive * now.z)
                own = own._replace(emit=alive[None, :] * own.emit)
            new[population] = now
            place = "spikes" if neuron.spiking else "graded"
            z[population] = disturbed(population, place, now.z)
            for name, wire in self.wiring.wires:
                if wire.post == population:
                    sees[name] = own
            for field in self.populations[population].learns:
                name = constant_name(population, field)
                spikes[name] = arriving[name] = jnp.ones(1, current.dtype)
                drive, direct = sensitivity(neuron, field, old, current, self.dt)
                if alive is not None:
                    direct = alive * direct
                sees[name] = own._replace(drive=drive, direct=direct)
        history = {
            source: ring.at[_slot(tick, ring)].set(z[source])
            for source, ring in state.history.items()
        }
        local = {
            name: Local(
                spikes=spikes[name],
                pre=arriving[name],
                old=state.neurons[wire.post],
                new=new[wire.post],
                z=new[wire.post].z,
                psi=sees[name].emit[0],
                gain=sees[name].drive[0],
                jacobian=sees[name],
                decay=self.populations[wire.post].neuron.decay(self.dt),
                readout_decay=self.populations[self.output].neuron.decay(self.dt),
                dt=self.dt,
                key=None if key is None else fold_in(key, len(sources) + i),
            )
            for i, (name, wire) in enumerate(self.wiring.wires + self.wiring.constants)
        }
        y = self.wiring.pool(z[self.output])
        sent = {name: z[name] for name in state.sent}
        return NetworkState(new, history, traces, noise, sent), local, y

    def foresee(
        self,
        state: NetworkState,
        x: Float[Array, " n_in"],
        tick: Int[Array, ""],
        projections: tuple[str, ...],
        noise: tuple[AbstractNoise, ...] = (),
        key: Key | None = None,
    ) -> dict[str, Local]:
        """What synapses can see before a tick: arriving spikes and old neurons.

        Raises:
            ValueError: If what arrives at one of the projections is not known yet.
        """
        if noise:
            own = None if key is None else fold_in(key, 0)
            _, x = disturb(noise, state.noise[INPUT], "spikes", x, self.dt, own)
        local, known = {}, {INPUT: x}
        for name in projections:
            wire = self.wiring.wire(name)
            if not wire.delay and wire.pre not in known:
                raise ValueError(
                    f"a rule that writes before the step cannot change '{name}', at "
                    f"which spikes of the same tick arrive; give it a delay"
                )
            old = state.neurons[wire.post]
            decay = self.populations[wire.post].neuron.decay(self.dt)
            none: Any = None
            spikes = self._spikes(name, known, state, tick)
            local[name] = Local(
                spikes=spikes,
                pre=self._through(name, spikes, state)[0],
                old=old,
                new=old,
                z=old.z,
                psi=none,
                gain=none,
                jacobian=none,
                decay=decay,
                readout_decay=self.populations[self.output].neuron.decay(self.dt),
                dt=self.dt,
            )
        return local

    def _driven(
        self, population: str, params: Params, currents: dict[str, Array]
    ) -> AbstractNeuron:
        """A population as it is in a tick: what it has learnt, and what is injected."""
        neuron = params.neurons[population]
        for field in self.populations[population].learns:
            c = params.weights[constant_name(population, field)]
            neuron = scaled(neuron, field, jnp.exp(c[:, 0]))
        if population in currents:
            taken = params.inlets.get(population, 1.0) * currents[population]
            neuron = neuron.inject(taken)
        return neuron

    def _spikes(self, name: str, z: dict, state: NetworkState, tick) -> Array:
        """What a projection brings in this tick."""
        wire = self.wiring.wire(name)
        if wire.delay:
            ring = state.history[wire.pre]
            return ring[_slot(tick - wire.delay, ring)]
        return z[wire.pre]

    def _through(
        self, name: str, spikes: Array, state: NetworkState
    ) -> tuple[Array, dict[str, Tree]]:
        """What is weighed, and what the synapses then remember, if anything."""
        synapse = self.projections[name].synapse
        if synapse is None:
            return spikes, {}
        trace = synapse.step(state.traces[name], spikes, self.dt)
        return synapse.output(trace), {name: trace}


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int | Array) and not isinstance(value, bool)


def _slot(tick: Int[Array, ""], ring: Array) -> Int[Array, ""] | int:
    # A constant index where there is no choice: a traced one costs a gather.
    return tick % len(ring) if len(ring) > 1 else 0


def _wiring(
    n_in: int, populations: dict, projections: dict, output: str, unit: int
) -> Wiring:
    sizes = {INPUT: n_in} | {name: p.n for name, p in populations.items()}
    if INPUT in populations:
        raise ValueError(f"no population may be called '{INPUT}': the input is")
    wires = {}
    for name, p in projections.items():
        if is_constant(name):
            raise ValueError(
                "no projection's name may have a dot, as those of learnt constants do; "
                f"got '{name}'"
            )
        checks.known(f"population (Projection '{name}'.pre)", p.pre, sizes)
        checks.known(f"population (Projection '{name}'.post)", p.post, populations)
        each = {"mask": p.mask, "mean": p.mean if np.ndim(p.mean) else None}
        given = {field: value for field, value in each.items() if value is not None}
        checks.shape(f"Projection '{name}'", (sizes[p.post], sizes[p.pre]), **given)
        wires[name] = Wire(
            pre=p.pre,
            post=p.post,
            delay=p.delay,
            n_pre=sizes[p.pre],
            n_post=sizes[p.post],
            n_state=len(populations[p.post].neuron.continuous),
        )
    constants = {
        constant_name(name, field): Wire(
            pre="",
            post=name,
            delay=0,
            n_pre=1,
            n_post=p.n,
            n_state=len(p.neuron.continuous),
        )
        for name, p in populations.items()
        for field in p.learns
    }
    return Wiring(
        wires=tuple(wires.items()),
        order=_order(list(populations), wires),
        sizes=tuple((name, p.n) for name, p in populations.items()),
        output=output,
        unit=unit,
        constants=tuple(constants.items()),
    )


def _order(populations: list[str], wires: dict[str, Wire]) -> tuple[str, ...]:
    """Populations so that each follows all it hears in the same tick."""
    hears = {
        p: [w.pre for w in wires.values() if w.post == p and not w.delay]
        for p in populations
    }
    order: list[str] = []

    def visit(population: str, path: tuple[str, ...]) -> None:
        if population in path:
            cycle = [*path[path.index(population) :], population]
            raise ValueError(
                "projections without delay form a cycle: "
                f"{' <- '.join(cycle)}; give one of them delay >= 1"
            )
        if population not in order:
            for pre in hears[population]:
                if pre != INPUT:
                    visit(pre, (*path, population))
            order.append(population)

    for population in populations:
        visit(population, ())
    return tuple(order)
