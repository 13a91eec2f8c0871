"""A reward finds the synapse that earned it, and the output that should fire."""

import numpy as np
import pytest
import reward

from onspike.experiment import runs
from onspike.experiment.spec import resolve


@pytest.mark.slow
def test_the_synapse_that_earns_a_late_reward_comes_first():
    """The study, made short: 100 synapses, rewards up to 0.2 s late."""
    task = reward.Noise()
    learner = reward.learner(tau=0.2, scaling=0.1, rate=1e-2)
    w, earned, fired = reward.lives(learner, task, [0, 1], 120, late=200)
    assert np.all(earned.sum(1) > 20) and np.all(fired.sum(1) > 100)
    assert np.all(fired[:, -20:].mean(1) < 15)
    assert np.array_equal(reward.ranks(w)[:, -1], [1, 1])
    others = np.delete(w[:, -1], reward.CHOSEN, axis=1)
    assert np.all(w[:, -1, reward.CHOSEN] > 1.3 * others.max(1))
    assert np.all((w >= 0) & (w <= reward.BOUND))


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "least"), [("rstdp", 0.97), ("hebb", 0.95)])
def test_two_blobs_are_told_apart_by_reward_alone(rule, least, tmp_path):
    settings = {"task.validation_samples": 0, "task.test_samples": 500}
    spec = resolve("binary", rule=rule, seed=1, settings=settings)
    result = runs.train([spec], [tmp_path / "run"])[0]
    assert result["test_accuracy"] >= least
