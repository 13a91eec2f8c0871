"""The chunked engine: what the reference gives, a block of ticks at a time."""

import jax
import numpy as np
import pytest

from onspike import ALIF, LIF, Fixed, Learner, Refractory, recurrent
from onspike.engine import Chunked
from onspike.rules import (
    DirectFeedback,
    EndOfSample,
    EveryTick,
    PreTrace,
    RateHinge,
    RateTarget,
    ReadoutFilter,
    Symmetric,
    TargetWindow,
    ThreeFactor,
    eprop,
    reckon,
)
from oracle import (
    READOUT,
    assert_close,
    assert_spikes,
    begin,
    draw,
    learn,
    small,
    tasklet,
)

TASK = tasklet(ticks=60, window=20)
RATE = {"*": 1e-4, "out": 1e-3}
PLAIN = recurrent(3, LIF(v_threshold=0.8), 4, 2, readout=READOUT, gains=(0.2, 0.1, 1.0))
ADAPTIVE = ALIF(
    tau_mem=15e-3,
    tau_adapt=50e-3,
    beta=0.3,
    v_threshold=0.6,
    refractory=Refractory(2e-3),
)


def trace(**factors):
    factors = {"signal": Symmetric(), "gate": EndOfSample()} | factors
    return ThreeFactor(eligibility=PreTrace(), rate=RATE, **factors)


# Network and rule; block sizes, of which the engine takes the next smaller divisor of
# 60: 12 by itself, 10 for 11, one tick, and the whole sample.
CASES = {
    "trace": (PLAIN, trace(regulariser=RateTarget(0.01, 20.0, 0.1)), (12, 11, 1)),
    "filtered trace, window only": (
        PLAIN,
        trace(
            signal=DirectFeedback(),
            gate=EndOfSample(window_only=True),
            readout_filter=ReadoutFilter(),
            regulariser=RateTarget(0.01, 20.0, 0.1),
        ),
        (7,),
    ),
    "full e-prop": (
        recurrent(3, ADAPTIVE, 4, 2, readout=READOUT, gains=(0.6, 0.5, 1.0)),
        eprop(RATE, regulariser=RateTarget(0.01, 20.0, 0.1)),
        (25, 500),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_blocks_give_what_ticks_give(name):
    network, rule, blocks = CASES[name]
    slow = Learner(network, rule)
    batches = draw(TASK, 2, rate=0.4), draw(TASK, 2, rate=0.4, seed=1)
    start, expected, seen = begin(slow, 2), [], []
    state = start
    for episodes in batches:  # the second goes on from what the first has left
        state, record = learn(slow, TASK, state, episodes)
        expected.append(state)
        seen.append(record)
        assert_spikes(record, least=30, most=300)
        assert int(record.written) > 16  # of 32 synapses
    before, after = start.shared.store.die.weights, expected[0].shared.store.die.weights
    for projection in before:
        change = np.abs(after[projection] - before[projection]).max()
        assert change > 1e-4, f"'{projection}' learns nothing"
    assert all(
        np.abs(a).max() > 0 for a in jax.tree.leaves(expected[1].own.rule.traces)
    )
    for block in blocks:
        fast, state = Learner(network, rule, engine=Chunked(block)), start
        for episodes, whole, record in zip(batches, expected, seen, strict=True):
            state, found = learn(fast, TASK, state, episodes)
            assert_close(state, whole)
            assert_close(found, record)


def test_blocks_write_to_few_bits_as_ticks_do():
    network, rule, _ = CASES["trace"]
    slow, episodes = Learner(network, rule, Fixed()), draw(TASK, 2, rate=0.4)
    fast = Learner(network, rule, Fixed(), engine=Chunked(20))
    expected, record = learn(slow, TASK, begin(slow, 2), episodes)
    found, seen = learn(fast, TASK, begin(fast, 2), episodes)
    assert_close(found, expected)
    assert int(seen.written) == int(record.written) > 0


REFUSED = {
    "every tick": (
        reckon(gate=EveryTick()),
        "the gate EveryTick writes within a sample",
    ),
    "target window": (
        reckon(gate=TargetWindow()),
        "the gate TargetWindow writes within",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_block_form_is_refused_with_the_reason(name):
    rule, reason = REFUSED[name]
    fast = Learner(small(), rule, engine=Chunked())
    assert reason in fast.engine.refuses(fast, TASK)
    with pytest.raises(ValueError, match=f"Chunked cannot run this learner: {reason}"):
        fast.learn(TASK, begin(fast), draw(TASK, 1))


def test_what_it_takes_is_not_refused():
    for rule in (eprop(), trace(), trace(regulariser=RateHinge(0.003, 80.0))):
        assert Chunked().refuses(Learner(small(), rule), TASK) is None


@pytest.mark.parametrize("block", [0, -1])
def test_blocks_have_a_positive_length(block):
    with pytest.raises(ValueError, match="Chunked.block must be a whole number >= 1"):
        Chunked(block)
