import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import BPTT, Population, RateNeuron, feedforward
from onspike.engine import infer
from onspike.tasks import Graded, YinYang
from oracle import assert_same, drive


def test_it_answers_the_current_of_the_tick_and_keeps_nothing():
    currents = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
    bias = np.array([0.1, -0.2, 0.0])
    states = drive(RateNeuron(jax.nn.sigmoid, jnp.asarray(bias)), currents)
    assert np.allclose(states.z, 1 / (1 + np.exp(-np.asarray(currents) - bias)))
    again = drive(RateNeuron(jax.nn.sigmoid, jnp.asarray(bias)), currents[::-1])
    assert np.array_equal(again.z[::-1], states.z)


def test_bptt_of_one_tick_is_backpropagation_through_a_perceptron():
    task = YinYang(code=Graded(), ticks=1, train_samples=8)
    assert (task.n_in, task.n_out) == (4, 3)
    network = feedforward(4, RateNeuron(), (5,), 3, readout=RateNeuron(jax.nn.identity))
    learner = BPTT(network)
    state = learner.init(jax.random.key(0))
    index = jnp.arange(8, dtype=jnp.int32)
    key = jax.random.key(1)
    episodes = jax.vmap(lambda i: task.episode("train", i, key))(index)
    after, _ = jax.jit(lambda s: learner.learn(task, s, episodes))(state)
    before, now = learner.params(state).weights, learner.params(after).weights

    x = np.asarray(task.splits["train"].x[:8], float)  # real numbers between 0 and 1
    w_in, w_out = np.asarray(before["in"]), np.asarray(before["out"])
    hidden = np.tanh(x @ w_in.T)
    y = hidden @ w_out.T
    error = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    error -= np.eye(3)[np.asarray(episodes.label)]
    back = (error @ w_out) * (1 - hidden**2)
    expected = {"in": back.T @ x, "out": error.T @ hidden}
    assert_same({n: before[n] - now[n] for n in before}, expected, 1e-6)
    answers = jax.jit(lambda p: infer(network, task, p, episodes))(
        learner.params(state)
    )
    assert np.array_equal(answers.answer, y.argmax(1))
    assert answers.spikes == {}


def test_rejects_a_bad_bias():
    with pytest.raises(ValueError, match=r"RateNeuron\.bias must be finite"):
        RateNeuron(bias=float("nan"))
    with pytest.raises(ValueError, match=r"RateNeuron\.bias .* got \(3,\)"):
        Population(RateNeuron(bias=jnp.ones(3)), 2)
