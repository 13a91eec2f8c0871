"""Learning in real time: a tick per call is `learner.tick`."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import ALIF, LIF, Fixed, Learner, Refractory, recurrent
from onspike.engine import Event
from onspike.losses import CrossEntropy, SquaredError
from onspike.rules import (
    EndOfSample,
    EveryTick,
    FeedbackAlignment,
    LinearDecay,
    RateHinge,
    TargetWindow,
    frozen_hidden,
    reckon,
)
from onspike.types import Sample
from oracle import READOUT, begin, draw, learn, small, tasklet, watch

TICKS = 150
RATE = {"in": 1e-3, "rec": 3e-3, "out": 1e-2}
NET = recurrent(5, LIF(v_threshold=0.5), 12, 3, readout=READOUT, gains=(0.4, 0.1, 1.0))
FORMS = {
    "every tick, schedule, hinge": (
        NET,
        reckon(RATE, gate=EveryTick(), regulariser=RateHinge(0.01, 2.0)),
        {"schedule": LinearDecay(200.0)},
        CrossEntropy(),
    ),
    "target window, refractory, random feedback": (
        recurrent(
            5,
            LIF(v_threshold=0.5, refractory=Refractory(2e-3)),
            12,
            3,
            readout=READOUT,
            gains=(0.4, 0.1, 1.0),
        ),
        reckon(RATE, gate=TargetWindow(), signal=FeedbackAlignment()),
        {},
        SquaredError(),
    ),
    "readout alone": (NET, frozen_hidden(1e-2), {}, CrossEntropy()),
}


def assert_same(found, expected):
    """Whole numbers are equal, others to 1e-10 of the largest."""
    pairs = zip(
        jax.tree.leaves_with_path(found),
        jax.tree.leaves_with_path(expected),
        strict=True,
    )
    for (path, a), (same_path, b) in pairs:
        if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        a, b = np.asarray(a), np.asarray(b)
        assert path == same_path and a.dtype == b.dtype and a.shape == b.shape, path
        if a.dtype.kind == "f":
            size = max(1e-3, float(np.abs(b).max(initial=0.0)))
            assert np.abs(a - b).max(initial=0.0) < 1e-10 * size, path
        else:
            assert np.array_equal(a, b), path


@pytest.mark.parametrize("name", FORMS)
def test_a_call_is_a_tick(name, monkeypatch):
    monkeypatch.setattr("onspike.engine.event.stream._AHEAD", 40)
    network, rule, more, loss = FORMS[name]
    learner = Learner(network, rule, **more)
    task = tasklet(TICKS, n_in=5, n_out=3)
    state, rng = begin(learner), np.random.default_rng(0)
    live = learner.stream(state, loss)
    for number in range(2):  # samples
        x = (rng.random((TICKS, 5)) < 0.1).astype(float)
        x[10:20] *= rng.normal(size=(10, 5))  # graded input now and then
        mask = rng.random(TICKS) < (0.5, 0.9)[number]
        target = rng.normal(size=(TICKS, 3))
        classes = rng.integers(3, size=TICKS)
        if isinstance(loss, CrossEntropy):
            target = np.eye(3)[classes]
        samples = Sample(
            x=jnp.asarray(x)[:, None],
            target=jnp.asarray(target)[:, None],
            mask=jnp.asarray(mask),
            reward=jnp.zeros((TICKS, 1)),
            first=jnp.arange(TICKS) == 0,
            last=jnp.arange(TICKS) == TICKS - 1,
        )
        state, seen = watch(
            learner, dataclasses.replace(task, loss=loss), state, samples
        )
        if number:
            live.reset()
        fired = 0
        for t in range(TICKS):
            events, values = np.flatnonzero(x[t]), None
            if 10 <= t < 20:
                values = x[t, events]
            asked = classes[t] if isinstance(loss, CrossEntropy) else target[t]
            spikes, y = live.step(events, asked if mask[t] else None, values)
            assert np.array_equal(spikes, np.flatnonzero(seen.z["hidden"][t, 0])), t
            assert np.abs(y - seen.y[t, 0]).max() < 1e-10
            fired += len(spikes)
            if t == 70:  # looking changes nothing
                live.state()
        assert 100 < fired < 1500
        assert_same(live.state(), state)
    assert live.written >= int(seen.written.sum()) > 0


def test_a_stream_goes_on_where_another_has_stopped_and_so_does_the_learner():
    learner = Learner(NET, FORMS["every tick, schedule, hinge"][1], engine=Event())
    task = tasklet(TICKS, window=TICKS, n_in=5, n_out=3)
    episodes, start = draw(task, 1, rate=0.1), begin(learner)
    x, label = np.asarray(episodes.content[0]), int(episodes.label[0])
    live = learner.stream(start)
    for t in range(TICKS):
        if t in (60, 61):
            live = learner.stream(live.state())
        live.step(np.flatnonzero(x[t]), label)
    half, _ = learn(learner, task, start, episodes)
    assert_same(live.state(), half)
    more, _ = learn(learner, task, live.state(), episodes)
    live.reset()
    for now in x:
        live.step(np.flatnonzero(now), label)
    assert_same(live.state(), more)
    assert_same(start, begin(learner))  # what it was given is untouched


def test_events_come_in_any_integers_and_twice_counts_twice():
    learner = Learner(NET, frozen_hidden(0.1))
    live = [learner.stream(begin(learner)) for _ in range(3)]
    many = [0, 3, 3] + [1] * 9  # more than there are channels
    for _ in range(3):
        a = live[0].step(many)
        b = live[1].step(np.asarray(many, np.uint8)[::-1])
        c = live[2].step([0, 3, 1], None, [1.0, 2.0, 9.0])
        assert np.allclose(a.y, b.y, rtol=1e-12) and np.allclose(a.y, c.y, rtol=1e-12)
        assert np.array_equal(a.spikes, b.spikes) and np.array_equal(a.spikes, c.spikes)
    assert len(a.spikes) > 0
    assert live[0].step([]).y.shape == (3,)


def test_what_was_refused_leaves_nothing_behind():
    learner = Learner(NET, frozen_hidden(0.1))
    calm, other = (learner.stream(begin(learner)) for _ in range(2))
    with pytest.raises(ValueError, match="target must be a class"):
        other.step([1, 2], 7, values=[50.0, -30.0])
    with pytest.raises(ValueError, match="values must be finite"):
        other.step([1, 2], None, values=[50.0, np.nan])
    read_only = np.frombuffer(np.asarray([1, 2]).tobytes(), np.int64)
    for _ in range(3):
        assert np.array_equal(other.step(read_only).y, calm.step([1, 2]).y)


def test_without_a_target_nothing_is_learnt():
    learner = Learner(NET, reckon(RATE, gate=EveryTick()))
    start = begin(learner)
    live = learner.stream(start)
    fired = sum(len(live.step(np.arange(5)).spikes) for _ in range(30))
    assert fired > 30 and live.written == 0
    assert_same(live.state().shared.store.die, start.shared.store.die)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (([0, 5],), "events must be addresses from 0 to 4; got 5"),
        (([-1],), "events must be addresses from 0 to 4; got -1"),
        (([5] * 6,), "events must be addresses from 0 to 4; got 5"),
        ((np.zeros(5),), "events must be the addresses .* got float64 of shape"),
        ((np.zeros((2, 2), int),), r"events must be the addresses .* \(2, 2\)"),
        (([1], 3), "target must be a class from 0 to 2; got 3"),
        (([1], np.array(3)), "target must be a class from 0 to 2; got 3"),
        (([1], True), "target must be a class or 3 numbers"),
        (([1], [0.0, 1.0]), "target must be a class or 3 numbers"),
        (([1], [0.0, 1.0, np.inf]), "target must be finite; got inf"),
        (([1, 2], None, [1.0]), "values must be 2 numbers, one per event"),
        (([1, 2], None, [1.0, np.nan]), "values must be finite; got nan"),
    ],
)
def test_what_cannot_be_is_refused_and_has_not_happened(given, reason):
    learner = Learner(NET, frozen_hidden(0.1))
    live, other = (learner.stream(begin(learner)) for _ in range(2))
    for _ in range(2):
        with pytest.raises(ValueError, match=f"Stream.step: {reason}"):
            live.step(*given)
        assert np.array_equal(live.step([1, 2], 0).y, other.step([1, 2], 0).y)
    assert_same(live.state(), other.state())


REFUSED = {
    "the neuron ALIF has no event-driven form": Learner(
        small(ALIF()), reckon(gate=EveryTick())
    ),
    "the gate EndOfSample waits for an end": Learner(NET, reckon(gate=EndOfSample())),
    "the device Fixed has no form for a stream": Learner(NET, reckon(), Fixed()),
    "weights that decay are all touched": Learner(NET, reckon(), weight_decay=0.1),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_learner_that_has_no_stream_is_refused_with_the_reason(reason):
    learner = REFUSED[reason]
    with pytest.raises(ValueError, match=f"Learner.stream cannot run .*: {reason}"):
        learner.stream(begin(learner))


def test_a_stream_is_of_one_sample():
    learner = Learner(NET, reckon())
    with pytest.raises(ValueError, match="state of one sample; got a batch of 2"):
        learner.stream(begin(learner, 2))
