"""Pulses against closed forms: steps, bounds, spreads, retention; what is counted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF, Nearest, PlusMinusLSB
from onspike.devices import Clamped, Mismatch, Pulsed
from onspike.types import Params, constant_name
from oracle import wired

KEY, OTHER = jax.random.key(7), jax.random.key(11)
SHAPE = (1000, 100)  # of all: each costs compiling
N = SHAPE[0] * SHAPE[1]
FEW = (20, 10)  # of what is written time and again
CLEAN = dict(
    dw_min_dtod=0.0,
    dw_min_std=0.0,
    up_down_dtod=0.0,
    w_max_dtod=0.0,
    w_min_dtod=0.0,
    scale={"w": 1.0},
)


def die(device, w, key=KEY):
    w = w if isinstance(w, dict) else {"w": jnp.asarray(w, float)}
    return device.fabricate(Params(w, {"a": LIF()}), wired(w), key)


def tiled(*values, shape=SHAPE):
    """Weights that repeat some values, in C order."""
    return np.resize(np.asarray(values, float), shape)


# Not as one program: operations alone are compiled once for all devices.
def write(device, state, wish, key):
    return device.write(state, {"w": jnp.asarray(wish)}, key)


def pulse(device, state, n, key=OTHER):
    """After n mean steps asked for at every synapse, up (> 0) or down."""
    size = float(device.dw_min) * float(state.scale["w"])
    return write(device, state, tiled(n * size), key)


def held(state):
    return np.asarray(state.w["w"])


@jax.jit
def course(device, state, wishes):
    """After a wish for all synapses in each write, and what was counted."""

    def one(state, wish):
        wish = {"w": jnp.full_like(state.w["w"], wish)}
        state = device.write(state, wish, OTHER)
        return state, state.pulsed

    return jax.lax.scan(one, state, wishes)


def test_without_noise_a_pulse_follows_the_soft_bounds():
    device = Pulsed(dw_min=0.02, up_down=0.25, w_max=1.25, w_min=-0.75, **CLEAN)
    w = tiled(*np.linspace(-0.75, 1.25, 12))
    start = die(device, w)
    up, down = 0.02 * 1.25, 0.02 * 0.75
    found = held(pulse(device, start, 1))
    assert np.allclose(found, w + up * (1 - w / 1.25), atol=1e-12)
    found = held(pulse(device, start, -1))
    assert np.allclose(found, w - down * (1 + w / 0.75), atol=1e-12)
    # Seven at once are seven one by one.
    expected = w
    for _ in range(7):
        expected = expected - down * (1 + expected / 0.75)
    assert np.allclose(held(pulse(device, start, -7)), expected, atol=1e-12)
    assert np.abs(expected - w).max() > 0.15


def test_pulses_end_at_the_bound_and_never_beyond_it():
    device = Pulsed(dw_min=0.3, **CLEAN)
    high = held(pulse(device, die(device, tiled(0.2)), 31))
    assert np.allclose(high, 1 - 0.8 * 0.7**31, atol=1e-12) and high.max() <= 1
    # A step longer than the way to the bound ends there; so does noise.
    long = Pulsed(dw_min=3.0, **CLEAN)
    assert np.all(held(pulse(long, die(long, tiled(0.2)), -2)) == -1)
    for kind in (True, False):
        options = CLEAN | dict(w_max_dtod=0.3, w_min_dtod=0.3, dw_min_std=5.0)
        noisy = Pulsed(dw_min=0.2, mult_noise=kind, **options)
        state = pulse(noisy, die(noisy, tiled(0.5)), 3)
        cells = jax.tree.map(np.asarray, state.cells["w"])
        assert np.all(held(state) <= cells.w_max) and np.all(held(state) >= cells.w_min)
        assert np.mean(held(state) == cells.w_max) > 0.01


@pytest.mark.parametrize("mult", (True, False))
@pytest.mark.parametrize("n", (1, 12))
def test_cycles_have_the_mean_and_spread_of_pulses_one_by_one(mult, n):
    """Against the closed forms, and those against a sum of single pulses."""
    a, sd, w = 0.02, 0.5, 0.3
    device = Pulsed(dw_min=a, mult_noise=mult, **CLEAN | dict(dw_min_std=sd))
    start = die(device, tiled(w))
    found = held(pulse(device, start, n))
    u, left = 1 - w, 1 - a
    if mult:
        variance = u**2 * ((left**2 + (a * sd) ** 2) ** n - left ** (2 * n))
    else:
        variance = (a * sd) ** 2 * sum(left ** (2 * k) for k in range(n))
    assert found.mean() == pytest.approx(1 - u * left**n, abs=4 * (variance / N) ** 0.5)
    assert found.std() == pytest.approx(variance**0.5, rel=0.02)
    rng, singles = np.random.default_rng(0), np.full(N, w)
    for _ in range(n):
        xi = sd * rng.normal(size=N)
        factor = (1 - singles) * (1 + xi) if mult else (1 - singles) + xi
        singles = singles + a * factor
    assert singles.mean() == pytest.approx(found.mean(), abs=6 * (variance / N) ** 0.5)
    assert singles.std() == pytest.approx(found.std(), rel=0.02)


def test_small_steps_keep_their_spread_in_few_bits():
    device = Pulsed(dw_min=1e-4, **CLEAN | dict(dw_min_std=0.3))
    start = die(device, tiled(0.0))
    with jax.enable_x64(False):
        start = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), start)
        found = held(write(device, start, tiled(1e-4).astype("f4"), OTHER))
    assert found.dtype == np.float32
    assert found.mean(dtype=float) == pytest.approx(1e-4, rel=0.01)
    assert found.std(dtype=float) == pytest.approx(0.3e-4, rel=0.02)


def test_devices_differ_as_much_as_was_asked_for():
    device = Pulsed(
        dw_min=0.01,
        dw_min_dtod=0.2,
        up_down=0.1,
        up_down_dtod=0.05,
        w_max=1.25,
        w_max_dtod=0.24,
        w_min=-0.75,
        w_min_dtod=0.2,
        lifetime=1e4,
        lifetime_dtod=0.1,
    )
    cells = jax.tree.map(np.asarray, die(device, tiled(0.1)).cells["w"])
    asymmetry = (cells.up - cells.down) / 2 / 0.01
    life = 1 / (1 - cells.keep)
    for values, mean, sd in (
        ((cells.up + cells.down) / 2, 0.01, 0.01 * 0.2),
        (asymmetry, 0.1, 0.05),
        (cells.w_max, 1.25, 1.25 * 0.24),
        (cells.w_min, -0.75, 0.75 * 0.2),
        (life, 1e4, 1e3),
    ):
        assert values.shape == SHAPE
        assert values.mean() == pytest.approx(mean, abs=4 * sd / N**0.5)
        assert values.std() == pytest.approx(sd, rel=0.02)
    assert cells.up.min() > 0 and cells.down.min() > 0
    assert cells.w_max.min() > 0 > cells.w_min.max()
    drawn = [cells.up, cells.w_max, cells.w_min, cells.keep]
    r = np.corrcoef([x.ravel() for x in drawn]) - np.eye(4)
    assert np.abs(r).max() < 5 / N**0.5
    # A die stays what it is.
    again = die(device, tiled(0.1)).cells["w"]
    assert np.array_equal(again.up, cells.up)
    other = die(device, tiled(0.1), jax.random.key(8)).cells["w"]
    assert not np.array_equal(other.up, cells.up)


def test_asymmetry_pulls_towards_the_symmetry_point():
    """As many pulses up as down end where both steps are equal."""
    device = Pulsed(dw_min=0.05, up_down=0.3, **CLEAN)
    state = die(device, tiled(-0.2, shape=FEW))
    state, _ = course(device, state, 0.05 * jnp.tile(jnp.array([-1.0, 1.0]), 69))
    up, down = 0.05 * 1.3, 0.05 * 0.7
    equal = (up - down) / (up + down)
    # After an up pulse it stands about half a step above that.
    above = (up - down * (1 - up)) / (1 - (1 - up) * (1 - down))
    assert held(state) == pytest.approx(above, abs=1e-3)
    assert above - up * (1 - equal) / 2 == pytest.approx(equal, abs=0.01)


@pytest.mark.parametrize("wish", (0.3, -2.6))
def test_a_wish_is_met_in_the_mean_far_from_the_bounds(wish):
    """In steps: less than one, and some."""
    device = Pulsed(dw_min=1e-4, dw_min_dtod=0.2, dw_min_std=0.3)
    start = die(device, tiled(0.4))
    moved = (held(pulse(device, start, wish)) - held(start)) / 1e-4
    # At w = 1/headroom a bound of 1 halves up steps, and makes down steps 1.5 as long.
    cells = start.cells["w"]
    bound = np.asarray(cells.w_max if wish > 0 else cells.w_min)
    expected = (wish * (1 - held(start) / bound)).mean()
    assert moved.mean() == pytest.approx(expected, abs=5 * moved.std() / N**0.5)
    centred = Pulsed(dw_min=1e-4, dw_min_std=0.3, scale={"w": 1.0})
    moved = held(pulse(centred, die(centred, tiled(0.0)), wish)) / 1e-4
    assert moved.mean() == pytest.approx(wish, abs=5 * moved.std() / N**0.5)


def test_at_most_so_many_pulses_and_the_mode_of_the_wish():
    device = Pulsed(dw_min=0.001, pulses=3, **CLEAN)
    start = die(device, tiled(0.0))
    assert held(pulse(device, start, 50)) == pytest.approx(1 - 0.999**3)
    one = Pulsed(dw_min=0.001, write_mode=PlusMinusLSB(), **CLEAN)
    assert held(pulse(one, start, 50)) == pytest.approx(0.001)
    nearest = Pulsed(dw_min=0.001, write_mode=Nearest(), **CLEAN)
    assert np.all(held(pulse(nearest, start, 0.4)) == 0)


def test_write_noise_hides_a_persistent_weight():
    device = Pulsed(dw_min=0.01, write_noise_std=5.0, **CLEAN | {"scale": {"w": 2.0}})
    w = tiled(0.6)
    w[0] = 0.0  # no synapse
    start = die(device, w)

    def seen(state):
        return np.asarray(device.read(state).weights["w"])

    assert np.all(seen(start)[0] == 0)
    assert np.allclose(held(start)[1:], 0.3)
    assert seen(start)[1:].std() == pytest.approx(2.0 * 5 * 0.01, rel=0.02)
    # Reading changes nothing, nor does a write elsewhere; a pulse draws afresh.
    wish = np.zeros_like(w)
    wish[500:] = 0.02
    later = write(device, start, wish, OTHER)
    assert np.array_equal(seen(start)[:500], seen(later)[:500])
    assert np.allclose(held(later)[500:], 0.3 + 0.01 * 0.7)
    noise = (seen(start) / 2 - held(start))[500:], (seen(later) / 2 - held(later))[500:]
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.03
    assert noise[1].std() == pytest.approx(0.05, rel=0.02)
    # Without it, nothing is kept for it.
    assert die(Pulsed(), w).noise == {}


def test_retention_halves_weights_in_ln_2_lifetimes_and_is_no_write():
    lifetime = 200.0
    device = Pulsed(lifetime=lifetime, **CLEAN)
    start = die(device, tiled(0.8, -0.4, 0.0, shape=FEW))
    half = round(np.log(2) / -np.log1p(-1 / lifetime))
    state, counted = course(device, start, jnp.zeros(half))
    assert half == 138
    expected = 0.5 ** (half / (np.log(2) / -np.log1p(-1 / lifetime)))
    assert np.allclose(held(state), held(start) * expected, rtol=1e-12)
    assert expected == pytest.approx(0.5, abs=1e-3) and not np.any(counted)
    # A projection that is not written stays; without a lifetime all stay, bit for bit.
    two = {"w": jnp.asarray(tiled(0.5)), "v": jnp.asarray(tiled(0.5))}
    start = die(device, two)
    after = write(device, start, tiled(0.0), OTHER)
    assert np.array_equal(after.w["v"], start.w["v"])
    assert np.all(held(after) < held(start))
    lasting = Pulsed(scale={"w": 1.0})
    start = die(lasting, np.random.default_rng(0).normal(size=FEW))
    state, _ = course(lasting, start, jnp.zeros(half))
    assert np.array_equal(held(state), held(start)) and np.any(held(state))


def test_what_is_counted_are_synapses_that_got_pulses():
    name = constant_name("a", "tau_mem")
    device = Pulsed(dw_min=0.01, lifetime=100.0, **CLEAN)
    w, wish = tiled(0.5), tiled(0.0)
    w[1, 1] = 1.0  # at its bound: pulses do nothing there, and cost what pulses cost
    wish[0, 0], wish[1, 1], wish[2, 2], learnt = 0.01, 0.02, -0.03, np.zeros((1000, 1))
    w = {"w": jnp.asarray(w), name: jnp.asarray(learnt)}
    learnt[0] = 0.3
    wish = {"w": jnp.asarray(wish), name: jnp.asarray(learnt)}
    none = jax.tree.map(jnp.zeros_like, wish)
    for around in (device, Mismatch(Clamped(device, 2.0), 0.1)):
        start = die(around, w)
        after = around.write(start, wish, OTHER)
        assert int(around.written(start, after, wish)) == 4
        assert around.read(after).weights[name][0, 0] == pytest.approx(0.3)
        idle = around.write(after, none, OTHER)
        assert int(around.written(after, idle, none)) == 0
        old, new = (around.read(state).weights["w"] for state in (after, idle))
        assert np.all(old != new)


def test_no_number_is_no_wish():
    device = Pulsed(scale={"w": 1.0})
    start = die(device, np.random.default_rng(0).normal(size=SHAPE))
    wish = np.full(SHAPE, np.nan)
    wish[0, 0] = np.inf
    after = write(device, start, wish, OTHER)
    assert np.array_equal(held(after)[1:], held(start)[1:])
    assert held(after)[0, 0] > held(start)[0, 0]  # as many pulses as there may be
    assert np.all(np.isfinite(held(after))) and int(after.pulsed) == 1


def test_the_scale_follows_the_initial_weights_unless_given():
    w = tiled(0.1, -0.3, 0.2)
    device = Pulsed(**CLEAN | {"scale": None}, headroom=1.5)
    assert float(die(device, w).scale["w"]) == pytest.approx(0.45)
    read = device.read(die(device, w)).weights["w"]
    assert np.allclose(read, w)
    given = Pulsed(**CLEAN | {"scale": {"w": 0.2}})
    expected = np.clip(w, -0.2, 0.2)
    assert np.allclose(given.read(die(given, w)).weights["w"], expected)
    assert np.all(device.read(die(device, 0 * w)).weights["w"] == 0)


def test_chance_follows_from_keys_alone():
    device, w = Pulsed(dw_min=0.01, write_noise_std=2.0), jnp.asarray(tiled(0.1))
    start = die(device, {"a": w, "b": w})
    wish = {n: jnp.asarray(tiled(0.001)) for n in "ab"}
    one, same = (device.write(start, wish, OTHER) for _ in range(2))
    other = device.write(start, wish, KEY)
    part = device.write(start, {"a": wish["a"]}, OTHER)
    assert np.array_equal(one.w["a"], same.w["a"])
    assert np.array_equal(one.noise["a"], same.noise["a"])
    assert not np.array_equal(one.w["a"], one.w["b"])
    assert not np.array_equal(one.w["a"], other.w["a"])
    assert np.array_equal(part.w["a"], one.w["a"])  # whatever else is written
    assert np.array_equal(part.w["b"], start.w["b"])


def test_states_tell_the_bits():
    assert Pulsed(dw_min=0.002, w_max=1.25, w_min=-0.75).bits_per_weight() == 10
    assert Pulsed(dw_min=5.0).bits_per_weight() == 1


@pytest.mark.parametrize(
    ("options", "text"),
    (
        (dict(dw_min=0.0), r"Pulsed.dw_min must be positive, in units of the sc.*0\.0"),
        (dict(w_max=-1.0), r"Pulsed.w_max must be positive, .*; got -1.0"),
        (dict(w_min=0.5), r"Pulsed.w_min must be negative, in units .*; got 0.5"),
        (dict(up_down=-1.0), r"Pulsed.up_down must be positive, in shares of .*got 0"),
        (dict(dw_min_std=-0.1), r"Pulsed.dw_min_std must be zero or .*; got -0.1"),
        (dict(w_min_dtod=np.nan), r"Pulsed.w_min_dtod must be .*; got nan"),
        (dict(lifetime=-1.0), r"Pulsed.lifetime must be 0 or above 1, .*s; got -1"),
        (dict(lifetime=0.5), r"Pulsed.lifetime must be 0 or above 1, .* got 0.5"),
        (dict(pulses=0), r"Pulsed.pulses must be a whole number >= 1, .*; got 0"),
        (dict(headroom=0.0), r"Pulsed.headroom must be positive"),
        (dict(scale={"w": 0.0}), r"Pulsed.scale.w must be positive, in weight units"),
    ),
)
def test_rejects_bad_numbers(options, text):
    with pytest.raises(ValueError, match=text):
        Pulsed(**options)


def test_rejects_a_scale_of_nothing():
    with pytest.raises(ValueError, match=r"unknown projection in Pulsed\.scale 'v'"):
        die(Pulsed(scale={"v": 1.0}), tiled(1.0))
