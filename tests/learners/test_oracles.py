"""BPTT against finite differences, RTRL against BPTT."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import ALIF, BPTT, LIF, RTRL, CubaLIF, Refractory, SubtractReset, recurrent
from onspike.surrogates import AbstractSurrogate
from oracle import (
    Ledger,
    assert_same,
    assert_spikes,
    begin,
    booked,
    draw,
    learn,
    loss_of,
    small,
    tasklet,
)

TASK = tasklet()
EPISODES = draw(TASK, 2, seed=1)
NEURONS = {
    "LIF": LIF(20e-3, 0.8, SubtractReset(gradient=True)),
    "ALIF": ALIF(20e-3, 30e-3, 0.3, 0.7, refractory=Refractory(2e-3)),
}
GAINS = (0.3, 0.5, 1.0)
DELAY = {"LIF": 3, "ALIF": 1}


class Soft(AbstractSurrogate):
    """A spike that is the antiderivative of its own slope."""

    def slope(self, u, threshold):
        return 1.0 / jnp.cosh(2.0 * u) ** 2

    def spike(self, u, threshold):
        return 0.5 * (1.0 + jnp.tanh(2.0 * u))


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_bptt_of_a_soft_network_equals_finite_differences(kind):
    how = dict(reset=SubtractReset(gradient=True), surrogate=Soft())
    neuron = (
        LIF(20e-3, 0.8, **how) if kind == "LIF" else CubaLIF(20e-3, 5e-3, 2.0, **how)
    )
    network = small(neuron)
    # A soft neuron sends something at every tick: no count of spikes says that it
    # works, the size of the slopes below does.
    params, gradient, _ = booked(BPTT(network, 1.0, Ledger()), TASK, EPISODES)
    loss = jax.jit(lambda w: loss_of(network, TASK, params, w, EPISODES))
    rng, step = np.random.default_rng(0), 1e-6
    for name, w in params.weights.items():
        along = network.masked(name, jnp.asarray(rng.normal(size=w.shape)))
        up, down = (
            loss(params.weights | {name: w + sign * step * along}) for sign in (1, -1)
        )
        difference, slope = (up - down) / (2 * step), jnp.sum(gradient[name] * along)
        assert abs(slope) > 1e-3
        assert abs(difference - slope) < 1e-7 * max(1, abs(slope))


@pytest.mark.parametrize("kind", NEURONS)
def test_rtrl_equals_bptt(kind):
    network = recurrent(3, NEURONS[kind], 4, 2, gains=GAINS, delay=DELAY[kind])
    _, exact, record = booked(BPTT(network, 1.0, Ledger()), TASK, EPISODES)
    _, forward, same = booked(RTRL(network, 1.0, Ledger()), TASK, EPISODES)
    assert_spikes(record, least=30, most=200)
    assert_same(forward, exact, 1e-10)
    assert np.array_equal(record.spikes["hidden"], same.spikes["hidden"])
    assert np.array_equal(record.answer, same.answer)


def test_one_write_per_batch_and_the_masked_stay_masked():
    learner = BPTT(small(), {"rec": 0.5})
    state = begin(learner)
    after, record = learn(learner, TASK, state, EPISODES)
    before, now = (learner.params(s).weights for s in (state, after))
    assert int(after.tick) == TASK.ticks and int(after.store.writes) == 1
    changed = np.asarray(before["rec"] != now["rec"])
    assert int(record.written) == changed.sum() >= 4
    assert not np.any(np.diag(changed)) and np.all(np.diag(now["rec"]) == 0)
    for name in ("in", "out"):
        assert np.array_equal(before[name], now[name])


def test_rtrl_refuses_what_it_cannot_hold():
    with pytest.raises(ValueError, match="at most 4096 plastic weights; got 5350"):
        RTRL(recurrent(3, LIF(), 50, 54))
    RTRL(recurrent(3, LIF(), 50, 54), {"in": 1.0})  # 150 plastic ones are few


def test_memory_of_the_past_grows_with_the_sample_and_rtrls_does_not():
    short, long = tasklet(ticks=20), tasklet(ticks=40)
    bptt, rtrl = BPTT(small()), RTRL(small())
    assert bptt.memory(long)["stored past"] == 2 * bptt.memory(short)["stored past"] > 0
    assert rtrl.memory(long) == rtrl.memory(short)
    # v and z of 4 + 2 neurons and 4 spikes under way, for 12 + 16 + 8 weights
    assert rtrl.memory(long)["state by weight"] == 36 * (2 * 6 + 4) * 64
