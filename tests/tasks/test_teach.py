"""What the outside says about an output."""

import jax.numpy as jnp
import numpy as np

from onspike.tasks.base import margin
from onspike.types import Sample
from oracle import tasklet


def taught(y, target, mask=True, reward=0.0):
    sample = Sample(
        x=jnp.zeros(3),
        target=jnp.asarray(target),
        mask=jnp.asarray(mask),
        reward=jnp.asarray(reward),
        first=jnp.asarray(False),
        last=jnp.asarray(False),
    )
    return tasklet(n_out=len(target)).teach(jnp.asarray(y), sample)


def test_the_reward_is_the_margin_of_the_right_output():
    y, right = np.array([0.5, 3.0, -1.0]), np.array([0.0, 1.0, 0.0])
    assert np.isclose(taught(y, right).reward, 3.0 - (0.5 - 1.0) / 2)
    assert np.isclose(taught(np.array([1.0, 0.0]), np.array([0.0, 1.0])).reward, -1.0)
    assert taught(y, right, mask=False).reward == 0
    assert not np.any(taught(y, right, mask=False).error)


def test_the_samples_own_reward_comes_on_top_at_any_time():
    y, right = np.array([0.5, 3.0]), np.array([0.0, 1.0])
    assert np.isclose(taught(y, right, reward=0.25).reward, 2.75)
    assert taught(y, right, mask=False, reward=0.25).reward == 0.25


def test_a_margin_without_one_right_output():
    y = jnp.array([0.5, 3.0, -1.0])
    assert np.isclose(margin(y, jnp.ones(3)), 0, atol=1e-15)  # none is better
    assert margin(jnp.array([2.0]), jnp.array([1.0])) == 0  # nothing to exceed
    graded = jnp.array([0.1, 0.7, 0.2])
    by_hand = 1.5 * np.dot(np.asarray(graded) - 1 / 3, np.asarray(y))
    assert np.isclose(margin(y, graded), by_hand)
