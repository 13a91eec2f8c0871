"""The predictive rule: its gradient, and the published pairing protocols."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pairings import TABLE

from onspike import LIF, Learner, feedforward, recurrent
from onspike.rules import Predictive
from onspike.types import Params, Teaching
from oracle import FixedSpikes, begin, draw, learn, tasklet


def test_the_update_is_the_gradient_of_what_was_not_foreseen():
    ticks, n_in, n = 40, 5, 3
    task = FixedSpikes(sizes=(n_in, n), ticks=ticks, window=ticks, dt=1e-3)
    cell = LIF(tau_mem=10e-3, v_threshold=1.5, euler=True)
    net = feedforward(n_in, cell, (), n, readout=cell)
    rate = 1e-12  # the weights stay, so the sum is that of one gradient
    learner = Learner(net, Predictive(rate))
    state, episodes = begin(learner), draw(task, 1, seed=4)
    w = learner.params(state).weights["out"]

    def loss(w, record=False):
        def tick(carry, x):
            v, z = carry
            mistake = 0.5 * ((x[None] - v[:, None] * w) ** 2).sum()
            v = (1 - 1e-3 / 10e-3) * v + w @ x - 1.5 * jax.lax.stop_gradient(z)
            z = (jax.lax.stop_gradient(v) >= 1.5).astype(float)
            return (v, z), (mistake, z)

        start = jnp.zeros(n), jnp.zeros(n)
        _, (mistakes, z) = jax.lax.scan(tick, start, episodes.content[0])
        return mistakes.sum(), z

    gradient, z = jax.grad(loss, has_aux=True)(w)
    assert z.sum() > 5
    after, record = learn(learner, task, state, episodes)
    assert np.array_equal(record.spikes["out"], z.sum(0))
    step = (w - learner.params(after).weights["out"]) / rate
    assert np.allclose(step, gradient, rtol=1e-3, atol=1e-3 * np.abs(gradient).max())
    exact = by_ticks(learner, episodes.content[0], w)
    assert np.abs(exact - gradient).max() <= 1e-10 * np.abs(gradient).max()


def by_ticks(learner, inputs, w):
    """The sum of the rule's own estimates, with weights that do not change."""
    net, rule = learner.network, learner.rule
    params = Params({"out": w}, {n: p.neuron for n, p in net.populations.items()})
    none = jnp.zeros(net.n_out)
    teaching = Teaching(none, none, jnp.asarray(True), jnp.zeros(()))

    def tick(carry, x):
        state, own, t = carry
        local = net.foresee(state, x, t, ("out",))
        own, update = rule.step((), own, params, local, teaching, net.wiring)
        state, _, _ = net.step(params, state, x, {}, t)
        return (state, own, t + 1), sum(term.contract() for term in update["out"])

    own = rule.init(net.wiring, jax.random.key(0)).own
    start = net.init(), own, jnp.zeros((), jnp.int32)
    return jax.lax.scan(tick, start, inputs)[1].sum(0)


@pytest.mark.parametrize("rows", TABLE, ids=lambda rows: rows.__name__)
def test_every_pairing_protocol(rows):
    for row in rows():
        assert row.holds, row


def test_spikes_of_the_same_tick_cannot_be_foreseen():
    task = tasklet()
    stack = feedforward(3, LIF(), (4,), 2, readout=LIF())
    learner = Learner(stack, Predictive())
    with pytest.raises(ValueError, match="cannot change 'out'.*give it a delay"):
        learn(learner, task, begin(learner), draw(task, 1))
    loop = recurrent(3, LIF(v_threshold=0.5), 4, 2)
    learner = Learner(loop, Predictive({"in": 1e-3, "rec": 1e-3}))
    state = begin(learner)
    after, record = learn(learner, task, state, draw(task, 1))
    assert record.spikes["hidden"].sum() > 10
    for name in ("in", "rec"):
        one, other = (learner.params(s).weights[name] for s in (state, after))
        assert not np.array_equal(one, other)
