"""onspike itself, beside its peers.

The decoupled rule (`ons.rules.reckon`) on the event-driven engine, everything under one
jit; `eprop` is the full rule with the readout's filter on the same engine. Its loss
is of the reference tick, and its spikes are those that the engine under test counted.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.random import bits, fold_in

import onspike as ons
from case import Case
from onspike.engine import Event, Scan
from onspike.losses import AbstractLoss, CrossEntropy
from onspike.tasks import AbstractTask, Episode
from onspike.types import Sample
from workloads import RATE, RATE_ONLINE, SPIKES, Workload, data, weights

KEY = ons.key(1)


class Noise(AbstractTask):
    """Input spikes at random: made beforehand, or by an episode's key as they come."""

    sizes: tuple[int, int] = eqx.field(static=True)
    ticks: int = eqx.field(static=True)
    streamed: bool = eqx.field(static=True, default=False)
    dt: float = 1e-3
    loss: AbstractLoss = CrossEntropy()

    @property
    def n_in(self):
        return self.sizes[0]

    @property
    def n_out(self):
        return self.sizes[1]

    def size(self, split):
        raise NotImplementedError

    def episode(self, split, index, key):
        raise NotImplementedError

    def block(self, episode, start, length):
        if self.streamed:
            key = fold_in(episode.content, start)
            chance = bits(key, (length, self.n_in), jnp.uint8)
            return chance < round(256 * SPIKES)
        return jax.lax.dynamic_slice_in_dim(episode.content, start, length)

    def mask(self):
        return jnp.ones(self.ticks, bool)


class Ready:
    """A learner with the workload's first weights, and a batch of its input."""

    def __init__(self, w: Workload, rule: Any, engine: Any, streamed=False, **options):
        net = ons.recurrent(w.n_in, ons.LIF(), w.n_hidden, w.n_out)
        self.w, self.task = w, Noise((w.n_in, w.n_out), w.ticks, streamed)
        self.learner = ons.Learner(net, rule, engine=engine, **options)
        x, label = data(w._replace(ticks=1) if streamed else w)
        content = jax.random.split(KEY, w.batch) if streamed else jnp.asarray(x)
        self.episodes = Episode(
            jnp.asarray(label, jnp.int32),
            jnp.zeros(w.batch, jnp.int32),
            content if streamed else content.swapaxes(0, 1),
        )
        self.state, self.fired = self.first(), None

    def first(self):
        state, first = self.learner.init(KEY, self.w.batch), weights(self.w)
        given = {"in": first.w_in.T, "rec": first.w_rec.T, "out": first.w_out.T}
        given = {name: jnp.asarray(value) for name, value in given.items()}
        die = state.shared.store.die
        store = state.shared.store._replace(die=die._replace(weights=given))
        return state._replace(shared=state.shared._replace(store=store))

    def samples(self):
        """The same input tick by tick, time first."""
        x = jnp.swapaxes(self.episodes.content, 0, 1).astype(float)
        target = jax.vmap(self.task.target)(self.episodes)
        reward, ticks = jnp.zeros(len(target)), range(self.w.ticks)
        return [
            Sample(x[t], target, jnp.bool_(True), reward, jnp.bool_(t == 0), last)
            for t in ticks
            for last in [jnp.bool_(t == self.w.ticks - 1)]
        ]

    def loss(self) -> float:
        """Of the first weights, per tick."""
        sample = jax.tree.map(lambda *each: jnp.stack(each), *self.samples())

        def tick(state, sample):
            own, _, y, _ = jax.vmap(
                lambda own, x, target, reward: self.learner.sense(
                    self.task,
                    state.shared,
                    own,
                    sample._replace(x=x, target=target, reward=reward),
                )
            )(state.own, sample.x, sample.target, sample.reward)
            each = optax.softmax_cross_entropy(y, sample.target)
            return state._replace(own=own), each.mean()

        _, losses = jax.jit(lambda s, x: jax.lax.scan(tick, s, x))(self.first(), sample)
        return float(losses.mean())

    def case(self) -> Case:
        learn = jax.jit(lambda s, e: self.learner.learn(self.task, s, e))

        def step():
            self.state, record = jax.block_until_ready(learn(self.state, self.episodes))
            self.fired = record.spikes["hidden"]

        return Case(step, self.w.ticks, self.figures)

    def figures(self):
        w = self.w
        share = float(np.sum(self.fired)) / (w.ticks * w.batch * w.n_hidden)
        writes_late = self.learner.rule.gate.accumulates
        known = writes_late and not self.task.streamed  # a loss before the first write
        # Whatever the rule, and the decoupled one's tick is the cheapest.
        loss = {"loss": trained(w, Scan()).loss()} if known else {}
        return {"spikes": share} | loss


def trained(w: Workload, engine: Any, streamed: bool = False) -> Ready:
    """The decoupled rule, its gradient summed over the batch and given to Adam."""
    rule = ons.rules.reckon(RATE, gate=ons.rules.EndOfSample())
    adam = optax.scale_by_adam()
    return Ready(w, rule, engine, streamed, transform=adam)


def train(w: Workload) -> Case:
    return trained(w, Event()).case()


def streamed(w: Workload) -> Case:
    """As `train`, with input that is made as it comes: nothing grows with time."""
    return trained(w, Event(), streamed=True).case()


def eprop(w: Workload) -> Case:
    rule = ons.rules.eprop(RATE, eligibility=ons.rules.PreTrace())
    return Ready(w, rule, Event(), transform=optax.scale_by_adam()).case()


def online(w: Workload) -> Case:
    rule = ons.rules.reckon(RATE_ONLINE, gate=ons.rules.EveryTick())
    return Ready(w, rule, Event()).case()


def calls(w: Workload) -> Case:
    """The real-time interface: a tick's addresses in, spikes and readout out."""
    rule = ons.rules.reckon(RATE_ONLINE, gate=ons.rules.EveryTick())
    ready = Ready(w, rule, Event())
    stream = ready.learner.stream(ready.state)
    content = np.asarray(ready.episodes.content[0])
    events = [np.flatnonzero(now) for now in content]
    label = int(ready.episodes.label[0])

    def step():
        stream.reset()
        ready.fired = sum(len(stream.step(now, label).spikes) for now in events)

    return Case(step, w.ticks, ready.figures)
