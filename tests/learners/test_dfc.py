"""Deep feedback control against linear algebra, backpropagation and its own limits."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import DFC, LIF, RateNeuron, feedforward, recurrent
from onspike.devices import Noisy, ReadoutNoise
from onspike.learners import (
    Controller,
    FixedFeedback,
    Labelled,
    LearntFeedback,
    Nudged,
    TransposedJacobian,
)
from onspike.learners.parts.circuit import Circuit
from onspike.learners.parts.feedback import AbstractFeedback
from oracle import Ledger, booked, gradient_of, pick, weigh
from tinyrun import listed

TASK = listed(n=6, ticks=1, n_in=3, n_out=2, rate=0.9)
EPISODES = jax.vmap(lambda i: TASK.episode("train", i, jax.random.key(0)))(
    jnp.arange(6, dtype=jnp.int32)
)
XS = EPISODES.content[:, 0]
X, TARGET = XS[0], TASK.target(pick(EPISODES, 0))
KEY = jax.random.key(1)
SIZES = {"hidden1": 5, "hidden2": 4, "out": 2}  # of `stack`
FINE = Controller(gain=1.0, leak=0.3, dt=0.05, steps=1500)


class Given(AbstractFeedback):
    """Feedback weights that the test chose."""

    q: dict

    def init(self, wiring, key):
        return {}

    def weights(self, kept, transposed, wiring):
        return self.q


def stack(phi=jax.nn.identity):
    """A net of four layers, 3-5-4-2."""
    return feedforward(3, RateNeuron(phi), (5, 4), 2, readout=RateNeuron(phi))


def jacobian(params):
    """J of a linear net, by hand."""
    w2, w3 = (np.asarray(params.weights[name]) for name in ("w2", "out"))
    return {"hidden1": w3 @ w2, "hidden2": w3, "out": np.eye(2)}


@jax.jit
def settled(learner, params, x=X, target=TARGET):
    return learner.control(
        TASK, params, learner.feedback.init(None, KEY), x, target, KEY
    )


def gaps(found):
    """What control adds to the drive of each layer: minus the update's post factor."""
    names = {"hidden1": "in", "hidden2": "w2", "out": "out"}
    return {layer: -np.asarray(found.update[n].post) for layer, n in names.items()}


def free(params, x=X):
    """Rates of a linear net without control."""
    r, rates = np.asarray(x), []
    for name in ("in", "w2", "out"):
        r = np.asarray(params.weights[name]) @ r
        rates.append(r)
    return rates


def joined(parts):
    return np.concatenate([parts[name] for name in ("hidden1", "hidden2", "out")], -1)


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_the_steady_state_of_a_linear_net_is_the_closed_form(gain):
    network, rng = stack(), np.random.default_rng(0)
    params = weigh(network)
    j = jacobian(params)
    q = {n: a.T + 0.2 * rng.normal(size=a.T.shape) for n, a in j.items()}
    given = Given({n: jnp.asarray(a) for n, a in q.items()})
    control = eqx.tree_at(lambda c: c.gain, FINE, gain)
    learner = DFC(network, setpoint=Labelled(), feedback=given, controller=control)
    found = settled(learner, params)
    delta = 0.1 + 0.8 * np.asarray(TARGET) - free(params)[-1]
    jq = sum(j[n] @ q[n] for n in j)
    u = np.linalg.solve(jq + 0.3 * np.eye(2), delta)  # whatever the gain is
    for name, gap in gaps(found).items():
        assert np.abs(q[name] @ u).max() > 1e-2
        assert np.allclose(gap, q[name] @ u, rtol=0, atol=1e-9), name
    assert np.allclose(found.y, free(params)[-1] + jq @ u, rtol=0, atol=1e-9)
    # What arrives is what control made of it.
    assert np.allclose(found.update["w2"].pre, free(params)[0] + q["hidden1"] @ u)


def test_control_acts_through_the_inlets_of_a_die_and_never_through_its_dead():
    network, rng = stack(), np.random.default_rng(1)
    inlets = {n: jnp.asarray(rng.uniform(0.5, 2.0, k)) for n, k in SIZES.items()}
    alive = {"hidden1": jnp.asarray([1.0, 0.0, 1.0, 1.0, 0.0])}
    params = weigh(network)._replace(inlets=inlets, alive=alive)
    w2, w3 = (np.asarray(params.weights[n]) for n in ("w2", "out"))
    living = np.asarray(alive["hidden1"])
    j = {"hidden1": w3 @ w2 * living, "hidden2": w3, "out": np.eye(2)}
    j = {n: a * np.asarray(inlets[n]) for n, a in j.items()}
    circuit = Circuit(network, params, X)
    for name, found in circuit.jacobian().items():
        assert np.allclose(found, j[name], rtol=0, atol=1e-12)
    found = settled(DFC(network, controller=FINE), params)
    y = np.asarray(circuit.output(circuit.free()))
    delta = 0.1 + 0.8 * np.asarray(TARGET) - y
    u = np.linalg.solve(sum(a @ a.T for a in j.values()) + 0.3 * np.eye(2), delta)
    for name, gap in gaps(found).items():
        driven = np.asarray(inlets[name]) * (j[name].T @ u)
        expected = driven * living if name == "hidden1" else driven
        assert np.allclose(gap, expected, rtol=0, atol=1e-9), name
    assert not np.any(np.asarray(found.update["w2"].pre)[living == 0])


def test_noise_is_refused():
    device = Noisy(Ledger(), (ReadoutNoise(0.1),))
    with pytest.raises(ValueError, match="DFC .* cannot learn on a device with noise"):
        states(DFC(stack(), device=device))


def test_without_a_leak_the_transposed_jacobian_gives_the_pseudoinverse():
    network = stack()
    params = weigh(network)
    control = eqx.tree_at(lambda c: c.leak, FINE, 0.0)
    found = settled(DFC(network, controller=control), params)
    delta = 0.1 + 0.8 * np.asarray(TARGET) - free(params)[-1]
    expected = np.linalg.pinv(joined(jacobian(params))) @ delta
    assert np.allclose(joined(gaps(found)), expected, rtol=0, atol=1e-9)
    assert np.allclose(found.y, 0.1 + 0.8 * np.asarray(TARGET))


def cosine(a, b):
    a, b = (np.concatenate([np.ravel(t[n]) for n in sorted(a)]) for t in (a, b))
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_a_large_leak_makes_it_gradient_descent_and_a_small_one_does_not():
    network = stack()
    cosines = {}
    for leak, gain, tau in ((1e-3, 1.0, 1.0), (2e3, 0.0, 1e3)):
        control = Controller(gain, leak, tau, dt=0.05, steps=1500)
        learner = DFC(network, 1.0, Nudged(1e-3), controller=control, device=Ledger())
        params, update, record = booked(learner, TASK, EPISODES)
        exact = gradient_of(network, TASK, params, EPISODES)
        cosines[leak] = cosine(update, exact)
        assert int(record.written) > 0
    assert cosines[2e3] > 1 - 1e-5
    assert 0.1 < cosines[1e-3] < 0.9  # Gauss-Newton: downhill, another way
    loss = sum(np.sum(g**2) for g in exact.values())
    assert loss > 1e-3


def test_a_small_nudge_of_a_curved_net_is_the_closed_form_times_the_slope():
    network = stack(jnp.tanh)
    params = weigh(network, seed=2)
    learner = DFC(network, setpoint=Nudged(1e-4), controller=FINE)
    found, circuit = settled(learner, params), Circuit(network, params, X)
    v = circuit.free()
    j = {n: np.asarray(a) for n, a in circuit.jacobian().items()}
    y = np.tanh(np.asarray(v["out"]))
    delta = 1e-4 * (np.asarray(TARGET) - np.asarray(jax.nn.softmax(jnp.asarray(y))))
    u = np.linalg.solve(sum(a @ a.T for a in j.values()) + 0.3 * np.eye(2), delta)
    for name, gap in gaps(found).items():
        expected = (1 - np.tanh(np.asarray(v[name])) ** 2) * (j[name].T @ u)
        assert np.allclose(gap, expected, rtol=0, atol=2e-3 * np.abs(expected).max())


def states(learner, seed=0):
    return learner.init(jax.random.key(seed))


def test_control_that_is_unstable_is_refused_and_named():
    network = feedforward(3, RateNeuron(), (6,), 2, readout=RateNeuron(jax.nn.identity))

    def check(learner):
        learner.check(TASK, states(learner), KEY)

    check(DFC(network))
    check(DFC(network, feedback=FixedFeedback(0.0)))
    wrong = DFC(network, feedback=FixedFeedback(10.0))
    with pytest.raises(
        ValueError, match=r"JQ has an eigenvalue with real part -.*onto"
    ):
        check(wrong)
    learner = DFC(network)
    j = Circuit(network, learner.params(states(learner)), X).jacobian()
    flipped = {n: -10.0 * a.T for n, a in j.items()}
    with pytest.raises(ValueError, match="unstable on training sample 0.*'hidden'"):
        check(DFC(network, feedback=Given(flipped | {"out": jnp.eye(2)})))
    with pytest.raises(ValueError, match="diverges.*lower its gain or its dt"):
        check(DFC(network, controller=Controller(gain=50.0)))


def test_learnt_feedback_turns_towards_the_transposed_jacobian():
    network = feedforward(3, RateNeuron(), (6,), 2, readout=RateNeuron(jax.nn.identity))
    learner = DFC(network, 0.0, Labelled(), LearntFeedback(FixedFeedback(0.1)))
    state = states(learner, 4)
    params = learner.params(state)
    j = np.mean([Circuit(network, params, x).jacobian()["hidden"] for x in XS], 0)

    def least(state):
        return np.linalg.eigvals(j @ np.asarray(state.feedback["hidden"])).real.min()

    assert least(state) < 0
    learn = jax.jit(partial(learner.learn, TASK))
    for _ in range(20):
        state, record = learn(state, EPISODES)
    q = np.asarray(state.feedback["hidden"])
    assert least(state) > 0.05
    assert np.sum(q * j.T) / np.linalg.norm(q) / np.linalg.norm(j) > 0.7
    assert int(record.written) == 0  # the weights rested


def test_setpoints():
    y, target, loss = jnp.array([0.95, 0.05]), jnp.array([1.0, 0.0]), TASK.loss
    assert np.allclose(Labelled()(y, target, loss), [0.9, 0.1])
    margin = Labelled(one_sided=True)
    assert np.array_equal(margin(y, target, loss), y)  # beyond it: nothing to pull at
    assert np.allclose(margin(y[::-1], target, loss), [0.9, 0.1])
    error = loss.error(y, target)
    assert np.allclose(Nudged(0.2)(y, target, loss), y - 0.2 * error)


def test_memory_holds_the_feedback_weights_of_one_sample():
    network = feedforward(3, RateNeuron(), (6,), 2)
    transposed, fixed, learnt = (
        DFC(network, feedback=f).memory(TASK)
        for f in (TransposedJacobian(), FixedFeedback(), LearntFeedback())
    )
    assert transposed["feedback weights"] == 64 * (6 + 2) * 2
    assert fixed == transposed and fixed["feedback updates"] == 0
    assert learnt["feedback updates"] == 64 * 6 * 2
    assert fixed["controller"] == 64 * 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DFC(feedforward(3, LIF(), (4,), 2)), "'hidden' has spiking LIF"),
        (lambda: DFC(recurrent(3, RateNeuron(), 4, 2)), "'rec' has delay 1"),
        (lambda: Nudged(0.0), "Nudged.strength must be positive"),
        (lambda: Labelled(0.1, 0.9), "Labelled.high must be positive"),
        (lambda: Controller(dt=0.0), "Controller.dt must be positive"),
        (lambda: Controller(steps=0), "Controller.steps must be a whole number"),
        (lambda: FixedFeedback(-1.0), "FixedFeedback.scale"),
        (lambda: LearntFeedback(noise=0.0), "LearntFeedback.noise"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()
