"""The predictive rule: its gradient, and the published pairing protocols."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Learner, feedforward, recurrent
from onspike.devices import Ideal, SoftBound
from onspike.rules import Predictive
from onspike.tasks import Episode
from onspike.types import Params, Teaching
from oracle import FixedSpikes, begin, draw, learn, tasklet

DT, TAU_X = 0.05e-3, 2e-3


def neuron(tau_mem=10e-3, v_threshold=2.0, n=1):
    cell = LIF(tau_mem=tau_mem, v_threshold=v_threshold, euler=True)
    return feedforward(2, cell, (), n, readout=cell, dt=DT)


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


def pairing(times, start, tau_mem, threshold, rate, duration, pairings):
    """Final weights (of two inputs), and the last pairing's output spikes in ms."""
    ticks = round(duration * 1e-3 / DT)
    kernel = np.exp(-np.arange(ticks) * DT / TAU_X)
    x = np.zeros((ticks, 2))
    for j, moments in enumerate(times):
        for moment in moments:
            i = round(moment * 1e-3 / DT)
            x[i:, j] += kernel[: ticks - i]
    task = FixedSpikes(sizes=(2, 1), ticks=ticks, window=1, dt=DT)
    zero = jnp.zeros(1, jnp.int32)
    episodes = Episode(zero, zero, jnp.asarray(x)[None])
    rule = Predictive(rate)
    learner = Learner(neuron(tau_mem * 1e-3, threshold), rule, SoftBound(Ideal()))
    return np.asarray(train(learner, task, jnp.asarray(start), episodes, pairings)[0])


def train(learner, task, start, episodes, pairings):
    state = learner.init(jax.random.key(0))
    die = state.shared.store.die._replace(weights={"out": start[None]})
    state = state._replace(
        shared=state.shared._replace(store=state.shared.store._replace(die=die))
    )
    return _run(learner, task, state, episodes, pairings).shared.store.die.weights[
        "out"
    ]


@jax.jit
def _run(learner, task, state, episodes, pairings):
    def once(_, state):
        return learner.learn(task, state, episodes)[0]

    return jax.lax.fori_loop(0, pairings, once, state)


def classic(delay, tau_mem, order):
    start, read = ((0.001, 0.11), 0) if order == "pre-post" else ((0.11, 0.001), 1)
    w = pairing(([delay], [2 * delay]), start, tau_mem, 2.0, 2e-4, 400, 60)
    return w[read] / start[read]


CLASSIC = [
    ("pre-post", 10, (1.775, 1.419, 1.134)),
    ("pre-post", 20, (1.513, 1.401, 1.219)),
    ("post-pre", 10, (0.948, 0.971, 0.986)),
    ("post-pre", 20, (0.715, 0.776, 0.854)),
]


@pytest.mark.parametrize(("order", "tau_mem", "expected"), CLASSIC)
def test_the_classic_window(order, tau_mem, expected):
    got = [classic(delay, tau_mem, order) for delay in (4, 10, 20)]
    assert got == pytest.approx(expected, rel=1e-3)


def test_anticipation():
    expected = {0.005: (0.0891, 0.0255), 0.03: (0.0927, 0.0177), 0.05: (0.0929, 0.0172)}
    for start, final in expected.items():
        w = pairing(([4], [8]), (start, start), 10, 2.0, 5e-4, 100, 300)
        assert w == pytest.approx(final, rel=1e-3, abs=5e-5)


def test_the_frequency_protocol():
    for interval, expected in ((100, 0.7958), (20, 0.9496), (10, 1.4023)):
        first = [i * interval for i in range(5)]
        second = [6 + t for t in first]
        w = pairing((first, second), (0.12, 0.005), 16, 2.2, 3.4e-5, 500, 40)
        assert w[1] / 0.005 == pytest.approx(expected, rel=1e-4)


def test_the_number_of_spikes_in_a_burst():
    for count, expected in enumerate((0.660, 0.862, 0.980, 1.066, 1.142), 1):
        burst = [10 * i for i in range(count)]
        w = pairing((burst, [5]), (0.14, 0.017), 40, 3.0, 8e-5, 600, 30)
        assert w[1] / 0.017 == pytest.approx(expected, rel=1e-3)


def test_bursts_of_a_strong_input():
    """Nevian: three strong spikes, a weak one 10 ms before or after them."""
    found = {"before": [], "after": []}
    for frequency in (20, 50, 100):
        strong = [20 + 1000 / frequency * i for i in range(3)]
        for order, weak in (("before", strong[0] - 10), ("after", strong[-1] + 10)):
            w = pairing((strong, [weak]), (0.08, 0.01), 25, 2.0, 2e-4, 300, 60)
            found[order].append(w[1] / 0.01)
    assert found["before"] == pytest.approx((1.343, 1.685, 2.238), rel=1e-3)
    assert found["after"] == pytest.approx((0.668, 0.616, 0.426), rel=1e-3)


def test_a_short_membrane_potentiates_in_both_orders():
    got = []
    for start, read in (((0.0007, 0.02), 0), ((0.02, 0.0007), 1)):
        w = pairing(([4], [8]), start, 5, 0.4, 4e-4, 200, 60)
        got.append(w[read] / start[read])
    assert got == pytest.approx((1.609, 1.320), rel=1e-3)


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
