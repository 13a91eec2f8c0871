"""Two stable states: what is kept, what is forgotten, and what counts as a write."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Ideal
from onspike.devices import Bistable, Clamped, Mismatch, SoftBound
from onspike.devices.layer import LayerState
from onspike.types import Params, constant_name
from oracle import wired

KEY = jax.random.key(0)


def die(device, w):
    params = Params({"w": jnp.asarray(w, float)}, {"a": LIF()})
    return device.fabricate(params, wired(params.weights), KEY)


def put(state, x):
    if isinstance(state, LayerState):
        return state._replace(stored=put(state.stored, x))
    return state._replace(x={"w": jnp.asarray(x, float)})


def bare(state):
    return state.stored if isinstance(state, LayerState) else state


def after(device, state, change=0.0, writes=1):
    """X and weights after each of so many equal writes."""
    wish = {"w": jnp.broadcast_to(jnp.asarray(change, float), state.x["w"].shape)}

    def one(state, _):
        state = device.write(state, wish, KEY)
        return state, (state.x["w"], device.read(state).weights["w"])

    return jax.tree.map(np.asarray, jax.lax.scan(one, state, None, length=writes)[1])


def test_an_untouched_synapse_falls_or_rises_in_closed_form():
    """From just below theta to 0 in theta / down writes; above it to 1 likewise."""
    theta, up, down = 0.6, 1 / 256, 1 / 128  # binary fractions: sums are exact
    device = Bistable(2.0, theta=theta, drift_up=up, drift_down=down)
    start = put(die(device, np.ones((1, 2))), [[theta, theta + 1e-9]])
    x, w = after(device, start, writes=200)
    t = np.arange(1, 201)
    assert np.allclose(x[:, 0, 0], np.maximum(0, theta - t * down), atol=1e-12)
    assert np.allclose(x[:, 0, 1], np.minimum(1, theta + t * up), atol=1e-8)
    falls, rises = np.ceil(theta / down), np.ceil((1 - theta) / up)
    assert np.flatnonzero(x[:, 0, 0] == 0)[0] + 1 == falls == 77
    assert np.flatnonzero(x[:, 0, 1] == 1)[0] + 1 == rises == 103
    assert np.all(w == np.array([0.0, 2.0]))  # the weights never moved


def test_a_state_lasts_without_input_and_forgets_what_did_not_cross():
    w = np.random.default_rng(0).normal(size=(20, 30))
    device = Bistable(weak=0.2)
    start = die(device, w)
    first = np.asarray(device.read(start).weights["w"])
    x, weights = after(device, start, writes=400)
    assert np.all(weights == first)
    assert set(np.unique(x[-1])) == {0.0, 1.0} and 0.2 < x[-1].mean() < 0.8
    # A step that does not cross theta is gone after a while; one that does stays.
    settled = put(start, x[-1])
    for step, stays in ((0.49, False), (0.51, True)):
        change = step * float(start.strong["w"]) * 0.8 * np.where(x[-1] > 0.5, -1, 1)
        nudged = device.write(settled, {"w": jnp.asarray(np.sign(w) * change)}, KEY)
        x_later, w_later = after(device, nudged, writes=400)
        assert np.all((x_later[-1] != x[-1]) == stays)
        assert np.all((w_later[-1] != first) == stays)


def test_the_network_sees_two_sizes_with_the_signs_of_the_start():
    w = np.array([[0.1, -0.9, 0.0, 1.4, -3.0]])
    device = Bistable(2.0, weak=0.25, theta=0.4)
    start = die(device, w)
    assert np.allclose(start.x["w"], [[0.0, 0.2 / 1.5 * 2, 0.0, 0.9 / 1.5, 1.0]])
    assert np.array_equal(device.read(start).weights["w"], [[0.5, -0.5, 0, 2, -2]])
    # All of the range moves X by 1; a positive change weakens inhibition.
    (x,), (w,) = after(device, start, 1.5)
    assert np.allclose(x, [[1, 0, 0, 1, 0]])
    assert np.array_equal(w, [[2, -0.5, 0, 2, -0.5]])
    (x,), (w,) = after(device, start, -1.5)
    assert np.array_equal(w, [[0.5, -2, 0, 0.5, -2]])


def test_the_size_follows_the_initial_weights_unless_given():
    device = Bistable()
    start = die(device, np.array([[0.1, -0.3]]))
    assert float(start.strong["w"]) == pytest.approx(0.4)
    assert np.all(device.read(die(device, np.zeros((2, 3)))).weights["w"] == 0)


@pytest.mark.parametrize("wrap", (lambda d: d, SoftBound, lambda d: Clamped(d, 9.0)))
def test_drift_is_no_write(wrap):
    device = wrap(Bistable(1.0, drift_up=0.01, drift_down=0.01))
    before = put(die(device, np.ones((1, 4))), [[0.3, 0.6, 1.0, 0.45]])
    for change, expected in (
        ([[0.0, 0.0, 0.0, 0.0]], 0),
        ([[0.0, 0.2, 0.3, 0.0]], 1),  # the third is at its end and stays
        ([[0.0, -0.3, -0.1, 0.0]], 2),
    ):
        wish = {"w": jnp.array(change)}
        later = device.write(before, wish, KEY)
        moved = np.count_nonzero(bare(later).x["w"] != bare(before).x["w"])
        assert moved >= 3  # all but the third drift, asked or not
        assert int(device.written(before, later, wish)) == expected


def test_others_count_what_changed():
    device, change = Ideal(), {"w": jnp.eye(2, 3)}
    before = die(device, np.ones((2, 3)))
    assert int(device.written(before, device.write(before, change, KEY), change)) == 2
    device = Mismatch(Bistable(1.0), cv=0.1)
    before = die(device, np.full((2, 3), 0.4))
    later = device.write(before, {"w": 0.1 * jnp.eye(2, 3)}, KEY)
    assert int(device.written(before, later, {"w": jnp.eye(2, 3)})) == 2


def test_learnt_constants_are_no_synapses():
    name, device = constant_name("a", "tau_mem"), Bistable(1.0)
    weights = {"w": jnp.full((2, 3), 0.4), name: jnp.zeros((2, 1))}
    before = device.fabricate(Params(weights, {}), wired(weights), KEY)
    wish = {"w": jnp.zeros((2, 3)), name: jnp.array([[0.3], [0.0]])}
    later = device.write(before, wish, KEY)
    assert np.array_equal(device.read(later).weights[name], wish[name])
    assert int(device.written(before, later, wish)) == 1


@pytest.mark.parametrize(
    ("options", "text"),
    (
        (dict(strong=0.0), "Bistable.strong must be positive, in weight units; got 0"),
        (dict(weak=-0.1), "Bistable.weak must be between 0 and 1, in prob.*; got -0.1"),
        (dict(weak=1.0), "Bistable.strong must be .* shares above weak; got 0.0"),
        (dict(theta=1.5), "Bistable.theta must be between 0 and 1, .*; got 1.5"),
        (dict(drift_up=-1.0), "Bistable.drift_up must be zero or .* X per write"),
    ),
)
def test_bad_values_are_named(options, text):
    with pytest.raises(ValueError, match=text):
        Bistable(**options)
