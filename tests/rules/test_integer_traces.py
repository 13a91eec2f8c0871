"""Traces of few bits: in the mean those of any precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import Learner
from onspike.engine import Chunked, Scan
from onspike.experiment import build
from onspike.experiment.spec import resolve
from onspike.rules import (
    EProp,
    IntegerFilter,
    IntegerTraces,
    PreTrace,
    Symmetric,
    ThreeFactor,
    eprop,
)
from onspike.rules.parts.gates import EndOfSample
from onspike.types import Dense, Local, Wire
from oracle import Ledger, assert_same, begin, booked, draw, keyed, small, tasklet

KEY = jax.random.key(0)
WIRE = Wire("input", "a", 0, 5, 2, 1)
DECAY = 0.9
SPIKES = np.random.default_rng(0).random((30, 5)) < 0.25
EXACT = np.zeros((30, 5))
for t, s in enumerate(SPIKES):
    EXACT[t] = DECAY * EXACT[t - 1] + s


def local(pre, key):
    nothing, ones = jnp.zeros(()), jnp.ones(2)
    return Local(
        spikes=pre,
        pre=pre,
        old=None,
        new=None,
        z=ones,
        psi=ones,
        gain=ones,
        jacobian=None,
        decay=jnp.asarray(DECAY),
        readout_decay=nothing,
        dt=1e-3,
        key=key,
    )


def traces(eligibility, keys):
    """What is stored, and the e of every tick, one run for each key."""

    def run(key):
        def tick(state, now):
            pre, key = now
            state, e = eligibility.step(state, local(pre, key))
            return state, (state.pre, e.pre)

        now = jnp.asarray(SPIKES, float), jax.random.split(key, len(SPIKES))
        return jax.lax.scan(tick, eligibility.init(WIRE), now)[1]

    return tuple(map(np.asarray, jax.jit(jax.vmap(run))(keys)))


def test_few_bits_lose_nothing_in_the_mean():
    bits, largest, n = 4, 7.0, 4000
    whole = IntegerTraces(PreTrace(), bits, largest)
    stored, e = traces(whole, jax.random.split(KEY, n))
    assert stored.dtype == np.int8 and stored.max() <= 7 and stored.min() == 0
    assert EXACT.max() < 4.5  # what follows holds where nothing saturates
    for found in (stored * largest / 7, e):
        error = 4.5 * found.std(0) / np.sqrt(n) + 1e-12
        assert np.all(np.abs(found.mean(0) - EXACT) <= error)
    assert stored.std(0).max() > 0.3
    nearest = np.zeros(5)  # what rounding to the nearest would have made of them
    for s in SPIKES:
        nearest = np.round(DECAY * nearest + s)
    assert np.abs(nearest - EXACT[-1]).max() > 1.0


def test_many_bits_become_the_float_trace_and_large_traces_saturate():
    keys = jax.random.split(KEY, 3)
    stored, e = traces(IntegerTraces(PreTrace(), 16, 10.0), keys)
    assert stored.dtype == np.int16
    lsb = 10.0 / (2**15 - 1)
    assert 0 < np.abs(e - EXACT).max() < lsb / (1 - DECAY)
    stored, _ = traces(IntegerTraces(PreTrace(), 5, 1.5), keys)
    assert stored.max() == 15 and np.all(stored >= 0)
    twice = SPIKES[1:] & SPIKES[:-1]  # 0.9 and 1, and more where more came before
    assert twice.any() and np.all(stored[:, 1:][:, twice] == 15)


def test_a_readouts_filter_holds_as_much_as_the_eligibility():
    """However long the readout remembers: no account of a steady e saturates."""
    kappa, e = 0.98, np.array([[0.9, 0.1], [0.5, 0.0], [1.0, 0.2]]).T
    steady = local(jnp.zeros(5), KEY)._replace(readout_decay=jnp.asarray(kappa))

    def tick(state, key):
        now = steady._replace(key=key)
        state, smooth = IntegerFilter(8, 1.0).step(state, Dense(jnp.asarray(e)), now)
        return state, smooth.value

    start = IntegerFilter(8, 1.0).init(Wire("input", "a", 0, 3, 2, 1))
    _, found = jax.lax.scan(tick, start, jax.random.split(KEY, 3000))
    mean = np.asarray(found[300:]).mean(0)
    assert np.abs(mean - e / (1 - kappa)).max() < 0.03 / (1 - kappa)
    assert mean.max() > 45  # many times the largest eligibility


TASK = tasklet(ticks=24, window=8)
EPISODES = keyed(draw(TASK, 2, rate=0.4))
FLOAT = eprop()
FEW = ThreeFactor(
    signal=Symmetric(),
    eligibility=IntegerTraces(EProp(), 6, 40.0),
    rate=1.0,
    gate=EndOfSample(),
    readout=IntegerTraces(PreTrace(), 6, 40.0),
    readout_filter=IntegerFilter(6, 40.0),
)


def test_eprop_with_few_bits_is_eprop_in_the_mean_and_in_any_batch():
    """The weights stay as they are, so that all runs have the same spikes."""
    learner, n = Learner(small(), FEW, Ledger()), 300
    state = begin(learner, 2)

    @jax.jit
    def asked(episodes):
        after, _ = learner.learn(TASK, state, episodes)
        return after.shared.store.die.total

    keys = jax.vmap(lambda k: jax.random.split(k, 2))(jax.random.split(KEY, n))
    found = jax.jit(jax.vmap(lambda k: asked(EPISODES._replace(key=k))))(keys)
    _, exact, _ = booked(Learner(small(), FLOAT, Ledger()), TASK, EPISODES)
    for name, expected in exact.items():
        each = -np.asarray(found[name])
        error = 4.5 * each.std(0) / np.sqrt(n) + 1e-12
        assert np.all(np.abs(each.mean(0) - expected) <= error), name
        assert each.std(0).max() > 0.01 * np.abs(expected).max()
        assert np.abs(expected).max() > 0.1
    # Both samples of a batch draw as they do alone.
    twins = jax.tree.map(lambda a: a[np.array([0, 0])], EPISODES)
    other = jax.tree.map(lambda a: a[np.array([1, 1])], EPISODES)
    alone, also, both = asked(twins), asked(other), asked(EPISODES)
    assert_same({n: (alone[n] + also[n]) / 2 for n in both}, both, 1e-12)


def test_memory_counts_the_integers():
    few, exact = (
        Learner(small(), rule, Ledger()).memory(TASK)["traces"] for rule in (FEW, FLOAT)
    )
    # One trace and one account per hidden synapse, one trace per hidden neuron.
    assert few == 8 * (2 * 4 * (3 + 4) + 4) and exact == 8 * few
    own = Learner(small(), FEW, Ledger()).init(KEY).own.rule
    kinds = {a.dtype for a in jax.tree.leaves((own.traces, own.filtered))}
    assert kinds == {jnp.dtype(jnp.int8)}


def test_blocks_of_ticks_are_refused_and_the_command_line_scans():
    fast = Learner(small(), FEW, Ledger(), engine=Chunked())
    assert "IntegerFilter has no block form" in fast.engine.refuses(fast, tasklet())
    plain = ThreeFactor(Symmetric(), FEW.eligibility, 1.0, EndOfSample())
    slow = Learner(small(), plain, Ledger())
    assert "IntegerTraces has no block form" in Chunked().refuses(slow, tasklet())
    for rule in ("eprop", "reckon"):
        spec = resolve("digits", rule=rule, settings={"rule.trace_bits": 6})
        learner = build.learner(spec, spec.built("task"))
        assert isinstance(learner.rule.eligibility, IntegerTraces)
        assert learner.rule.eligibility.bits == 6 and isinstance(learner.engine, Scan)
        assert isinstance(learner.rule.readout, IntegerTraces)
    settings = {"rule.trace_bits": 6, "rule.eligibility": "pre-trace"}
    alif = resolve("digits", rule="eprop", neuron="alif", settings=settings)
    with pytest.raises(ValueError, match="'pre-trace' equals e-prop only for LIF"):
        build.learner(alif, alif.built("task"))


def test_what_cannot_be_stored_is_refused():
    with pytest.raises(ValueError, match=r"IntegerTraces.bits .* in bits; got 1"):
        IntegerTraces(EProp(), 1, 8.0)
    with pytest.raises(ValueError, match=r"IntegerFilter.bits .* at most 16.* got 17"):
        IntegerFilter(17, 8.0)
    with pytest.raises(ValueError, match=r"IntegerTraces.largest must be positive"):
        IntegerTraces(EProp(), 8, 0.0)
    with pytest.raises(ValueError, match="need a key in each tick.*`task.sample`"):
        learner = Learner(small(), FEW, Ledger())
        learner.learn(TASK, begin(learner), draw(TASK, 1))
