"""Pairs of spikes against sums over all of them, and what a reward makes of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Learner, feedforward, recurrent
from onspike.engine import Chunked
from onspike.rules import (
    EligibilityTrace,
    EndOfSample,
    Hebbian,
    PairSTDP,
    ReadoutFilter,
    Reward,
    Terms,
    ThreeFactor,
    Unmodulated,
    hebb,
    rstdp,
    stdp,
)
from onspike.rules.parts.reward import RewardOwn
from onspike.types import Local, Outer, Teaching, Wire
from oracle import Ledger, begin, draw, stream, tasklet, watch

TASK = tasklet(ticks=120, window=120)
EPISODES = draw(TASK, 2, rate=0.3, seed=3)
NEURON = LIF(v_threshold=0.8)
SIZES = {"gains": (0.2, 0.1, 0.3), "mean_out": 0.2}
NET = recurrent(3, NEURON, 4, 2, readout=NEURON, **SIZES)
PAIRS = PairSTDP(plus=0.7, minus=1.1, tau_plus=15e-3, tau_minus=30e-3)
NEAREST = PairSTDP(0.7, 1.1, 15e-3, 30e-3, nearest=True)
SAMPLES = stream(TASK, EPISODES)
QUIET = SAMPLES._replace(mask=jnp.zeros(120, bool))  # no verdict: no margin


def window(u):
    """W(t_post - t_pre), in ticks."""
    far = -np.abs(u)
    late, early = 0.7 * np.exp(far / 15), -1.1 * np.exp(far / 30)
    return np.where(u > 0, late, np.where(u < 0, early, 0.0))


def all_pairs(pre, post):
    """The sum of W over all pairs, for every synapse."""
    came, sent = ([np.flatnonzero(a) for a in side.T] for side in (pre, post))
    return np.array([[window(t[:, None] - u).sum() for u in came] for t in sent])


def by_tick(pre, post):
    """What the pairs of each tick ask for, from traces: decay, use, then add."""
    x, y, out = np.zeros(pre.shape[1]), np.zeros(post.shape[1]), []
    for s, z in zip(pre, post, strict=True):
        x, y = x * np.exp(-1 / 15), y * np.exp(-1 / 30)
        out.append(0.7 * np.outer(z, x) - 1.1 * np.outer(y, s))
        x, y = x + s, y + z
    return np.stack(out)


def nearest_pairs(pre, post):
    """The sum of W over each spike and the last one before it on the other side."""
    total = np.zeros((post.shape[1], pre.shape[1]))
    for i in range(post.shape[1]):
        for j in range(pre.shape[1]):
            sent, came = np.flatnonzero(post[:, i]), np.flatnonzero(pre[:, j])
            for t in sent:
                if np.any(came < t):
                    total[i, j] += window(t - came[came < t].max())
            for t in came:
                if np.any(sent < t):
                    total[i, j] += window(sent[sent < t].max() - t)
    return total


def trains(ticks, sample=None):
    """Arriving and sent spikes by projection, of one sample: time first."""
    x, hidden, out = (
        np.asarray(a)[:, sample] for a in (SAMPLES.x, ticks.z["hidden"], ticks.z["out"])
    )
    before = np.concatenate([np.zeros((1, 4)), hidden[:-1]])
    return {"in": (x, hidden), "rec": (before, hidden), "out": (hidden, out)}


def run(rule, samples=SAMPLES, batch=2):
    """What a rule wrote in all, and the ticks."""
    learner = Learner(NET, rule, Ledger())
    after, ticks = watch(learner, TASK, begin(learner, batch), samples)
    for name, least in (("hidden", 60), ("out", 30)):
        spikes = float(ticks.z[name].sum())
        assert least < spikes < 0.6 * ticks.z[name].size, (name, spikes)
    return {n: np.asarray(w) for n, w in after.shared.store.die.total.items()}, ticks


def assert_written(got, expected, tolerance=1e-12):
    for name, reference in expected.items():
        wanted = np.asarray(NET.masked(name, jnp.asarray(reference)))
        size = np.abs(wanted).max()
        assert size > 0.1, f"nothing to compare in '{name}'"
        assert np.abs(got[name] - wanted).max() <= tolerance * size, name


def test_stdp_is_the_sum_over_all_pairs():
    got, ticks = run(stdp(1.0, pairs=PAIRS))
    each = [trains(ticks, sample) for sample in range(2)]
    together = sum(((p * q[:, :1]).sum() for p, q in (one["in"] for one in each)), 0.0)
    assert together > 5  # pairs in one tick, which count for nothing
    for name in ("in", "rec", "out"):
        by_trace = sum(by_tick(*one[name]).sum(0) for one in each)
        assert np.allclose(by_trace, sum(all_pairs(*one[name]) for one in each))
    expected = {n: sum(all_pairs(*one[n]) for one in each) for n in each[0]}
    assert_written(got, expected)


def test_one_reward_writes_what_is_remembered():
    """A reward m at tick T: eta m sum_t lambda^(T - t) STDP^t, and nothing before."""
    when, m, rate = 90, 0.8, 0.25
    rule = rstdp(rate, pairs=PAIRS, tau=40e-3)
    reward = jnp.zeros((120, 2)).at[when, 0].set(m)  # of one of two samples
    got, ticks = run(rule, QUIET._replace(reward=reward))
    seen = trains(ticks, 0)
    fade = np.exp(-(when - np.arange(when + 1)) / 40)[:, None, None]
    expected = {
        n: rate * m * (fade * by_tick(p[: when + 1], q[: when + 1])).sum(0)
        for n, (p, q) in seen.items()
    }
    assert_written(got, expected)
    assert np.array_equal(np.flatnonzero(ticks.written), [when])


def test_hebb_writes_coincidences_by_the_margin():
    """Of two outputs: right minus wrong spikes of the tick, less the usual."""
    tau = 50e-3
    mask = jnp.arange(120) >= 40
    rule = hebb(1.0, tau=40e-3, reward=Reward(tau))
    samples = SAMPLES._replace(mask=mask)
    got, ticks = run(rule, samples)
    expected = 0.0
    for sample in range(2):
        out, label = np.asarray(ticks.z["out"])[:, sample], EPISODES.label[sample]
        margin = out[:, int(label)] - out[:, 1 - int(label)]
        assert np.any(margin[40:] > 0) and np.any(margin[40:] < 0)
        pre, post = trains(ticks, sample)["in"]
        c, b = 0.0, 0.0
        for t in range(120):
            c = np.exp(-1 / 40) * c + np.outer(post[t], pre[t])
            if t >= 40:
                expected = expected + (margin[t] - b) * c
                b += (1 - np.exp(-1e-3 / tau)) * (margin[t] - b)
    assert_written(got, {"in": expected})
    # What is usual outlives samples; traces and what is remembered do not.
    own = rule.init(NET.wiring, jax.random.key(0)).own
    old = jax.tree.map(lambda a: a + 0.5, own)
    rested = rule.rest(old)
    assert rested.signal.expected == 0.5
    assert not any(np.any(a) for a in jax.tree.leaves(rested.traces))


def test_what_is_usual_is_a_mean_over_valid_targets():
    signal, b, m = Reward(20e-3), 0.3, 0.9
    own = RewardOwn(jnp.asarray(b))
    for mask, heard, after in (
        (True, m - b, b + (1 - np.exp(-1 / 20)) * (m - b)),
        (False, m, b),
    ):
        zero = jnp.zeros(2)
        teaching = Teaching(zero, zero, jnp.asarray(mask), jnp.asarray(m))
        nowhere: Any = {"in": local(jnp.ones(3), jnp.ones(4))}
        new, credit = signal.step((), own, none, nowhere, teaching, NET.wiring)
        assert np.isclose(new.expected, after, rtol=1e-14)
        assert {p: len(c) for p, c in credit.items()} == {"hidden": 4, "out": 2}
        assert all(np.allclose(c, -heard, rtol=1e-14) for c in credit.values())


none: Any = None


def local(pre, z, dt=1e-3):
    """What these eligibilities look at."""
    return Local(
        spikes=pre,
        pre=none,
        old=none,
        new=none,
        z=z,
        psi=none,
        gain=none,
        jacobian=none,
        decay=none,
        readout_decay=jnp.asarray(0.9, pre.dtype),
        dt=dt,
    )


@jax.jit
def summed(eligibility, pre, post):
    """The sum of e, and the last traces."""
    wire = Wire("a", "b", 0, pre.shape[1], post.shape[1], 1)
    zero = jnp.zeros((post.shape[1], pre.shape[1]), pre.dtype)
    start = jax.tree.map(lambda a: a.astype(pre.dtype), eligibility.init(wire))

    def tick(carry, now):
        state, total = carry
        state, e = eligibility.step(state, local(*now))
        return (state, total + e.contract()), None

    return jax.lax.scan(tick, (start, zero), (pre, post))[0]


def test_nearest_neighbours_are_fewer_pairs():
    rng = np.random.default_rng(2)
    pre, post = (rng.random((120, n)) < 0.2 for n in (3, 4))
    spikes = jnp.asarray(pre, float), jnp.asarray(post, float)
    _, total = summed(NEAREST, *spikes)
    expected, every = nearest_pairs(pre, post), all_pairs(pre, post)
    assert np.abs(np.asarray(total) - expected).max() < 1e-12 * np.abs(expected).max()
    assert np.abs(every - expected).max() > 0.1 * np.abs(every).max()


@pytest.mark.parametrize(("kind", "bound"), [(float, 1e-13), (np.float32, 1e-5)])
def test_nothing_drifts_in_100_000_ticks(kind, bound):
    """Traces forget their rounding; only the sum keeps that of its terms."""
    rng = np.random.default_rng(0)
    pre, post = (rng.random((100_000, n)) < 0.02 for n in (2, 1))
    state, total = summed(PAIRS, jnp.asarray(pre, kind), jnp.asarray(post, kind))
    expected = all_pairs(pre, post)
    size = np.abs(expected).max()
    assert size > 100
    assert np.abs(np.asarray(total, float) - expected).max() < bound * size
    ages = np.exp(-np.arange(1500)[::-1] / 15)
    assert np.allclose(state.pre, ages @ pre[-1500:], rtol=bound)


def test_a_learner_drifts_as_little():
    """100,000 ticks of one sample, every one of which writes."""
    task = tasklet(ticks=100_000, n_in=2)
    neuron = LIF(v_threshold=0.8)
    sizes = {"readout": neuron, "gains": (0.5, 0.5), "mean_out": 0.6}
    learner = Learner(
        feedforward(2, neuron, (2,), 2, **sizes), stdp(1.0, pairs=PAIRS), Ledger()
    )
    samples = stream(task, draw(task, 1, rate=0.02))
    after, ticks = watch(learner, task, begin(learner), samples)
    x, hidden, out = (
        np.asarray(a)[:, 0] for a in (samples.x, ticks.z["hidden"], ticks.z["out"])
    )
    for name, (pre, post) in {"in": (x, hidden), "out": (hidden, out)}.items():
        assert pre.sum(0).min() > 500 and post.sum(0).min() > 500
        expected = all_pairs(pre, post)
        gap = np.abs(after.shared.store.die.total[name] - expected).max()
        assert gap < 1e-12 * np.abs(expected).max()


def test_the_window_is_that_of_bi_and_poo():
    """60 pairs at 1 Hz, by lag: exponentials that flip their sign at zero."""
    lags = np.array([-100, -40, -20, -10, -5, -1, 0, 1, 5, 10, 20, 40, 100])
    t = np.arange(6_000)
    pre = np.stack([(t % 1000 == 500)] * len(lags), 1)
    post = np.stack([(t % 1000 == 500 + lag) for lag in lags], 1)
    _, total = summed(PairSTDP(), jnp.asarray(pre, float), jnp.asarray(post, float))
    got = np.diagonal(total) / 6
    expected = np.where(
        lags > 0, np.exp(-lags / 20), np.where(lags < 0, -1.2 * np.exp(lags / 20), 0)
    )
    # The next pair is a second away: e^-45 of an effect.
    assert np.allclose(got, expected, rtol=0, atol=1e-12)


def test_a_sum_of_products_passes_filters_and_terms():
    e = Outer(jnp.asarray([[1.0, 2.0], [3.0, -1.0]]), jnp.ones((2, 3)))
    assert np.array_equal(e.dense().value, e.contract())
    state = jnp.ones((2, 3))
    smooth, filtered = ReadoutFilter().step(state, e, local(jnp.ones(3), jnp.ones(2)))
    assert np.allclose(filtered.value, 0.9 + np.array([[4.0], [1.0]]))
    rule = ThreeFactor(
        Unmodulated(), PAIRS, 1.0, readout=PAIRS, readout_filter=ReadoutFilter()
    )
    got, ticks = run(Terms((rule,)))
    expected = dict.fromkeys(got, 0.0)
    for each in (trains(ticks, sample) for sample in range(2)):
        for name, (p, q) in each.items():
            kappa, smooth = 0.0 if name == "out" else np.exp(-1 / 20), 0.0
            for e in by_tick(p, q):
                smooth = kappa * smooth + e
                expected[name] = expected[name] + smooth
    assert_written(got, expected)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"PairSTDP.tau_plus .*, in seconds; got 0"):
        PairSTDP(tau_plus=0.0)
    with pytest.raises(ValueError, match=r"PairSTDP.minus must be finite.* got nan"):
        PairSTDP(minus=float("nan"))
    with pytest.raises(ValueError, match=r"EligibilityTrace.tau .* in seconds; got -1"):
        EligibilityTrace(Hebbian(), -1.0)
    with pytest.raises(ValueError, match=r"Reward.tau must be positive, .*s; got 0"):
        Reward(0.0)
    with pytest.raises(ValueError, match="PairSTDP has no block form"):
        learner = Learner(NET, stdp(gate=EndOfSample()), engine=Chunked())
        learner.learn(TASK, learner.init(jax.random.key(0)), EPISODES)
