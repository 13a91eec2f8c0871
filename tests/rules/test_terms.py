"""Rules of several terms."""

import numpy as np
import pytest

from onspike import CubaLIF, Learner, controlled, feedforward
from onspike.experiment import build
from onspike.experiment.spec import resolve
from onspike.rules import (
    Control,
    EndOfSample,
    Predictive,
    Symmetric,
    TargetRates,
    Terms,
    deep_feedback_control,
)
from onspike.surrogates import Triangle
from oracle import begin, draw, learn, tasklet

TASK = tasklet(n_in=6, n_out=3, ticks=60, window=60)
EPISODES = draw(TASK, 1, rate=0.4, seed=2)
NEURON = CubaLIF(normalised=True, floor=-1.0, surrogate=Triangle(1.0), bias=0.9)
NET = controlled(feedforward(6, NEURON, (5,), 3, readout=NEURON, mean_out=0.2))
PULL = Control(TargetRates(150.0, 20.0), weight=2.0, through=Symmetric(False))
TINY = 1e-9  # the weights stay where they are, so changes of terms can be added


def changes(rule):
    """What the weights change by in a sample, per unit of rate, and the spikes."""
    learner = Learner(NET, rule)
    state = begin(learner)
    after, record = learn(learner, TASK, state, EPISODES)
    one, other = (learner.params(s).weights for s in (state, after))
    return {n: (other[n] - one[n]) / TINY for n in one}, record


def test_updates_add_up_by_their_own_rates():
    control = deep_feedback_control({"in": TINY, "out": 2 * TINY}, control=PULL)
    governed, record = changes(control)
    stable, _ = changes(Predictive({"in": 3 * TINY}))
    both, together = changes(Terms((control, Predictive({"in": 3 * TINY}))))
    assert record.spikes["hidden"].sum() > 20
    assert np.array_equal(record.spikes["out"], together.spikes["out"])
    # Alone, the predictive rule is on another course: nothing is injected there. It
    # looks at hidden neurons only, which no current reaches, so that it is the same.
    assert not np.array_equal(stable["out"], governed["out"])
    sums = {"in": governed["in"] + stable["in"], "out": governed["out"]}
    for name, expected in sums.items():
        size = np.abs(expected).max()
        assert size > 1e-2 and np.abs(both[name] - expected).max() < 1e-5 * size
    assert np.abs(stable["in"]).max() > 1e-2 * np.abs(governed["in"]).max()


def test_one_term_is_the_rule_itself():
    control = deep_feedback_control({"in": 0.05, "out": 2e-3}, control=PULL)
    runs = [changes(rule) for rule in (control, Terms((control,)))]
    (alone, record), (wrapped, other) = runs
    assert record.spikes["more"].sum() > 0
    assert np.array_equal(record.spikes["hidden"], other.spikes["hidden"])
    for name in alone:
        assert np.allclose(alone[name], wrapped[name], rtol=1e-9, atol=0)


def test_the_sum_has_a_rate():
    terms = (deep_feedback_control({"in": 0.5, "out": 2.0}, control=PULL),)
    plain, record = changes(Terms(terms, rate=TINY))
    assert record.spikes["more"].sum() > 0
    half, _ = changes(Terms(terms, rate={"*": TINY, "in": 0.5 * TINY}))
    assert np.allclose(half["out"], plain["out"], rtol=1e-4, atol=0)
    assert np.allclose(2 * half["in"], plain["in"], rtol=1e-4, atol=0)
    assert np.abs(plain["in"]).max() > 1e-2
    only = Terms((Predictive({"in": 3.0}),), rate=0.1)
    assert Learner(NET, only).rates() == {"in": 0.1}


def test_terms_refuse_what_they_would_ignore():
    with pytest.raises(ValueError, match="at least one rule; got none"):
        Terms(())
    gated = deep_feedback_control(1e-3, gate=EndOfSample())
    with pytest.raises(
        ValueError, match=r"give the gate to Terms.*got EndOfSample\(\)"
    ):
        Terms((gated,))
    rule = Terms((Predictive({"sideways": 1.0}),))
    with pytest.raises(ValueError, match="sideways"):
        Learner(NET, rule)


def test_a_projection_is_plastic_if_any_term_changes_it():
    stable, governed = Predictive({"*": 1e-3, "out": None}), Predictive({"out": 1e-3})
    assert dict(Learner(NET, Terms((stable,))).rates()) == {"in": 1.0}
    both = Learner(NET, Terms((stable, governed)))
    assert dict(both.rates()) == {"in": 1.0, "out": 1.0}


def test_an_optimiser_would_not_respect_their_weights():
    settings = {"train.optimiser": "adam"}
    spec = resolve("yin-yang", rule="tug-of-war", settings=settings)
    with pytest.raises(ValueError, match="set train.optimiser=sgd"):
        build.learner(spec, spec.built("task"))
    settings |= {"rule.bounds": 0.1, "train.beta1": 0.0, "task.ticks": 10}
    spec = resolve("yin-yang", rule="decolle", neuron="lif", settings=settings)
    learner = build.learner(spec, spec.built("task"))
    assert isinstance(learner.rule, Terms) and learner.rule.weighed
