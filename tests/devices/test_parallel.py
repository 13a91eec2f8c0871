"""Weights as numbers of equal connections: a budget that nothing breaks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onspike.devices import Nearest, Parallel, PlusMinusLSB, StochasticRounding
from onspike.types import Params
from oracle import wired

KEY = jax.random.key(0)
SHAPES = {"a": (3, 4), "b": (3, 5)}  # two projections into the same three neurons
BUDGET = 8
MODES = {m: m() for m in (Nearest, StochasticRounding, PlusMinusLSB)}


def params(**weights):
    return Params({n: jnp.asarray(w, float) for n, w in weights.items()}, {})


def programme(device, p):
    return device.fabricate(p, wired(p.weights, {"post": 3}), KEY)


def counted(stored):
    """Connections by projection, as whole numbers."""
    (each,) = stored.n.values()
    return {name: np.asarray(n, int) for name, n in each.items()}


def used(stored):
    return sum(np.abs(n).sum(1) for n in counted(stored).values())


def device_of(mode):
    return Parallel(BUDGET, MODES[mode], unit={"a": 0.5, "b": 0.5})


@jax.jit
def write(device, stored, change, key):
    return device.write(stored, change, key)


EMPTY = params(a=np.zeros((3, 4)), b=np.zeros((3, 5)))
SIZES = st.one_of(
    st.floats(-3, 3), st.sampled_from([0.0, 0.5, -1e9, 1e30, np.inf, -np.inf, np.nan])
)
WISHES = st.lists(SIZES, min_size=27, max_size=27)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(WISHES, min_size=1, max_size=4),
    st.sampled_from([*MODES]),
    st.integers(0, 2**31 - 1),
)
def test_no_write_exceeds_the_budget(writes, mode, seed):
    device = device_of(mode)
    stored = programmed_once(mode)
    for i, wishes in enumerate(writes):
        flat = np.asarray(wishes)
        change = {
            "a": jnp.asarray(flat[:12].reshape(3, 4)),
            "b": jnp.asarray(flat[12:].reshape(3, 5)),
        }
        before, key = counted(stored), jax.random.fold_in(jax.random.key(seed), i)
        stored = write(device, stored, change, key)
        after = counted(stored)
        assert used(stored).max() <= BUDGET
        read = device.read(stored).weights
        for name, n in after.items():
            assert np.array_equal(read[name], 0.5 * n)
            # No connection goes unless a write takes it away, and none comes unasked.
            asked = np.sign(np.nan_to_num(change[name]))
            assert np.all((n - before[name]) * asked >= 0)
            if mode is PlusMinusLSB:
                assert np.abs(n - before[name]).max() <= 1


START = {}


def programmed_once(mode):
    if mode not in START:
        START[mode] = programme(device_of(mode), EMPTY)
    return START[mode]


def test_the_largest_wishes_come_first_over_all_projections():
    device = device_of(Nearest)
    wish = {
        "a": jnp.asarray([[2.0, -1.0, 0.4, 0.2]] * 3),  # 4, -2, 1 and 0 connections
        "b": jnp.asarray([[1.5, -0.5, 0.0, 0.0, 0.0]] * 3),  # 3 and -1
    }
    stored = write(device, programme(device, EMPTY), wish, KEY)
    found = counted(stored)
    assert np.array_equal(found["a"], [[4, -1, 0, 0]] * 3)
    assert np.array_equal(found["b"], [[3, 0, 0, 0, 0]] * 3)
    # The budget is full: what is there stays, however large a new wish is.
    more = {"a": jnp.asarray([[0.0, 0.0, 9.0, 0.0]] * 3)}
    assert np.array_equal(counted(write(device, stored, more, KEY))["a"], found["a"])
    # What a write gives up is free in the same write; a sign is crossed through 0.
    swap = {
        "a": jnp.asarray([[-1.5, 1.0, 0.0, 0.0]] * 3),
        "b": jnp.asarray([[0.0, 0.0, 0.0, 0.0, 9.0]] * 3),
    }
    found = counted(write(device, stored, swap, KEY))
    assert np.array_equal(found["a"], [[1, 0, 0, 0]] * 3)
    assert np.array_equal(found["b"], [[3, 0, 0, 0, 4]] * 3)


def test_programming_is_idempotent_and_one_unit_serves_a_population():
    rng = np.random.default_rng(0)
    p = params(a=rng.normal(size=(3, 4)), b=rng.normal(size=(3, 5)))
    device = Parallel(64)
    stored = programme(device, p)
    unit = float(stored.unit["a"])
    assert unit == float(stored.unit["b"]) > 0
    # The mean neuron uses 1 / headroom of its budget.
    mean = sum(np.abs(np.asarray(w)).sum(1).mean() for w in p.weights.values())
    assert unit == pytest.approx(2.0 * mean / 64)
    for name, w in device.read(stored).weights.items():
        assert np.abs(np.asarray(w - p.weights[name])).max() <= unit / 2 * (1 + 1e-9)
    units = {"a": unit, "b": unit}
    again = programme(Parallel(64, unit=units), device.read(stored))
    for name, n in counted(stored).items():
        assert np.array_equal(n, counted(again)[name])
    assert stored.n["post"]["a"].dtype == jnp.int16
    assert Parallel(64).bits_per_weight() == 8  # from -64 to 64


def test_what_a_budget_is_too_small_for_is_cut_at_programming():
    p = params(a=np.full((3, 4), 2.0), b=np.asarray([[5.0, 1, 1, 1, 1]] * 3))
    stored = programme(device_of(Nearest), p)
    assert np.array_equal(used(stored), [BUDGET] * 3)
    assert np.array_equal(counted(stored)["b"][:, 0], [8, 8, 8])


def test_many_small_changes_add_up_in_the_mean():
    """A hundred tenths of a connection, on the synapses of many neurons."""
    n = 400
    p = params(a=np.zeros((n, 4)))
    device = Parallel(64, unit={"a": 1.0})
    stored = device.fabricate(p, wired(p.weights, {"post": n}), KEY)

    @jax.jit
    def hundred(stored):
        def one(stored, key):
            return device.write(stored, {"a": jnp.full((n, 4), 0.1)}, key), None

        return jax.lax.scan(one, stored, jax.random.split(KEY, 100))[0]

    mean = counted(hundred(stored))["a"].mean()
    assert abs(mean - 10.0) < 4 * np.sqrt(100 * 0.1 * 0.9 / (4 * n))


def test_bad_budgets_and_units_are_refused():
    with pytest.raises(ValueError, match=r"Parallel.budget .* in connections; got 0"):
        Parallel(0)
    with pytest.raises(ValueError, match=r"Parallel.budget must be below .*got 40000"):
        Parallel(40_000)
    with pytest.raises(ValueError, match=r"Parallel.headroom must be positive"):
        Parallel(headroom=0.0)
    with pytest.raises(ValueError, match=r"Parallel.unit.a must be positive, in weig"):
        Parallel(unit={"a": 0.0})
    with pytest.raises(ValueError, match="unknown projection in Parallel.unit 'c'"):
        programme(Parallel(unit={"c": 1.0}), EMPTY)
