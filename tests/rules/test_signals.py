"""Learning signals other than the plain symmetric and random ones."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import CubaLIF, Learner, controlled, feedforward
from onspike.rules import (
    Control,
    DirectFeedback,
    KolenPollack,
    Partial,
    SignSymmetric,
    Symmetric,
    TargetRates,
    deep_feedback_control,
)
from onspike.surrogates import Triangle
from oracle import begin, draw, learn, tasklet

TASK = tasklet(n_in=6, n_out=3, ticks=60, window=60)
EPISODES = draw(TASK, 1, rate=0.4, seed=2)
NEURON = CubaLIF(normalised=True, floor=-1.0, surrogate=Triangle(1.0), bias=0.9)
STACK = feedforward(6, NEURON, (5, 4), 3, readout=NEURON, mean_out=0.2)
NET = controlled(STACK)
TARGET = TargetRates(150.0, 20.0)
TINY = 1e-9


def learnt(through, rates, prepare=lambda state: state):
    """A sample's learning with a signal: the learner, its states and the spikes."""
    control = Control(TARGET, weight=2.0, through=through)
    learner = Learner(NET, deep_feedback_control(rates, control=control))
    before = prepare(begin(learner))
    after, record = learn(learner, TASK, before, EPISODES)
    assert record.spikes["hidden2"].sum() > 10 and record.spikes["more"].sum() > 0
    return learner, before, after


def changes(through, rates, prepare=lambda state: state):
    learner, *states = learnt(through, rates, prepare)
    one, other = (learner.params(state).weights for state in states)
    return {name: other[name] - one[name] for name in one}


def weights(state, new):
    return eqx.tree_at(lambda s: s.shared.store.die.weights, state, new)


def test_signs_are_the_weights_where_all_weights_are_of_one_size():
    def prepare(state):
        w = state.shared.store.die.weights
        return weights(state, {n: 0.3 * jnp.sign(a) for n, a in w.items()})

    exact = changes(Symmetric(False), TINY, prepare)
    signs = changes(SignSymmetric(0.3, False), TINY, prepare)
    for name, change in exact.items():
        assert np.abs(change).max() > 0
        assert np.allclose(signs[name], change, rtol=1e-6, atol=0)
    elsewhere = (
        changes(SignSymmetric(0.3, False), TINY),
        changes(Symmetric(False), TINY),
    )
    assert not np.allclose(*(e["in"] for e in elsewhere), rtol=1e-2, atol=0)


def test_learnt_feedback_follows_the_weights_and_keeps_its_beginning():
    rates = {"*": 0.05, "out": 2e-3}
    learner, before, after = learnt(KolenPollack(0.3, False), rates)
    moved = 0.0
    for name in ("w2", "out"):
        gaps = []
        for state in (before, after):
            back = state.shared.rule[name]
            gaps.append(back - learner.params(state).weights[name].T)
        assert np.allclose(*gaps, rtol=0, atol=1e-12)
        moved += np.abs(after.shared.rule[name] - before.shared.rule[name]).max()
    assert set(after.shared.rule) == {"w2", "out"} and moved > 1e-3


def test_learnt_feedback_that_began_as_the_weights_is_symmetric():
    rates = {"*": 0.05, "out": 2e-3}

    def prepare(state):
        w = state.shared.store.die.weights
        copy = {name: w[name].T for name in state.shared.rule}
        return eqx.tree_at(lambda s: s.shared.rule, state, copy)

    exact = changes(Symmetric(False), rates)
    copied = changes(KolenPollack(0.3, False), rates, prepare)
    for name, change in exact.items():
        assert np.abs(change).max() > 1e-3
        assert np.allclose(copied[name], change, rtol=0, atol=1e-12)


@pytest.mark.parametrize("through", [Symmetric(False), DirectFeedback(1.0)])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_partial_signal_teaches_a_share_of_the_hidden_neurons(through, share):
    changed = changes(Partial(through, share), {"in": TINY})
    everywhere = changes(through, {"in": TINY})
    taught = np.abs(changed["in"]).sum(1) > 0
    assert taught.sum() == round(5 * share)
    if isinstance(through, Symmetric):  # a random one draws weights of its own
        assert np.array_equal(changed["in"][taught], everywhere["in"][taught])
    with pytest.raises(ValueError, match=r"Partial.share.*1.5"):
        Partial(through, 1.5)


def test_who_hears_is_drawn_once_for_all_samples():
    signal = Partial(DirectFeedback(1.0), 0.4)
    draws = [signal.init(NET.wiring, jax.random.key(k))[0][1] for k in (0, 0, 1, 2)]
    hears = [np.asarray(d["hidden1"]) for d in draws]
    assert np.array_equal(hears[0], hears[1])
    assert any(not np.array_equal(hears[0], other) for other in hears[2:])
    assert all(h.sum() == 2 for h in hears)
    assert jnp.asarray(hears[0]).dtype == bool
