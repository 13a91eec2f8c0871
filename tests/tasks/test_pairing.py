"""Given moments become spikes, and protocols say what is wrong with them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import Pairing, Protocol, pairing


def test_given_moments_become_spikes():
    task = Pairing(((1e-3, 2e-3, 2e-3), (), (0.0,)), ticks=60)
    episode = task.episode("train", jnp.asarray(0), jax.random.key(0))
    blocks = [task.block(episode, jnp.asarray(s), 30) for s in (0, 30)]
    x = np.concatenate(blocks)
    expected = np.zeros((60, 3))
    expected[20, 0], expected[40, 0], expected[0, 2] = 1, 2, 1
    assert np.array_equal(x, expected)
    assert (task.n_in, task.n_out, task.size("train")) == (3, 1, 1)
    assert not task.mask().any()


def test_which_input_is_weak():
    for make in (
        pairing.classic,
        pairing.symmetric,
        lambda **k: pairing.burst(50.0, **k),
    ):
        for first in (True, False):
            protocol = make(weak_first=first)
            moments = np.asarray(protocol.task.times)
            weak, strong = protocol.read, 1 - protocol.read
            assert protocol.start[weak] < protocol.start[strong]
            assert (moments[weak, 0] < moments[strong, 0]) == first


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"Pairing\.times .*to 0\.003 seconds; got 0"):
        Pairing(((3e-3,),), ticks=60)
    with pytest.raises(ValueError, match=r"Pairing\.times .*got -0.001"):
        Pairing(((-1e-3,),), ticks=60)
    with pytest.raises(ValueError, match=r"Pairing\.ticks .*>= 1"):
        Pairing(((),), ticks=0)
    task = Pairing(((0.0,), (1e-3,)))
    with pytest.raises(ValueError, match=r"Protocol\.start must have shape \(2,\)"):
        Protocol(task, (0.1,), 10e-3, 1.0, 1e-4, 1)
    with pytest.raises(ValueError, match=r"Protocol\.read must be below 2"):
        Protocol(task, (0.1, 0.1), 10e-3, 1.0, 1e-4, 1, read=2)
    with pytest.raises(ValueError, match=r"Protocol\.pairings .*>= 1"):
        Protocol(task, (0.1, 0.1), 10e-3, 1.0, 1e-4, 0)
    with pytest.raises(ValueError, match=r"spike_count\.n .*>= 1"):
        pairing.spike_count(0)
    with pytest.raises(ValueError, match=r"burst\.rate must be positive"):
        pairing.burst(0.0)
