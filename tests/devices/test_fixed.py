import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onspike import Fixed, Ideal, Learner, Nearest, PlusMinusLSB, StochasticRounding
from onspike.rules import TargetWindow, reckon
from onspike.types import Params
from oracle import begin, draw, learn, small, stream, tasklet, wired

KEY = jax.random.key(0)
N = 40_000


def programme(device, w):
    return device.fabricate(Params({"w": jnp.asarray(w)}, {}), wired({"w": w}), KEY)


@jax.jit
def spread(mode, steps, key):
    """Mean and all of N writes of the same change, in LSBs."""
    return mode(jnp.full((N, 1), steps), key)


def test_programming_rounds_to_half_an_lsb_and_is_idempotent():
    w = np.random.default_rng(0).normal(size=(30, 20))
    for bits in (2, 4, 8, 16):
        device = Fixed(bits=bits)
        stored = programme(device, w)
        top, lsb = 2 ** (bits - 1) - 1, float(stored.lsb["w"])
        assert np.isclose(lsb, 2 * np.abs(w).max() / top)
        read = np.asarray(device.read(stored).weights["w"])
        assert 0 < np.abs(read - w).max() <= lsb / 2 * (1 + 1e-12)
        again = programme(Fixed(bits=bits, lsb={"w": lsb}), read)
        assert np.array_equal(again.codes["w"], stored.codes["w"])
        assert np.abs(np.asarray(stored.codes["w"])).max() <= top
        assert device.bits_per_weight() == bits


def test_no_shadow_copy():
    """All that is stored of a weight is its few-bit integer."""
    stored = programme(Fixed(bits=8), np.ones((3, 4)))
    assert set(stored._fields) == {"codes", "lsb", "others"}
    assert not stored.others.weights
    assert stored.codes["w"].dtype == jnp.int8 and stored.lsb["w"].shape == ()
    assert programme(Fixed(bits=12), np.ones((3, 4))).codes["w"].dtype == jnp.int16


# Saturation in plain numbers, without compiling one program per example.
CODE = st.integers(-200, 200)


@settings(max_examples=30, deadline=None)
@given(st.lists(CODE, min_size=6, max_size=6), st.integers(2, 8))
def test_codes_saturate_symmetrically(codes, bits):
    top = 2 ** (bits - 1) - 1
    device = Fixed(bits=bits, write_mode=Nearest(), lsb={"w": 1.0})
    stored = programme(device, np.zeros((2, 3)))
    wish = {"w": jnp.asarray(codes, float).reshape(2, 3)}
    once = device.write(stored, wish, KEY)
    expected = np.clip(np.reshape(codes, (2, 3)), -top, top)
    assert np.array_equal(once.codes["w"], expected)
    back = device.write(once, {"w": jnp.full((2, 3), -1000.0)}, KEY)
    assert np.all(np.asarray(back.codes["w"]) == -top)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6), st.integers(0, 2**31 - 1))
def test_every_mode_writes_whole_lsbs_next_to_the_wish(steps, seed):
    steps, key = jnp.asarray(steps, float).reshape(2, 3), jax.random.key(seed)
    wish = np.asarray(steps)
    nearest = np.asarray(Nearest()(steps, key))
    rounded = np.asarray(StochasticRounding()(steps, key))
    nudged = np.asarray(PlusMinusLSB()(steps, key))
    for written in (nearest, rounded, nudged):
        assert np.array_equal(written, np.round(written))
    assert np.all(np.abs(nearest - wish) <= 0.5)
    assert np.all((rounded == np.floor(wish)) | (rounded == np.ceil(wish)))
    assert np.all(np.abs(nudged) <= 1)
    assert np.all((nudged == 0) | (np.sign(nudged) == np.sign(wish)))
    whole = np.round(wish)
    assert np.array_equal(StochasticRounding()(jnp.asarray(whole), key), whole)
    assert np.array_equal(PlusMinusLSB()(jnp.asarray(whole), key), np.sign(whole))


@pytest.mark.parametrize("steps", [-0.7, 0.02, 0.5, 0.99])
def test_stochastic_modes_are_unbiased(steps):
    for mode in (StochasticRounding(), PlusMinusLSB()):
        written = np.asarray(spread(mode, steps, KEY))
        error = 4 * np.sqrt(abs(steps) * (1 - abs(steps)) / N)
        assert abs(written.mean() - steps) < error
        assert written.std() > 0.05


def test_stochastic_rounding_is_unbiased_beyond_one_lsb_and_the_other_saturates():
    rounded = np.asarray(spread(StochasticRounding(), 2.3, KEY))
    assert abs(rounded.mean() - 2.3) < 4 * np.sqrt(0.3 * 0.7 / N)
    assert np.all(np.asarray(spread(PlusMinusLSB(), 2.3, KEY)) == 1)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(Nearest(), 0.0), (StochasticRounding(), 20.0), (PlusMinusLSB(), 20.0)],
)
def test_many_small_changes_are_lost_or_kept(mode, expected):
    """A hundred changes of a fifth of an LSB."""
    device = Fixed(write_mode=mode, lsb={"w": 0.5})
    stored = programme(device, np.zeros((40, 40)))

    @jax.jit
    def hundred(stored):
        def write(stored, key):
            return device.write(stored, {"w": jnp.full((40, 40), 0.1)}, key), None

        return jax.lax.scan(write, stored, jax.random.split(KEY, 100))[0]

    mean = np.asarray(hundred(stored).codes["w"], float).mean()
    error = 4 * np.sqrt(100 * 0.2 * 0.8 / 1600) if expected else 0.0
    assert abs(mean - expected) <= error


def test_projections_and_keys_draw_their_own_bits():
    device = Fixed(lsb={"a": 1.0, "b": 1.0})
    zero = jnp.zeros((20, 20))
    stored = device.fabricate(
        Params({"a": zero, "b": zero}, {}), wired({"a": zero}), KEY
    )
    wish = {"a": zero + 0.5, "b": zero + 0.5}
    one, same = (device.write(stored, wish, KEY).codes for _ in range(2))
    other = device.write(stored, wish, jax.random.key(1)).codes
    assert np.array_equal(one["a"], same["a"])
    assert not np.array_equal(one["a"], one["b"])
    assert not np.array_equal(one["a"], other["a"])
    part = device.write(stored, {"a": wish["a"]}, KEY).codes
    assert not np.any(part["b"])  # what is not asked for is not written


TASK = tasklet(ticks=20, window=8)
CODES = ("in", "rec", "out")


def test_writes_do_not_depend_on_the_batch():
    """Twice the same sample at half the rate asks for the same change: same bits."""
    one = draw(TASK, 1, seed=1)
    two = jax.tree.map(lambda a: jnp.concatenate([a, a]), one)
    small_net = small()
    slow, fast = (
        Learner(small_net, reckon({"in": rate, "out": rate}), Fixed())
        for rate in (0.25, 0.5)
    )
    after, record = learn(fast, TASK, begin(fast), one)
    twice, same = learn(slow, TASK, begin(slow, 2), two)
    assert int(record.written) >= 20 and int(record.written) == int(same.written)
    for name, codes in after.shared.store.die.codes.items():
        assert np.array_equal(codes, twice.shared.store.die.codes[name])


def test_random_bits_follow_from_run_and_tick_alone():
    learner = Learner(small(), reckon(1.0), Fixed(lsb=dict.fromkeys(CODES, 1.0)))
    store = begin(learner).shared.store
    half = {n: jnp.full_like(w, 0.5) for n, w in learner.plastic(store).items()}

    @jax.jit
    def write(store, tick):
        store, _, changed = learner.write(store, half, tick)
        return store.die.codes["in"], changed

    tick = jnp.zeros((), jnp.int32)
    first, changed = write(store, tick)
    assert 10 <= int(changed) <= 26  # of 36 - 4 synapses, each with probability 1/2
    assert np.array_equal(first, write(store, tick)[0])
    assert not np.array_equal(first, write(store, tick + 1)[0])
    other_run = store._replace(key=jax.random.key(99))
    assert not np.array_equal(first, write(other_run, tick)[0])


def test_a_tick_never_moves_a_weight_by_more_than_one_lsb():
    learner = Learner(small(), reckon(2.0), Fixed(bits=6))
    state = begin(learner)
    samples = stream(TASK, draw(TASK, 1, seed=1))
    before, moved = state.shared.store.die.codes, 0
    one_tick = jax.jit(lambda s, x: learner.tick(TASK, s, x))
    for t in range(TASK.ticks):
        state, tick = one_tick(state, jax.tree.map(lambda a, t=t: a[t], samples))
        codes = state.shared.store.die.codes
        steps = {n: np.asarray(codes[n], int) - np.asarray(before[n]) for n in codes}
        assert max(np.abs(s).max() for s in steps.values()) <= 1
        assert int(tick.written) == sum(np.count_nonzero(s) for s in steps.values())
        moved, before = moved + int(tick.written), codes
    assert moved >= 20


def test_small_changes_move_a_stochastic_device_as_far_as_an_ideal_one():
    """In the mean over many dies' random bits: the same update, unbiased."""
    episodes = draw(TASK, 1, seed=1)
    gate = TargetWindow()
    device = Fixed(bits=8, write_mode=StochasticRounding())
    learner = Learner(small(), reckon({"out": 1e-3}, gate=gate), device)
    state = begin(learner)

    def run(key):
        store = state.shared.store._replace(key=key)
        now = state._replace(shared=state.shared._replace(store=store))
        after, _ = learner.learn(TASK, now, episodes)
        return learner.params(after).weights["out"]

    n = 400
    reached = np.asarray(jax.jit(jax.vmap(run))(jax.random.split(KEY, n)))
    start = np.asarray(learner.params(state).weights["out"])
    ideal = Learner(small(), reckon({"out": 1e-3}, gate=gate), Ideal())
    begun = begin(ideal)
    same = begun.shared.store.die._replace(weights=learner.params(state).weights)
    begun = begun._replace(
        shared=begun.shared._replace(store=begun.shared.store._replace(die=same))
    )
    after, _ = learn(ideal, TASK, begun, episodes)
    exact = np.asarray(ideal.params(after).weights["out"]) - start
    moved = reached - start
    # The readout's error follows its weights, so allow for second order.
    error = 4 * moved.std(0) / np.sqrt(n) + 0.02 * np.abs(exact)
    assert np.abs(exact).max() > 1e-3 and moved.std(0).max() > 0
    assert np.all(np.abs(moved.mean(0) - exact) < error)


@pytest.mark.parametrize("bits", [1, 17, 0])
def test_rejects_bad_widths(bits):
    with pytest.raises(ValueError, match=rf"Fixed\.bits must be .*; got {bits}"):
        Fixed(bits=bits)


def test_rejects_bad_scales():
    with pytest.raises(ValueError, match=r"Fixed\.headroom must be positive"):
        Fixed(headroom=0.0)
    with pytest.raises(ValueError, match=r"Fixed\.lsb\.w must be positive, in weight"):
        Fixed(lsb={"w": -1.0})
    with pytest.raises(ValueError, match=r"unknown projection in Fixed\.lsb 'v'"):
        programme(Fixed(lsb={"v": 1.0}), jnp.ones((2, 3)))


def test_ideal_takes_any_change_exactly():
    device, rng = Ideal(), np.random.default_rng(0)
    w, change = rng.normal(size=(4, 3)), 1e-9 * rng.normal(size=(4, 3))
    stored = device.fabricate(
        Params({"w": jnp.asarray(w), "u": jnp.ones((1, 1))}, {}), wired({"w": w}), KEY
    )
    after = device.read(device.write(stored, {"w": jnp.asarray(change)}, KEY)).weights
    assert np.array_equal(after["w"], w + change) and np.any(after["w"] != w)
    assert np.array_equal(after["u"], np.ones((1, 1)))
    assert device.bits_per_weight() == 64  # the tests' default precision
