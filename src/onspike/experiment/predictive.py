"""The published experiments with the predictive rule, ready to run.

Each puts together a neuron or a network, the rule and a device; the tasks are
`onspike.tasks.Pairing` and `onspike.tasks.Sequence`. All numbers are in double
precision in the source: enable `jax_enable_x64` to compare with them.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from onspike import checks
from onspike.devices import Ideal, SoftBound
from onspike.engine.infer import record
from onspike.engine.scan import over_blocks, real
from onspike.learner import Learner
from onspike.network import Network, Population, Projection
from onspike.neurons import LIF
from onspike.rules import Predictive
from onspike.synapses import Exponential
from onspike.tasks import AbstractTask, Protocol, Sequence
from onspike.types import INPUT, Key, Params, Scalar


def one_neuron(
    task: AbstractTask,
    start: Float[Array, " n_in"],
    tau_mem: Scalar,
    v_threshold: Scalar,
    rate: Scalar,
    tau_syn: Scalar = 2e-3,
) -> Learner:
    """A neuron under a soft bound, each of its weights at its start.

    Args:
        task: What it hears.
        start: The weights before anything is learnt.
        tau_mem: Its membrane time constant, in seconds.
        v_threshold: Its threshold.
        rate: Learning rate.
        tau_syn: Time constant of the inputs' tails, in seconds.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Methods.
    """
    synapse = Exponential(tau_syn)
    wire = Projection(INPUT, "out", gain=0.0, mean=start[None], synapse=synapse)
    cell = Population(LIF(tau_mem, v_threshold, euler=True), 1)
    network = Network(task.n_in, {"out": cell}, {"out": wire}, "out", task.dt)
    return Learner(network=network, rule=Predictive(rate), device=SoftBound(Ideal()))


def sequence_neuron(task: Sequence) -> Learner:
    """The neuron that comes to fire at the first inputs of a sequence.

    Source: Saponati & Vinck 2023, Nat. Commun. 14:4985, Fig. 2.
    """
    start = jnp.full(task.n_in, 0.1)
    return one_neuron(task, start, tau_mem=10e-3, v_threshold=1.4, rate=5e-4)


def recall_network(task: Sequence, advances: int = 2) -> Network:
    """A chain of neurons, each of which hears a group of its own and its neighbours.

    Recurrent spikes have tails that decay by Euler's step, as the membrane does.

    Args:
        task: Its groups, without distractors; a neuron each.
        advances: How often the recurrent tails advance in a tick. The released code
            does so twice where it trains and once where it tests.

    Source: Saponati & Vinck, bioRxiv 2023.08.26.554928, and the code released with it.
    """
    n = task.n_groups
    place = jnp.arange(n)
    apart = jnp.abs(place[:, None] - place[None])
    own = jnp.repeat(apart == 0, task.n_per_group, axis=1)
    tails = Exponential(euler=True, advances=advances)
    return Network(
        task.n_in,
        {"cells": Population(LIF(26e-3, 3.0, euler=True), n)},
        {
            "in": Projection(
                INPUT, "cells", gain=0.0, mean=0.03, mask=own, synapse=Exponential()
            ),
            "rec": Projection(
                "cells", "cells", 1, gain=0.0, mean=3e-4, mask=apart == 1, synapse=tails
            ),
        },
        output="cells",
        dt=task.dt,
    )


def recall_learner(task: Sequence, advances: int = 2) -> Learner:
    """The same with its rule: no bound on the weights.

    Source: Saponati & Vinck, bioRxiv 2023.08.26.554928.
    """
    return Learner(network=recall_network(task, advances), rule=Predictive(8e-7))


def inhibited_learner(
    task: Sequence, start: Float[Array, "n n_in"], inhibition: Scalar
) -> Learner:
    r"""Neurons that share their input and inhibit each other, all alike.

    Each spike takes `inhibition` from all other membranes in the next tick:
    $-J \sum_{k \ne i} z_k^{t-1}$. J is fixed, and the weights of the input are learnt
    under a soft bound, with the constants of `sequence_neuron`.

    Args:
        task: What they hear.
        start: The weights before anything is learnt: without inhibition, two neurons
            of equal weights stay equal.
        inhibition: J, in threshold units.

    Raises:
        ValueError: If `inhibition` is negative.

    Source: after Saponati & Vinck, bioRxiv 2023.08.26.554928.
    """
    checks.non_negative("inhibited_learner", "threshold units", inhibition=inhibition)
    n = len(start)
    others = ~jnp.eye(n, dtype=bool)
    cells = Population(LIF(10e-3, 1.4, euler=True), n)
    projections = {
        "in": Projection(INPUT, "cells", gain=0.0, mean=start, synapse=Exponential()),
        "lateral": Projection(
            "cells", "cells", 1, gain=0.0, mean=-inhibition, mask=others
        ),
    }
    network = Network(task.n_in, {"cells": cells}, projections, "cells", task.dt)
    rule = Predictive({"in": 5e-4})
    return Learner(network=network, rule=rule, device=SoftBound(Ideal()))


class Course(NamedTuple):
    """What came of each sample."""

    weights: dict[str, Float[Array, "samples n_post n_pre"]]  # after it
    spikes: Bool[Array, "samples ticks n"]  # of the output, while it learns


@functools.partial(jax.jit, static_argnames="samples")
def follow(learner: Learner, task: AbstractTask, key: Key, samples: int) -> Course:
    """Learns from so many training samples, one at a time, and keeps what happens."""
    for_data, for_learner = jax.random.split(key)
    output = learner.network.output
    silence = jnp.zeros((task.ticks, learner.network.populations[output].n), bool)

    def tick(state, sample):
        state, seen = learner.tick(task, state, real(sample))
        return state, seen.z[output][0] > 0

    def whole(carry, samples):
        return jax.lax.scan(tick, carry[0], samples)

    def show(state, index):
        once = task.samples("train", index[None], for_data)
        state, spikes = over_blocks(task, once, whole, (state, silence), task.ticks)
        return state, Course(learner.params(state).weights, spikes)

    indices = jnp.arange(samples, dtype=jnp.int32)
    return jax.lax.scan(show, learner.init(for_learner), indices)[1]


@jax.jit
def respond(
    network: Network, task: AbstractTask, weights: dict[str, Array], key: Key
) -> Bool[Array, "samples ticks n"]:
    """The output's spikes in all test samples, with given weights and learning off.

    The key is that of `follow`: the samples are of the same kind, and none the same.
    """
    neurons = {name: p.neuron for name, p in network.populations.items()}
    for_data, _ = jax.random.split(key)

    def one(index):
        episode = task.sample("test", index, for_data)
        seen = record(network, task, Params(weights, neurons), episode, task.ticks)
        return seen.z[network.output] > 0

    return jax.vmap(one)(jnp.arange(task.size("test"), dtype=jnp.int32))


def pair(protocol: Protocol) -> Course:
    """Runs a protocol.

    Protocols of the same shape can be stacked (`alike`) and run with `jax.vmap`.
    """
    p = protocol
    learner = one_neuron(p.task, p.start, p.tau_mem, p.v_threshold, p.rate, p.tau_syn)
    return follow(learner, p.task, jax.random.key(0), p.pairings)


def alike(protocols: Iterable[Protocol]) -> Protocol:
    """Protocols that differ in numbers only, as one: each field has a leading axis."""
    protocols = list(protocols)
    most = max(p.task.times.shape[1] for p in protocols)

    def widened(p: Protocol) -> Protocol:
        room = ((0, 0), (0, most - p.task.times.shape[1]))
        times = jnp.pad(p.task.times, room, constant_values=jnp.inf)
        return eqx.tree_at(lambda p: p.task.times, p, times)

    return jax.tree.map(lambda *each: jnp.stack(each), *map(widened, protocols))
