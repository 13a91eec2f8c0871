"""Weight decay that passes by the optimiser."""

import jax
import numpy as np
import optax
import pytest

from onspike import BPTT, Learner
from onspike.rules import LinearDecay, eprop
from oracle import Ledger, begin, draw, learn, small, tasklet

TASK = tasklet()
EPISODES = draw(TASK, 2, seed=1)
RATES = {"in": 0.5, "out": 0.25}


def asked(learner, writes=3):
    """What each write asks for, with weights that stay as they are."""
    state, totals = begin(learner, 2), []
    weights = learner.params(state).weights
    with jax.numpy_dtype_promotion("standard"):  # optax mixes int32 and float64
        for _ in range(writes):
            state, _ = learn(learner, TASK, state, EPISODES)
            store = state.shared.store if hasattr(state, "shared") else state.store
            totals.append(jax.tree.map(np.asarray, store.die.total))
    first = jax.tree.map(np.zeros_like, totals[0])
    pairs = zip([first, *totals[:-1]], totals, strict=True)
    return weights, [{n: b[n] - a[n] for n in b} for a, b in pairs]


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_write_takes_its_share_whatever_the_optimiser_does(optimiser):
    how = {"schedule": LinearDecay(4.0)}
    if optimiser == "adam":
        how["transform"] = optax.scale_by_adam()
    rule, network = eprop(RATES), small()
    weights, plain = asked(Learner(network, rule, Ledger(), **how))
    _, decayed = asked(Learner(network, rule, Ledger(), weight_decay=0.1, **how))
    for write, (without, with_) in enumerate(zip(plain, decayed, strict=True)):
        for name, rate in RATES.items():
            assert np.abs(without[name]).max() > 1e-3
            share = rate * 0.1 * (1 - write / 4)
            expected = without[name] - share * np.asarray(weights[name])
            assert np.allclose(with_[name], expected, rtol=1e-10, atol=1e-14)
        assert not np.any(with_["rec"])  # what has no rate does not decay


def test_learners_of_their_own_decay_too():
    weights, (plain,) = asked(BPTT(small(), 0.5, Ledger()), writes=1)
    _, (decayed,) = asked(BPTT(small(), 0.5, Ledger(), weight_decay=0.2), writes=1)
    for name, w in weights.items():
        assert np.allclose(decayed[name], plain[name] - 0.1 * np.asarray(w), atol=1e-14)


def test_weight_decay_is_not_negative():
    with pytest.raises(ValueError, match=r"Learner.weight_decay must be zero .*-0.1"):
        Learner(small(), eprop(), weight_decay=-0.1)
