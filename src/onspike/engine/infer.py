"""Inference: no feedback, no learning signal, no write. How accuracy is measured."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from onspike.engine.base import Record
from onspike.engine.scan import blank, over_ticks, repeat, settle, tally
from onspike.network import Network
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Params, Tree


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
        state, y, z = advance(network, params, state, sample.x, t)
        nothing = jnp.zeros((), jnp.int32)
        return state, tally(record, sample, y, z, nothing), t + 1

    carry = _rest(network, episodes), blank(task, network, episodes), _start()
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

    def look(state, x, t):
        state, y, z = advance(network, params, state, x, t)
        v = {name: state.neurons[name].v[0] for name in z}
        one = {name: spikes[0] for name, spikes in z.items()}
        return state, Recording(x=x[0], y=y[0], z=one, v=v)

    def tick(carry, sample):
        state, film, t = carry
        state, now = look(state, sample.x, t)
        film = jax.tree.map(lambda f, a: f.at[t % kept].set(a), film, now)
        return state, film, t + 1

    rest, start = _rest(network, episodes), _start()
    x = jnp.zeros((1, task.n_in))
    frame = jax.eval_shape(lambda: look(rest, x, start)[1])
    film = jax.tree.map(lambda a: jnp.zeros((kept, *a.shape), a.dtype), frame)
    _, film, _ = over_ticks(task, episodes, tick, (rest, film, start))
    return jax.tree.map(lambda f: jnp.roll(f, -(task.ticks % kept), axis=0), film)


def advance(network: Network, params: Params, state: Tree, x: Array, t: Array):
    """One tick of a batch without feedback: states, outputs, spikes by population."""
    state, _, y = jax.vmap(lambda s, x: network.step(params, s, x, {}, t))(state, x)
    z = {
        name: state.neurons[name].z
        for name, p in network.populations.items()
        if p.neuron.spiking
    }
    return state, y, z


def _rest(network: Network, episodes: Episode) -> Tree:
    return repeat(network.init(), episodes.label.shape[0])


def _start() -> Array:
    return jnp.zeros((), jnp.int32)
