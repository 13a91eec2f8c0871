"""Errors as events: what is sent, how often, and that nothing else changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import Learner, controlled
from onspike.devices import Ideal
from onspike.experiment.spec import resolve
from onspike.rules import (
    AdaptiveThreshold,
    Control,
    DirectFeedback,
    ErrorMessage,
    ErrorTriggered,
    KolenPollack,
    RateHinge,
    TargetMessage,
    Ternary,
    Threshold,
    error_triggered,
    reckon,
)
from onspike.types import Change, Sample
from oracle import (
    Ledger,
    assert_same,
    assert_spikes,
    begin,
    booked,
    draw,
    small,
    tasklet,
)

NET, TASK = small(), tasklet(window=30)
EPISODES = draw(TASK, 1, seed=1)
ERRORS = np.random.default_rng(0).normal(size=(4000, 3))
YES = jnp.asarray(True)


def gradient(rule):
    """What a rule asks for on fixed weights, and the record of how often."""
    _, asked, record = booked(Learner(NET, rule, Ledger()), TASK, EPISODES)
    assert_spikes(record, least=10, most=110)
    return asked, record


@jax.jit
def send(trigger, errors, valid=YES):
    """All that a trigger sends on, and its memory after every tick."""

    def tick(state, error):
        state, sent = trigger.step(state, error, valid)
        return state, (sent, state)

    return jax.lax.scan(tick, trigger.init(), errors)[1]


def test_a_tiny_threshold_is_the_host_rule():
    host, record = gradient(reckon(1.0))
    fine, other = gradient(error_triggered(1.0, trigger=Threshold(1e-11)))
    assert_same(fine, host, 1e-9)
    assert int(other.written.sum()) == int(record.written.sum())
    coarse, _ = gradient(error_triggered(1.0, trigger=Threshold(0.3)))
    assert np.abs(coarse["in"] - host["in"]).max() > 1e-2 * np.abs(host["in"]).max()


@pytest.mark.parametrize("theta", [0.01, 0.3, 0.7, 2.0])
def test_whole_steps_towards_zero(theta):
    sent, _ = send(Threshold(jnp.asarray(theta)), jnp.asarray(ERRORS))
    sent = np.asarray(sent)
    steps = sent / theta
    assert np.allclose(steps, np.round(steps), atol=1e-9) and np.abs(steps).max() >= 1
    assert np.abs(sent - ERRORS).max() < theta
    assert np.all(np.abs(sent) <= np.abs(ERRORS) + 1e-12)
    assert np.array_equal(sent != 0, np.abs(ERRORS) >= theta)


def test_three_values():
    sent, _ = send(Ternary(0.7), jnp.asarray(ERRORS))
    assert np.array_equal(sent, np.sign(ERRORS) * (np.abs(ERRORS) >= 0.7))
    assert set(np.unique(sent)) == {-1.0, 0.0, 1.0}


def test_writes_fall_with_the_threshold():
    counts = []
    for theta in (1e-11, 0.42, 0.46, 0.5, 0.54, 0.6, 2.0):
        _, record = gradient(error_triggered(1.0, trigger=Threshold(theta)))
        counts.append(int(record.written.sum()))
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) > 4 and counts[-1] == 0


@pytest.mark.parametrize("kind", [Threshold, Ternary])
def test_writes_fall_with_the_threshold_while_it_learns(kind):
    @jax.jit
    def learnt(theta):
        rule = error_triggered(2e-3, trigger=kind(theta))
        learner = Learner(NET, rule, Ideal())
        return learner.learn(TASK, begin(learner), EPISODES)[1].written

    thetas = (1e-11, 0.3, 0.42, 0.46, 0.5, 0.54, 0.6, 2.0)
    counts = [int(learnt(jnp.asarray(theta)).sum()) for theta in thetas]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) > 4 and counts[-1] == 0


@pytest.mark.parametrize("message", [ErrorMessage(), TargetMessage()])
def test_without_an_event_a_signal_is_silent_whatever_else_it_knows(message):
    def asked(trigger):
        signal = ErrorTriggered(DirectFeedback(message=message), trigger)
        return gradient(reckon(1.0, signal=signal))[0]

    assert not any(np.any(g) for g in asked(Threshold(5.0)).values())
    assert np.any(asked(Threshold(0.4))["in"])


@pytest.mark.parametrize("size", [0.01, 1.0, 30.0])
def test_the_threshold_follows_the_errors(size):
    trigger = AdaptiveThreshold(set_point=0.1, theta=0.5, gain=0.05)
    sent, state = send(trigger, jnp.asarray(size * ERRORS))
    before = np.concatenate([[0.5], np.asarray(state.theta)[:-1]])
    settled = np.abs(np.asarray(sent) / before[:, None])[2000:].mean()
    assert abs(settled - 0.1) < 0.01
    assert 1.2 * size < state.theta[-1] < 2.2 * size  # of a normal's 10 percent: 1.6
    _, still = send(trigger, jnp.asarray(size * ERRORS[:5]), ~YES)
    assert np.array_equal(still.theta, np.full(5, 0.5))


def test_the_threshold_outlives_the_sample_and_the_signal_does_not():
    net = controlled(NET)
    signal = ErrorTriggered(Control(), AdaptiveThreshold(theta=0.5))
    _, own = signal.init(net.wiring, jax.random.key(0))
    assert own.trigger.theta == 0.5
    current = own.signal._replace(current=jnp.ones(2))
    moved = own._replace(signal=current, trigger=own.trigger._replace(theta=0.2))
    rested = signal.rest(moved)
    assert rested.trigger.theta == 0.2 and not rested.signal.current.any()


def test_a_host_that_steers_and_learns_goes_on_doing_so():
    net = controlled(NET)
    host = Control(through=KolenPollack(0.5))
    signal = ErrorTriggered(host)
    shared, own = signal.init(net.wiring, jax.random.key(0))
    own = own._replace(signal=own.signal._replace(current=jnp.ones(2)))
    none, neurons = jnp.zeros(()), net.init().neurons
    sample = Sample(jnp.zeros(3), jnp.eye(2)[0], YES, none, YES, YES)
    seen = shared, own.signal, sample, neurons, net.wiring, net.dt
    _, expected = host.feedback(*seen)
    after, currents = signal.feedback(seen[0], own, *seen[2:])
    assert set(currents) == {"more", "less", "out"} and currents["out"].any()
    for name, current in currents.items():
        assert np.array_equal(current, expected[name])
    assert after.signal.current.any()
    change = {"out": Change(jnp.ones_like(shared["out"].T), 0.0)}
    assert np.array_equal(signal.adapt(shared, change)["out"], shared["out"] + 1)


def test_a_regulariser_needs_no_event():
    calm = RateHinge(0.1, bound=0.5)
    deaf = error_triggered(1.0, trigger=Threshold(5.0), regulariser=calm)
    asked, _ = gradient(deaf)
    assert np.abs(asked["in"]).max() > 1e-3 and not np.any(asked["out"])
    alone, _ = gradient(error_triggered(1.0, trigger=Threshold(5.0)))
    assert not any(np.any(g) for g in alone.values())


def test_bad_fields():
    for kind in (Threshold, Ternary, AdaptiveThreshold):
        with pytest.raises(
            ValueError, match=rf"{kind.__name__}\.theta .*positive, in error units.*-1"
        ):
            kind(theta=-1.0)
    with pytest.raises(ValueError, match=r"\.set_point .*in steps; got 0"):
        AdaptiveThreshold(set_point=0.0)
    with pytest.raises(ValueError, match=r"\.gain .*below 1 / set_point"):
        AdaptiveThreshold(set_point=2.0, gain=0.6)
    settings = {"rule.set_point": 0.1, "rule.ternary": True}
    spec = resolve("cue-accumulation", rule="error-triggered", settings=settings)
    with pytest.raises(ValueError, match=r"rule\.ternary .*one of them"):
        spec.built("rule")
