"""Feedback alignment and its kin: backpropagation with the right B, and only then."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import BPTT, LIF, LeakyIntegrator, Learner, RateNeuron, feedforward
from onspike.rules import (
    DirectFeedback,
    ErrorMessage,
    FeedbackAlignment,
    KolenPollack,
    PreTrace,
    ReadoutFilter,
    SignMessage,
    TargetMessage,
    dfa,
    drtp,
    fa,
    sdfa,
)
from onspike.types import Teaching
from oracle import (
    Ledger,
    assert_same,
    assert_spikes,
    begin,
    booked,
    draw,
    gradient_of,
    learn,
    small,
    tasklet,
)

STEP = tasklet(ticks=1, window=1, n_in=4, n_out=3)
X = np.random.default_rng(3).normal(size=(5, 1, 4))
SAMPLES = draw(STEP, 5)._replace(content=jnp.asarray(X))
MEMORYLESS = LeakyIntegrator(1e-5)


def perceptron(*sizes):
    """A multilayer perceptron: rate neurons, samples of one tick."""
    return feedforward(4, RateNeuron(), sizes, 3, readout=MEMORYLESS)


DEEP = perceptron(6, 5)
TASK = tasklet()
SPIKING = small()  # recurrent, behind a leaky readout
EPISODES = draw(TASK, 2, rate=0.4)


def estimate(rule, network, task, episodes, prepare=lambda params, back: back):
    """A rule's gradient estimate, with feedback weights that `prepare` makes."""
    learner = Learner(network, rule, Ledger())
    state = begin(learner, episodes.label.shape[0])
    params = learner.params(state)
    back = prepare(params.weights, state.shared.rule)
    state = eqx.tree_at(lambda s: s.shared.rule, state, back)
    after, record = learn(learner, task, state, episodes)
    total = after.shared.store.die.total
    return params, back, {n: -g for n, g in total.items()}, record


def transposed(weights, back):
    return {name: weights[name].T for name in back}


def by_autodiff(params, x, label):
    """The gradient of the perceptron, from nothing but its definition."""

    def loss(w):
        h = jnp.tanh(jnp.tanh(x @ w["in"].T) @ w["w2"].T)
        log_p = jax.nn.log_softmax(h @ w["out"].T)
        return -log_p[jnp.arange(len(label)), label].sum()

    return jax.grad(loss)(params.weights)


def by_hand(params, back, x, label, sign=False):
    """Backpropagation in numpy with matrices of our choice in the way back."""
    w = {n: np.asarray(a) for n, a in params.weights.items()}
    h1 = np.tanh(x @ w["in"].T)
    h2 = np.tanh(h1 @ w["w2"].T)
    y = h2 @ w["out"].T
    p = np.exp(y - y.max(1, keepdims=True))
    error = p / p.sum(1, keepdims=True) - np.eye(3)[label]
    if "out" in back:  # layer by layer
        l2 = error @ np.asarray(back["out"]).T
        l1 = (l2 * (1 - h2**2)) @ np.asarray(back["w2"]).T
    else:
        sent = np.sign(error) if sign else error
        l1, l2 = (sent @ np.asarray(back[p]).T for p in ("hidden1", "hidden2"))
    return {
        "in": (l1 * (1 - h1**2)).T @ x,
        "w2": (l2 * (1 - h2**2)).T @ h1,
        "out": error.T @ h2,
    }


@pytest.mark.parametrize("eligibility", [None, PreTrace()])
def test_fa_is_backpropagation_where_b_is_the_transposed_weights(eligibility):
    rule = fa() if eligibility is None else fa(eligibility=eligibility)
    params, _, found, _ = estimate(rule, DEEP, STEP, SAMPLES, transposed)
    assert_same(found, by_autodiff(params, X[:, 0], SAMPLES.label))


def test_fa_with_its_own_b_is_what_the_guide_says_and_no_gradient():
    params, back, found, _ = estimate(fa(scale=0.7), DEEP, STEP, SAMPLES)
    assert set(back) == {"w2", "out"} and back["w2"].shape == (6, 5)
    assert_same(found, by_hand(params, back, X[:, 0], SAMPLES.label))
    exact = by_autodiff(params, X[:, 0], SAMPLES.label)
    assert_same({"out": found["out"]}, {"out": exact["out"]})
    for name in ("in", "w2"):
        gap = np.linalg.norm(found[name] - exact[name])
        assert gap > 0.5 * np.linalg.norm(exact[name])


@pytest.mark.parametrize("rule", [dfa, sdfa])
def test_messages_reach_every_layer_at_once(rule):
    params, back, found, _ = estimate(rule(), DEEP, STEP, SAMPLES)
    assert set(back) == {"hidden1", "hidden2"} and back["hidden1"].shape == (6, 3)
    signs = rule is sdfa
    assert_same(found, by_hand(params, back, X[:, 0], SAMPLES.label, signs))


def mirrored(weights, back):
    return {"hidden": weights["out"].T}


def test_dfa_of_one_hidden_layer_is_backpropagation_where_b_is_the_readout():
    shallow = perceptron(6)
    _, _, found, _ = estimate(dfa(), shallow, STEP, SAMPLES, mirrored)
    _, exact, _ = booked(BPTT(shallow, 1.0, Ledger()), STEP, SAMPLES)
    assert_same(found, exact)


def test_dfa_over_time_is_the_gradient_where_recurrent_spikes_carry_none():
    params, _, found, record = estimate(dfa(), SPIKING, TASK, EPISODES, mirrored)
    assert_spikes(record, least=20, most=150)
    exact = gradient_of(SPIKING, TASK, params, EPISODES, True)
    assert_same(found, exact)
    _, _, other, _ = estimate(dfa(), SPIKING, TASK, EPISODES)
    for name in ("in", "rec"):
        gap = np.linalg.norm(other[name] - exact[name])
        assert gap > 0.1 * np.linalg.norm(exact[name])


def test_in_a_spiking_net_whose_upper_layers_have_no_memory_fa_is_backpropagation():
    """Two hidden layers: the first remembers, credit for it comes within the tick."""
    task = tasklet(n_in=4, n_out=3)
    gains = (0.3, 0.7, 1.0)
    network = feedforward(4, LIF(1e-5, 0.6), (5, 5), 3, readout=MEMORYLESS, gains=gains)
    network = eqx.tree_at(
        lambda net: net.populations["hidden1"].neuron.tau_mem, network, 20e-3
    )
    episodes = draw(task, 2, rate=0.4)
    _, exact, record = booked(BPTT(network, 1.0, Ledger()), task, episodes)
    assert_spikes(record, least=20, most=250)
    _, _, found, same = estimate(fa(), network, task, episodes, transposed)
    assert np.array_equal(record.spikes["hidden2"], same.spikes["hidden2"])
    assert_same(found, exact)
    _, _, other, _ = estimate(fa(), network, task, episodes)
    assert np.linalg.norm(other["in"] - exact["in"]) > 0.1 * np.linalg.norm(exact["in"])


def teaching(error, target, mask=True):
    return Teaching(jnp.asarray(target), jnp.asarray(error), jnp.array(mask), 0.0)


def test_messages():
    label = np.array([0.0, 1.0, 0.0])
    error = np.array([0.3, -0.5, 0.2])
    said = {
        kind: np.asarray(kind()(teaching(error, label)))
        for kind in (ErrorMessage, SignMessage, TargetMessage)
    }
    assert np.array_equal(said[ErrorMessage], error)
    assert np.array_equal(said[SignMessage], [1.0, -1.0, 1.0])
    assert np.array_equal(said[TargetMessage], label)
    for kind in said:  # no target, no message
        assert not np.any(kind()(teaching(np.zeros(3), label, mask=False)))


@pytest.mark.parametrize(
    ("network", "task", "episodes", "rule"),
    [
        (DEEP, STEP, SAMPLES, drtp()),
        (SPIKING, TASK, EPISODES, drtp()),
        (SPIKING, TASK, EPISODES, drtp(readout_filter=ReadoutFilter())),
    ],
    ids=["rates", "spikes", "filtered"],
)
def test_drtp_teaches_hidden_layers_without_the_output(network, task, episodes, rule):
    """Whatever the readout's weights, the hidden update is the same in every bit."""

    def found(change):
        learner = Learner(network, rule, Ledger())
        state = begin(learner, len(episodes.label))
        state = eqx.tree_at(
            lambda s: s.shared.store.die.params.weights["out"], state, replace_fn=change
        )
        after, record = learn(learner, task, state, episodes)
        params, back = learner.params(state), state.shared.rule
        return params, back, after.shared.store.die.total, record

    params, back, one, record = found(lambda w: w)
    _, _, other, changed = found(lambda w: 5.0 - 3.0 * w)
    assert not np.array_equal(record.answer, changed.answer)
    for name in set(one) - {"out"}:
        assert np.abs(one[name]).max() > 1e-3
        assert np.array_equal(one[name], other[name])
    assert not np.allclose(one["out"], other["out"])
    if network is not DEEP:
        return assert_spikes(record, least=20, most=150)
    # What the label says, and nothing else: L = B y*.
    w, target = params.weights, np.eye(3)[SAMPLES.label]
    h1 = np.tanh(X[:, 0] @ np.asarray(w["in"]).T)
    heard = (target @ np.asarray(back["hidden1"]).T) * (1 - h1**2)
    assert np.allclose(-one["in"], heard.T @ X[:, 0], rtol=1e-12, atol=1e-14)


def test_drtp_is_silent_where_no_target_is_valid():
    mute = tasklet(ticks=1, window=0, n_in=4, n_out=3)
    _, _, found, _ = estimate(drtp(), DEEP, mute, SAMPLES)
    assert set(found) == {"in", "w2", "out"}
    assert not any(np.any(g) for g in found.values())


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda: FeedbackAlignment(0.0), "FeedbackAlignment.scale must be positive"),
        (lambda: DirectFeedback(-1.0), "DirectFeedback.scale must be positive"),
        (lambda: KolenPollack(-0.1), "KolenPollack.scale must be zero or positive"),
        (lambda: drtp(scale=float("nan")), "DirectFeedback.scale .*; got nan"),
        (lambda: fa(rate=-1.0), "rate must be zero or positive"),
    ],
)
def test_rejects_bad_parameters(make, says):
    with pytest.raises(ValueError, match=says):
        make()
