"""The published experiments with the predictive rule, ready to run.

Each puts together a neuron or a network, the rule and a device; the tasks are
`onspike.tasks.Pairing` and `onspike.tasks.Sequence`. All numbers are in double
precision in the source: enable `jax_enable_x64` to compare with them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from onspike.devices import Ideal, SoftBound
from onspike.engine.scan import over_blocks
from onspike.learner import Learner
from onspike.network import Network, Population, Projection
from onspike.neurons import LIF
from onspike.rules import Predictive
from onspike.synapses import Exponential
from onspike.tasks.pairing import Protocol
from onspike.types import INPUT


def one_neuron(protocol: Protocol) -> Learner:
    """The protocol's neuron, its weights at the start, under a soft bound."""
    task = protocol.task
    neuron = LIF(protocol.tau_mem, protocol.v_threshold, euler=True)
    wire = Projection(
        INPUT,
        "out",
        gain=0.0,
        mean=protocol.start[None],
        synapse=Exponential(protocol.tau_syn),
    )
    network = Network(
        task.n_in, {"out": Population(neuron, 1)}, {"out": wire}, "out", task.dt
    )
    return Learner(network, Predictive(protocol.rate), SoftBound(Ideal()))


class Pairings(NamedTuple):
    """What came of each pairing."""

    weights: Float[Array, "pairings n_in"]  # after it
    spikes: Bool[Array, "pairings ticks"]  # of the neuron, while it learns


@jax.jit
def pair(protocol: Protocol) -> Pairings:
    """Runs a protocol.

    Protocols of the same shape can be stacked (`alike`) and run with `jax.vmap`.
    """
    learner, task = one_neuron(protocol), protocol.task
    key = jax.random.key(0)  # nothing is drawn from it that matters
    once = jax.tree.map(lambda a: a[None], task.episode("train", jnp.asarray(0), key))

    def whole(carry, samples):
        def tick(state, sample):
            state, seen = learner.tick(task, state, sample)
            return state, seen.z["out"][0, 0] > 0

        return jax.lax.scan(tick, carry[0], samples)

    def show(state, _):
        silence = jnp.zeros(task.ticks, bool)
        state, spikes = over_blocks(task, once, whole, (state, silence), task.ticks)
        return state, Pairings(learner.params(state).weights["out"][0], spikes)

    return jax.lax.scan(show, learner.init(key), length=protocol.pairings)[1]


def alike(protocols: Sequence[Protocol]) -> Protocol:
    """Protocols that differ in numbers only, as one: each field has a leading axis."""
    most = max(p.task.times.shape[1] for p in protocols)

    def widened(p: Protocol) -> Protocol:
        room = ((0, 0), (0, most - p.task.times.shape[1]))
        times = jnp.pad(p.task.times, room, constant_values=jnp.inf)
        return eqx.tree_at(lambda p: p.task.times, p, times)

    return jax.tree.map(lambda *each: jnp.stack(each), *map(widened, protocols))
