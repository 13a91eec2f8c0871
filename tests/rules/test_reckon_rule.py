"""The decoupled rule against its long form in numpy."""

import numpy as np
import pytest

from onspike import Learner
from onspike.rules import (
    DirectFeedback,
    EndOfSample,
    EProp,
    RateHinge,
    RateTarget,
    Symmetric,
    ThreeFactor,
    eprop,
    reckon,
)
from oracle import (
    Ledger,
    assert_same,
    begin,
    booked,
    by_hand,
    draw,
    learn,
    pick,
    small,
    tasklet,
)

TASK = tasklet()
EPISODES = draw(TASK, 1, seed=1)
DT = TASK.dt


def test_is_eprop_without_the_readout_filter():
    network = small()
    params, online, record = booked(
        Learner(network, reckon(1.0), Ledger()), TASK, EPISODES
    )
    expected, z = by_hand(network, params, TASK, pick(EPISODES, 0))
    assert z.sum() >= 15 and np.array_equal(record.spikes["hidden"], z.sum(0))
    assert_same(online, expected, 1e-12)

    unfiltered = ThreeFactor(Symmetric(), EProp(), 1.0, EndOfSample())
    _, dense, _ = booked(Learner(network, unfiltered, Ledger()), TASK, EPISODES)
    assert_same(dense, expected, 1e-12)

    kappa = np.exp(-DT / 10e-3)
    full, _ = by_hand(network, params, TASK, pick(EPISODES, 0), kappa=kappa)
    assert np.abs(full["in"] - online["in"]).max() > 0.1 * np.abs(full["in"]).max()


def test_random_feedback_uses_its_own_weights():
    network = small()
    rule = reckon(1.0, signal=DirectFeedback(2.0))
    learner = Learner(network, rule, Ledger())
    state = begin(learner)
    params, b = learner.params(state), state.shared.rule["hidden"]
    assert b.shape == (4, 2)
    after, _ = learn(learner, TASK, state, EPISODES)
    got = {n: -g for n, g in after.shared.store.die.total.items()}
    expected, _ = by_hand(network, params, TASK, pick(EPISODES, 0), feedback=b)
    assert_same(got, expected, 1e-12)
    assert np.array_equal(after.shared.rule["hidden"], b)  # fixed for good

    symmetric, _ = by_hand(network, params, TASK, pick(EPISODES, 0))
    assert np.abs(symmetric["in"] - got["in"]).max() > 0.1 * np.abs(got["in"]).max()
    transposed = state._replace(
        shared=state.shared._replace(rule={"hidden": params.weights["out"].T})
    )
    after, _ = learn(learner, TASK, transposed, EPISODES)
    got = {n: -g for n, g in after.shared.store.die.total.items()}
    assert_same(got, symmetric, 1e-12)


def hinge(own, z, mask):
    return mask * 0.5 * np.maximum(0, own - 1.5)


class Mean:
    """The running mean of the rate: 100 ms, target 40 Hz, strength 0.01."""

    def __init__(self):
        self.f = np.full(4, 40.0)

    def __call__(self, own, z, mask):
        self.f = self.f + (z - DT * self.f) / 0.1
        return 0.01 * (self.f - 40.0)


@pytest.mark.parametrize("kind", ["hinge", "target, filtered"])
def test_regularisers_add_their_signal_to_the_unfiltered_eligibility(kind):
    network = small()
    if kind == "hinge":
        rule = reckon(1.0, regulariser=RateHinge(0.5, 1.5))
        how = dict(calm=hinge)
    else:
        rule = eprop(regulariser=RateTarget(0.01, 40.0, 0.1))
        how = dict(calm=Mean(), kappa=np.exp(-DT / 10e-3))
    params, got, _ = booked(Learner(network, rule, Ledger()), TASK, EPISODES)
    expected, z = by_hand(network, params, TASK, pick(EPISODES, 0), **how)
    assert_same(got, expected, 1e-12)
    how = {name: value for name, value in how.items() if name != "calm"}
    plain, _ = by_hand(network, params, TASK, pick(EPISODES, 0), **how)
    assert np.abs(plain["in"] - got["in"]).max() > 0.01 * np.abs(plain["in"]).max()
    assert np.array_equal(plain["out"], expected["out"])  # hidden neurons only


def test_rate_out_is_the_rate_of_the_readout():
    assert reckon(1e-3, 2e-2).rate == {"*": 1e-3, "out": 2e-2}
    assert reckon(1e-3).rate == 1e-3
    assert reckon({"in": 1e-3}, 2e-2).rate == {"in": 1e-3, "out": 2e-2}
