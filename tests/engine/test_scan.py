"""The reference engine: nothing but ticks, and a state that can be put aside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import BPTT, LIF, Fixed, Learner, Network, recurrent
from onspike.engine import infer, over_ticks, record
from onspike.rules import RateTarget, eprop, reckon
from oracle import (
    assert_spikes,
    begin,
    draw,
    learn,
    pick,
    small,
    stream,
    tasklet,
    watch,
)

TASK = tasklet(ticks=24, window=8)
EPISODES = draw(TASK, 2, seed=1)

LEARNERS = {
    "8 bits, every target tick": Learner(small(), reckon(0.3), Fixed()),
    "float, end of sample": Learner(
        small(), eprop(0.1, regulariser=RateTarget(0.01, 20.0, 0.1))
    ),
}


def same(one, other):
    """Whether two states agree in every bit."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(plain(a), plain(b)) for a, b in pairs)


def is_key(a):
    return jnp.issubdtype(jnp.asarray(a).dtype, jax.dtypes.prng_key)


def plain(a):
    return np.array(jax.random.key_data(a) if is_key(a) else a)


def aside_and_back(state):
    """A state that left JAX and came back, as from a checkpoint."""

    def go(a):
        return (
            jax.random.wrap_key_data(plain(a)) if is_key(a) else jnp.asarray(plain(a))
        )

    return jax.tree.map(go, state)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_run_put_aside_goes_on_bit_for_bit(name):
    learner = LEARNERS[name]
    start, samples = begin(learner, 2), stream(TASK, EPISODES)
    whole, seen = learn(learner, TASK, start, EPISODES)
    assert_spikes(seen, least=20, most=150)
    assert not same(whole.shared.store.die, start.shared.store.die)
    state = start
    for t in range(0, TASK.ticks, 3):
        now = jax.tree.map(lambda a, t=t: a[t : t + 3], samples)
        state, _ = watch(learner, TASK, aside_and_back(state), now)
    assert same(whole, state)


@pytest.mark.parametrize("name", LEARNERS)
def test_ticks_one_by_one_equal_the_scan(name):
    learner = LEARNERS[name]
    start = begin(learner, 2)
    whole, seen = learn(learner, TASK, start, EPISODES)
    one_tick = jax.jit(lambda state, sample: learner.tick(TASK, state, sample))
    samples, state, ticks = stream(TASK, EPISODES), start, []
    for t in range(TASK.ticks):
        state, tick = one_tick(state, jax.tree.map(lambda a, t=t: a[t], samples))
        ticks.append(tick)
    # Another program may fuse another multiply-add: whole numbers agree in every bit,
    # others to the last place or two.
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(state), strict=True):
        one, other = plain(one), plain(other)
        if one.dtype.kind == "f":
            assert np.allclose(one, other, rtol=0, atol=4e-16 * np.abs(one).max())
        else:
            assert np.array_equal(one, other)
    # The record is the sum of what the ticks show.
    y = np.stack([tick.y for tick in ticks])
    z = np.stack([tick.z["hidden"] for tick in ticks])
    assert np.array_equal(seen.spikes["hidden"], z.sum((0, 1)))
    assert np.array_equal(seen.answer, y[-8:].sum(0).argmax(-1))
    assert np.array_equal(seen.arrived, EPISODES.content.sum((0, 1)))
    assert np.array_equal(seen.label, EPISODES.label)
    assert int(seen.written) == sum(int(tick.written) for tick in ticks) >= 10
    assert int(whole.shared.tick) == TASK.ticks


def test_first_tick_of_a_sample_resets_fast_state_and_keeps_the_slow():
    learner = LEARNERS["float, end of sample"]
    fresh = begin(learner, 2)
    used, _ = learn(learner, TASK, fresh, EPISODES)
    assert not same(used.own, fresh.own)
    rested = jax.vmap(learner.rest)(used.own)
    assert same(rested.network, fresh.own.network)
    assert same(rested.rule.traces, fresh.own.rule.traces)
    assert same(rested.rule.filtered, fresh.own.rule.filtered)
    # Old neurons and traces, new weights: as if only the weights had been kept.
    clean = used._replace(own=rested)
    dirty, one = learn(learner, TASK, used, EPISODES)
    tidy, two = learn(learner, TASK, clean, EPISODES)
    assert same(dirty, tidy) and same(one, two)
    # The running rate outlives the sample.
    activity = rested.rule.activity["hidden"]
    assert same(activity, used.own.rule.activity["hidden"])
    assert not same(activity, fresh.own.rule.activity["hidden"])


@pytest.mark.parametrize("ticks", [30, 300, 257])
def test_input_arrives_in_order_whatever_the_block(ticks):
    """One block; two; a prime number of ticks, so a block and a rest."""
    task = tasklet(ticks=ticks, window=ticks // 3)
    episodes = draw(task, 2)

    expected = stream(task, episodes)
    room = jax.tree.map(jnp.zeros_like, expected)

    def tick(carry, sample):
        count, seen = carry
        seen = jax.tree.map(lambda s, a: s.at[count].set(a), seen, sample)
        return count + 1, seen

    see = jax.jit(lambda e: over_ticks(task, e, tick, (jnp.zeros((), int), room)))
    count, got = see(episodes)
    assert int(count) == ticks
    assert same(got, expected)


def test_inference_does_not_depend_on_the_batch_and_leaves_weights_alone():
    learner = LEARNERS["8 bits, every target tick"]
    params = learner.params(begin(learner))
    kept = jax.tree.map(np.array, params)
    task, five = TASK, draw(TASK, 5, seed=3)

    run = jax.jit(lambda params, e: infer(learner.network, task, params, e))
    together = run(params, five)
    alone = [run(params, pick(five, slice(i, i + 1))) for i in range(5)]
    assert_spikes(together, least=50, most=450)
    assert np.array_equal(together.answer, [int(r.answer[0]) for r in alone])
    total = sum(np.asarray(r.spikes["hidden"]) for r in alone)
    assert np.array_equal(together.spikes["hidden"], total)
    assert int(together.written) == 0
    assert same(jax.tree.map(jnp.asarray, kept), params)

    one = jax.jit(lambda p, e: record(learner.network, task, p, e))(
        params, pick(five, 0)
    )
    assert np.array_equal(one.z["hidden"].sum(0), alone[0].spikes["hidden"])
    assert np.array_equal(one.x, five.content[0])
    assert int(one.y[-8:].sum(0).argmax()) == int(alone[0].answer[0])
    fired = np.asarray(one.z["hidden"]) > 0
    assert np.array_equal(fired, np.asarray(one.v["hidden"]) >= 0.8)


def test_learning_at_rate_zero_is_inference():
    still = Learner(small(), reckon(0.0))
    state = begin(still, 2)
    after, seen = learn(still, TASK, state, EPISODES)
    plain = jax.jit(lambda p, e: infer(still.network, TASK, p, e))(
        still.params(state), EPISODES
    )
    assert_spikes(seen, least=20, most=150)
    assert same(seen, plain)
    assert same(after.shared.store.die, state.shared.store.die)


def test_memory_of_learning_does_not_grow_with_time_and_that_of_bptt_does():
    """Bytes of scratch memory, as the compiler has planned it."""

    def scratch(learner, ticks):
        task, state = tasklet(ticks=ticks), begin(learner)
        compiled = learn.lower(learner, task, state, draw(task, 1)).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    online = Learner(small(), eprop())
    short, long = scratch(online, 256), scratch(online, 2048)  # both in blocks of 256
    # Where a target is valid (the mask) is all that comes by the tick.
    assert short > 0 and (long - short) / (2048 - 256) < 5
    # BPTT keeps at least v of all its neurons.
    assert scratch(BPTT(small()), 2048) > 2048 * 6 * 8


def traces(rule, n_in=5, n_hidden=8):
    learner = Learner(recurrent(n_in, LIF(), n_hidden, 2), rule)
    return learner.memory(TASK)["traces"] // 64  # in numbers of double precision


def test_decoupled_rule_remembers_by_neuron_and_full_eprop_by_synapse():
    rule = reckon()
    # One trace for each input and hidden neuron, and one for the readout's.
    assert traces(rule) == 5 + 8 + 8
    assert traces(rule, 10, 16) == 2 * traces(rule)
    full = eprop()
    # Per synapse an eligibility and its filtered form; the readout by neuron.
    assert traces(full) == 2 * 8 * (5 + 8) + 8
    assert traces(full, 10, 16) - 16 == 4 * (traces(full) - 8)
    gathers = Learner(small(), eprop()).memory(TASK)
    assert gathers["gathered updates"] == 64 * (4 * 3 + 4 * 4 + 2 * 4)
    assert Learner(small(), reckon()).memory(TASK)["gathered updates"] == 0


def test_seeds_time_constants_and_rates_in_one_program_equal_separate_runs():
    keys = jax.random.split(jax.random.key(5), 3)
    taus, rates = jnp.array([10e-3, 20e-3, 40e-3]), jnp.array([0.1, 0.2, 0.4])

    def made(tau, rate):
        return Learner(recurrent(3, LIF(tau, 0.3), 4, 2), reckon(rate))

    def member(state, tau, rate):
        learner = made(tau, rate)
        after, seen = learner.learn(TASK, state, EPISODES)
        return learner.params(after).weights, seen.spikes["hidden"], seen.written

    states = [made(0.02, 0.1).init(key, 2) for key in keys]
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *states)
    together = jax.jit(jax.vmap(member))(stacked, taus, rates)
    alone = jax.jit(member)
    for i in range(3):
        weights, spikes, written = alone(states[i], taus[i], rates[i])
        assert spikes.sum() >= 5 and written >= 4
        assert np.array_equal(spikes, together[1][i]) and written == together[2][i]
        for name, w in weights.items():
            assert np.allclose(w, together[0][name][i], rtol=1e-12, atol=1e-14)
    assert len({float(together[0]["out"][i].sum()) for i in range(3)}) == 3


def test_rates_and_time_constants_are_leaves_so_one_trace_serves_all():
    count = 0

    @jax.jit
    def run(learner, state, episodes):
        nonlocal count
        count += 1
        return learner.learn(TASK, state, episodes)

    totals = []
    for rate, rate_out, tau in [(0.1, 0.2, 20e-3), (0.3, 0.1, 20e-3), (0.1, 0.2, 9e-3)]:
        network: Network = small(LIF(tau, 0.8))
        learner = Learner(network, reckon(rate, rate_out))
        state = begin(learner, 2)
        for _ in range(2):  # also from one batch to the next
            state, _ = run(learner, state, EPISODES)
        totals.append(float(state.shared.store.die.weights["in"].sum()))
    assert count == 1
    assert len(set(totals)) == 3
