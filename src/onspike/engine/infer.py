"""Inference: no feedback, no learning signal, no write. How accuracy is measured."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike.engine.base import Record
from onspike.engine.scan import blank, over_ticks, repeat, settle, tally
from onspike.network import Network
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Params, Sample, Tree


class Recording(NamedTuple):
    """One sample, tick by tick, time first."""

    x: Float[Array, "T n_in"]
    y: Float[Array, "T n_out"]
    z: dict[str, Float[Array, "T n"]]  # by spiking population
    v: dict[str, Float[Array, "T n"]]  # by spiking population


def infer(
    network: Network, task: AbstractTask, params: Params, episodes: Episode
) -> Record:
    """Runs a batch of episodes through the network alone."""
    network = network.bare()

    def tick(carry, sample):
        state, record, t = carry
        state, y, z = advance(network, params, state, sample, t)
        nothing = jnp.zeros((), jnp.int32)
        return state, tally(record, sample, y, z, nothing), t + 1

    carry = rest(network, params, episodes), blank(task, network, episodes), _start()
    _, record, _ = over_ticks(task, episodes, tick, carry)
    return settle(record)


def record(
    network: Network,
    task: AbstractTask,
    params: Params,
    episode: Episode,
    most: int = 5000,
) -> Recording:
    """Runs one episode and keeps everything of its last `most` ticks."""
    network = network.bare()
    episodes = jax.tree.map(lambda a: a[None], episode)
    kept = min(most, task.ticks)

    def tick(carry, sample):
        state, film, t = carry
        state, y, z = advance(network, params, state, sample, t)
        now = Recording(
            x=sample.x[0],
            y=y[0],
            z={name: spikes[0] for name, spikes in z.items()},
            v={name: state.neurons[name].v[0] for name in z},
        )
        film = jax.tree.map(lambda f, a: f.at[t % kept].set(a), film, now)
        return state, film, t + 1

    spiking = {n: p.n for n, p in network.populations.items() if p.neuron.spiking}
    silence = {name: jnp.zeros((kept, n)) for name, n in spiking.items()}
    film = Recording(
        x=jnp.zeros((kept, task.n_in)),
        y=jnp.zeros((kept, network.n_out)),
        z=silence,
        v=silence,
    )
    carry = rest(network, params, episodes), film, _start()
    _, film, _ = over_ticks(task, episodes, tick, carry)
    return jax.tree.map(lambda f: jnp.roll(f, -(task.ticks % kept), axis=0), film)


def advance(network: Network, params: Params, state: Tree, sample: Sample, t: Array):
    """One tick of a batch without feedback: states, outputs, spikes by population."""

    def one(state, x, key):
        return network.step(params, state, x, {}, t, key)

    state, _, y = jax.vmap(one)(state, sample.x, sample.key)
    z = {
        name: state.neurons[name].z
        for name, p in network.populations.items()
        if p.neuron.spiking
    }
    return state, y, z


def rest(network: Network, params: Params, episodes: Episode) -> Tree:
    """A batch of networks at rest."""
    return repeat(network.init(params.noise), episodes.label.shape[0])


def _start() -> Array:
    return jnp.zeros((), jnp.int32)
