"""Who may change, by how much, and when."""

import jax
import numpy as np
import optax
import pytest

from onspike import RTRL, Learner
from onspike.rules import (
    EndOfSample,
    EveryTick,
    LinearDecay,
    NoSignal,
    PreTrace,
    RateTarget,
    TargetWindow,
    ThreeFactor,
    eprop,
    reckon,
)
from oracle import (
    Ledger,
    assert_same,
    begin,
    booked,
    draw,
    learn,
    small,
    stream,
    tasklet,
    watch,
)

TASK = tasklet()
EPISODES = draw(TASK, 1, seed=1)


def weights(learner, state):
    return {n: np.asarray(w) for n, w in learner.params(state).weights.items()}


GATES = {
    "every tick": (EveryTick(), np.arange(30) >= 0),
    "target window": (TargetWindow(), np.arange(30) >= 20),
    "end of sample": (EndOfSample(), np.arange(30) == 29),
    "end, window only": (EndOfSample(window_only=True), np.arange(30) == 29),
}


@pytest.fixture(scope="module")
def ungated():
    """The summed gradient, as the first of the gates books it."""
    return booked(
        Learner(small(), reckon(1.0, gate=EveryTick()), Ledger()), TASK, EPISODES
    )


@pytest.mark.parametrize("name", GATES)
def test_gates_write_when_they_say_and_sum_to_the_same(name, ungated):
    gate, opens = GATES[name]
    learner = Learner(small(), reckon(1.0, gate=gate), Ledger())
    state = begin(learner)
    after, ticks = watch(learner, TASK, state, stream(TASK, EPISODES))
    written = np.asarray(ticks.written)
    assert np.all(written[~opens] == 0)
    # The error is zero outside the window, so nothing changes there; the readout's
    # update is never zero inside.
    asked = opens & (np.arange(30) >= 20)
    assert np.all(written[asked] >= 2)
    assert int(after.shared.store.writes) == opens.sum()
    got = {n: -g for n, g in after.shared.store.die.total.items()}
    assert_same(got, ungated[1], 1e-12)
    assert all(not np.any(p) for p in jax.tree.leaves(after.shared.pending))


def test_end_of_sample_gathers_outside_the_window_unless_told():
    """A regulariser without a window pulls at all times."""
    calm = RateTarget(0.1, 0.0, 0.1)

    def total(gate):
        rule = ThreeFactor(NoSignal(), PreTrace(), 1.0, gate, regulariser=calm)
        return booked(Learner(small(), rule, Ledger()), TASK, EPISODES)[1]["in"]

    whole, part = total(EndOfSample()), total(EndOfSample(window_only=True))
    assert np.linalg.norm(part) > 0
    assert np.linalg.norm(whole - part) > 0.1 * np.linalg.norm(whole)
    # All neurons fire faster than 0 Hz, so every used weight should shrink.
    assert np.all(np.asarray(whole) >= 0) and np.count_nonzero(whole) >= 8


def test_no_signal_leaves_hidden_weights_alone():
    learner = Learner(small(), reckon(0.05, signal=NoSignal()))
    state = begin(learner)
    after, record = learn(learner, TASK, state, EPISODES)
    before, now = weights(learner, state), weights(learner, after)
    assert np.sum(record.spikes["hidden"]) >= 15
    assert np.array_equal(before["in"], now["in"])
    assert np.array_equal(before["rec"], now["rec"])
    assert np.abs(before["out"] - now["out"]).max() > 1e-3


def test_frozen_projections_never_change_and_keep_no_trace():
    learner = Learner(small(), eprop({"out": 0.1, "in": 0.1}))
    state = begin(learner)
    assert set(state.own.rule.traces) == {"in", "out"}
    assert set(state.own.rule.filtered) == {"in"}
    assert set(state.shared.pending) == {"in", "out"}
    after, _ = learn(learner, TASK, state, EPISODES)
    before, now = weights(learner, state), weights(learner, after)
    assert np.array_equal(before["rec"], now["rec"])
    for name in ("in", "out"):
        assert np.abs(before[name] - now[name]).max() > 1e-4


def test_frozen_or_not_the_others_learn_the_same():
    some = Learner(small(), eprop({"out": 1.0, "in": 1.0}), Ledger())
    _, part, _ = booked(some, TASK, EPISODES)
    _, whole, _ = booked(Learner(small(), eprop(), Ledger()), TASK, EPISODES)
    assert not np.any(part.pop("rec")) and np.any(whole.pop("rec"))
    assert_same(part, whole)


def test_rate_per_projection_scales_the_step_under_adam():
    """Adam undoes any factor on the gradient; ours comes after it."""
    adam = optax.scale_by_adam()
    low, high = (
        Learner(small(), eprop({"*": 1e-3, "in": rate}), transform=adam)
        for rate in (1e-3, 4e-3)
    )
    state = begin(low)
    start = weights(low, state)
    with jax.numpy_dtype_promotion("standard"):  # optax mixes int32 and float64
        one, _ = learn(low, TASK, state, EPISODES)
        two, _ = learn(high, TASK, state, EPISODES)
    step = {n: w - start[n] for n, w in weights(low, one).items()}
    big = {n: w - start[n] for n, w in weights(high, two).items()}
    assert np.count_nonzero(step["in"]) >= 6
    # The first step of Adam is the rate itself, but where the gradient is tiny.
    assert np.isclose(np.abs(step["in"]).max(), 1e-3, rtol=1e-3)
    assert np.allclose(big["in"], 4 * step["in"], rtol=1e-9, atol=1e-14)
    assert np.allclose(big["out"], step["out"], rtol=1e-12)


def test_linear_decay_scales_the_writes():
    rule = reckon(1.0, gate=EndOfSample())
    learner = Learner(small(), rule, Ledger(), schedule=LinearDecay(4.0))
    state, totals = begin(learner), []
    for _ in range(5):
        state, _ = learn(learner, TASK, state, EPISODES)
        totals.append(np.asarray(state.shared.store.die.total["in"]))
    steps = np.diff([np.zeros_like(totals[0]), *totals], axis=0)
    assert np.abs(steps[0]).max() > 1e-3
    for k, factor in enumerate((1, 0.75, 0.5, 0.25, 0)):
        assert np.allclose(steps[k], factor * steps[0], rtol=1e-12, atol=1e-15)


def test_a_batch_asks_for_the_sum_of_what_its_samples_ask():
    three = draw(TASK, 3, seed=4)
    learner = Learner(small(), eprop(), Ledger())
    _, together, _ = booked(learner, TASK, three)
    alone = [
        booked(learner, TASK, jax.tree.map(lambda a, i=i: a[i : i + 1], three))[1]
        for i in range(3)
    ]
    total = {n: sum(np.asarray(g[n]) for g in alone) for n in together}
    assert_same(together, total, 1e-12)


def test_rejects_bad_rates():
    with pytest.raises(
        ValueError, match=r"rule\.rate of 'in' must be zero or positive"
    ):
        eprop({"in": -1.0})
    with pytest.raises(ValueError, match=r"rule\.rate .* got nan"):
        reckon(float("nan"))
    with pytest.raises(ValueError, match=r"unknown projection .* 'inn'.*mean 'in'"):
        Learner(small(), eprop({"inn": 1.0}))
    with pytest.raises(ValueError, match=r"unknown projection"):
        RTRL(small(), {"inn": 1.0})
