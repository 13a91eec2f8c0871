"""Weights that are brought up to date only when their input spikes: one sample."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Learner, Refractory, recurrent
from onspike.engine import Event, Scan
from onspike.losses import SquaredError
from onspike.neurons import ZeroReset
from onspike.rules import (
    DirectFeedback,
    EveryTick,
    LinearDecay,
    RateHinge,
    TargetWindow,
    frozen_hidden,
    reckon,
)
from onspike.surrogates import FastSigmoid
from oracle import READOUT, assert_spikes, begin, draw, learn, tasklet

RATE = {"in": 1e-3, "rec": 3e-3, "out": 1e-2}
HINGE = RateHinge(0.01, 2.0)
# Two blocks; a target from the middle of the first on, for many generations.
TASK = tasklet(ticks=400, window=300)


def net(neuron, n=20, n_out=3):
    gains = (0.2, 0.1, 1.0)
    return recurrent(3, neuron, n, n_out, readout=READOUT, gains=gains)


ENGINES = Scan(), Event()
SLOW = LIF(v_threshold=0.5)
FORMS = {
    "hinge, schedule": (
        net(SLOW),
        reckon(RATE, gate=EveryTick(), regulariser=HINGE),
        {"schedule": LinearDecay(1200.0)},
    ),
    "resets to zero, refractory, random feedback": (
        net(
            LIF(
                v_threshold=0.6,
                reset=ZeroReset(),
                refractory=Refractory(2e-3, clamp=True),
                surrogate=FastSigmoid(),
                bias=0.02,
            )
        ),
        reckon(RATE, gate=TargetWindow(), signal=DirectFeedback()),
        {},
    ),
    "hardly any decay": (
        net(LIF(tau_mem=2.0, v_threshold=3.0)),
        reckon(RATE, gate=TargetWindow()),
        {},
    ),
    "nothing left after two ticks": (
        net(LIF(tau_mem=1.1e-3, v_threshold=0.3, euler=True)),
        reckon(RATE, gate=TargetWindow()),
        {},
    ),
    "nothing left after one tick": (
        net(LIF(tau_mem=1e-3, v_threshold=0.3, euler=True)),
        reckon(RATE, gate=TargetWindow()),
        {},
    ),
    "the input's weights fixed": (
        net(SLOW),
        reckon({"rec": 1e-3, "out": 1e-2}, gate=TargetWindow()),
        {},
    ),
    "readout alone": (net(SLOW, n_out=2), frozen_hidden(1e-2), {}),
}


def assert_close(found, expected, tolerance=1e-10):
    """Equal to a tolerance, relative to the largest number."""
    expected_leaves = jax.tree.leaves_with_path(expected)
    for (path, b), a in zip(expected_leaves, jax.tree.leaves(found), strict=True):
        if jnp.issubdtype(b.dtype, jax.dtypes.prng_key):
            continue
        a, b = np.asarray(a), np.asarray(b)
        size = max(1e-3, float(np.abs(b).max(initial=0.0)))
        worst = float(np.abs(a - b).max(initial=0.0))
        assert worst <= tolerance * size, (jax.tree_util.keystr(path), worst)


@pytest.mark.parametrize("name", FORMS)
def test_late_writes_give_what_writes_in_time_give(name):
    network, rule, more = FORMS[name]
    task = dataclasses.replace(TASK, sizes=(3, network.n_out))
    if "feedback" in name:
        task = dataclasses.replace(task, loss=SquaredError())
    slow, fast = (Learner(network, rule, engine=e, **more) for e in ENGINES)
    start = state = expected = begin(slow)
    for seed in range(2):  # the second goes on from what the first has left
        episodes = draw(task, 1, rate=0.1, seed=seed)
        expected, record = learn(slow, task, expected, episodes)
        state, found = learn(fast, task, state, episodes)
        assert_spikes(record, least=50, most=6000)
        assert_close(state, expected)
        assert_close(found, record._replace(written=found.written))
        # Where a trace has all but gone, what is asked for is too small to be stored.
        assert 0 < int(record.written) <= int(found.written)
    before, after = start.shared.store.die.weights, expected.shared.store.die.weights
    for projection in slow.rates():
        change = np.abs(after[projection] - before[projection]).max()
        assert change > 1e-4, f"'{projection}' learns nothing"


def test_every_write_that_changes_a_number_is_counted():
    network, rule, more = FORMS["hinge, schedule"]
    task = dataclasses.replace(TASK, ticks=100, window=60, sizes=(3, 3))
    slow, fast = (Learner(network, rule, engine=e, **more) for e in ENGINES)
    start, episodes = begin(slow), draw(task, 1, rate=0.2)
    (_, record), (_, found) = (
        learn(each, task, start, episodes) for each in (slow, fast)
    )
    assert int(found.written) == int(record.written) > 10_000


def test_graded_input_that_cancels_itself():
    network, rule, _ = FORMS["hinge, schedule"]
    task = dataclasses.replace(TASK, ticks=60, window=50, sizes=(3, 3))
    slow, fast = (Learner(network, rule, engine=e) for e in ENGINES)
    start, episodes = begin(slow), draw(task, 1, rate=0.3)
    rng = np.random.default_rng(0)
    graded = np.asarray(episodes.content) * rng.normal(1.0, 2.0, (1, 60, 3))
    graded[0, 0, 0] = 1.0
    graded[0, 1, 0] = -np.exp(-1e-3 / 20e-3)  # the trace is gone
    episodes = episodes._replace(content=jnp.asarray(graded))
    expected, record = learn(slow, task, start, episodes)
    state, found = learn(fast, task, start, episodes)
    assert_spikes(record, least=20, most=1200)
    assert_close(state, expected)
    assert_close(found, record._replace(written=found.written))


def test_weights_that_decay_do_so_at_every_tick_at_which_the_gate_is_open():
    network = net(SLOW, n=6, n_out=2)
    task = tasklet(ticks=60, window=30)
    for gate in (EveryTick(), TargetWindow()):
        slow, fast = (
            Learner(network, reckon(RATE, gate=gate), engine=e, weight_decay=0.1)
            for e in ENGINES
        )
        start, episodes = begin(slow), draw(task, 1, rate=0.3)
        expected, record = learn(slow, task, start, episodes)
        state, found = learn(fast, task, start, episodes)
        assert_spikes(record, least=20, most=300)
        assert_close(state, expected)
        assert int(found.written) == int(record.written) > 0
