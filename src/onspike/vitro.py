"""In vitro: neurons under given currents, and a learner under given spikes."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from onspike import checks
from onspike.learner import Learner, State
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.neurons import AbstractNeuron
from onspike.probe import Look, watch
from onspike.tasks.base import AbstractTask, Episode
from onspike.types import Sample, Scalar, Tree


def simulate(neuron: AbstractNeuron, current: ArrayLike, dt: Scalar = 1e-3) -> Tree:
    """What neurons do that start at rest, under given currents.

    Args:
        neuron: Their dynamics.
        current: Into each neuron in each tick, (T, n), in threshold units per tick (in
            threshold units if the neuron is normalised).
        dt: Length of a tick, in seconds.

    Returns:
        Their states after each tick, time first: `v` (T, n), `z` (T, n), ...

    Raises:
        ValueError: If `current` is not (T, n), or `neuron` does not fit n neurons.
    """
    current = jnp.asarray(current, float)
    if current.ndim != 2:
        raise ValueError(
            "simulate.current must be (T, n), a current for each tick and neuron; got "
            f"{current.shape}"
        )
    neuron.check(current.shape[1])
    return _simulate(neuron, current, dt)


@jax.jit
def _simulate(neuron: AbstractNeuron, current: Array, dt: Scalar) -> Tree:
    def tick(state: Tree, now: Array) -> tuple[Tree, Tree]:
        state = neuron.step(state, now, dt)
        return state, state

    return jax.lax.scan(tick, neuron.init(current.shape[1]), current)[1]


def _all(look: Look) -> Look:
    return look


def present(
    learner: Learner,
    state: State,
    x: ArrayLike,
    *,
    target: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    reward: ArrayLike | None = None,
    loss: AbstractLoss = CrossEntropy(),
    keep: Callable[[Look], Any] = _all,
) -> tuple[State, Any]:
    """Presents spikes to a learner, which learns, and looks inside at every tick.

    For experiments on a few neurons: input, targets and rewards are written down as
    arrays. The presentation is one sample, which opens with the first tick and closes
    with the last.

    Args:
        learner: What learns.
        state: Before the first tick, of a batch of one.
        x: What arrives at the input channels, (T, n_in).
        target: What the output should be in each tick, where `mask` holds, (T, n_out).
        mask: In which ticks a target is valid, (T,); by default in all, if there is
            one.
        reward: In each tick, (T,); by default none comes.
        loss: What a target means.
        keep: What to keep of each tick; by default everything. A function is compiled
            once: give the same one at each call, not a new lambda in a loop.

    Returns:
        The state after the last tick, and what was kept, time first.

    Raises:
        ValueError: If an array has another shape, or there is a mask without a target.
    """
    x = jnp.asarray(x, float)
    ticks, n_out = len(x), learner.network.n_out
    if mask is not None and target is None:
        raise ValueError("present.mask says where a target is valid: give the target")
    if mask is None:
        mask = jnp.full(ticks, target is not None)
    target = jnp.zeros((ticks, n_out)) if target is None else jnp.asarray(target, float)
    reward = jnp.zeros(ticks) if reward is None else jnp.asarray(reward, float)
    checks.shape("present", (ticks, learner.network.n_in), x=x)
    checks.shape("present", (ticks, n_out), target=target)
    checks.shape("present", (ticks,), mask=mask, reward=reward)
    time = jnp.arange(ticks)
    samples = Sample(
        x=x[:, None],
        target=target[:, None],
        mask=jnp.asarray(mask),
        reward=reward[:, None],
        first=time == 0,
        last=time == ticks - 1,
    )
    bench = _Bench(ticks, learner.network.dt, loss, learner.network.n_in, n_out)
    return _present(learner, bench, state, samples, keep)


@functools.partial(jax.jit, static_argnames="keep")
def _present(
    learner: Learner, task: AbstractTask, state: State, samples: Sample, keep: Callable
) -> tuple[State, Any]:
    def tick(state: State, sample: Sample) -> tuple[State, Any]:
        state, _, look = watch(learner, task, state, sample)
        return state, keep(look)

    return jax.lax.scan(tick, state, samples)


class _Bench(AbstractTask):
    """What a target means, to a learner whose input is given."""

    ticks: int = eqx.field(static=True)
    dt: Scalar
    loss: AbstractLoss
    inputs: int = eqx.field(static=True)
    outputs: int = eqx.field(static=True)

    @property
    def n_in(self) -> int:
        return self.inputs

    @property
    def n_out(self) -> int:
        return self.outputs

    def size(self, split) -> int:
        return 0

    def episode(self, split, index, key) -> Episode:
        raise ValueError("a bench has no samples of its own")

    def block(self, episode, start, length):
        raise ValueError("a bench has no samples of its own")

    def mask(self):
        return jnp.zeros(self.ticks, bool)
