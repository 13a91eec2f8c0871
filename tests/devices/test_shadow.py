"""A host's copy of the weights: what is learnt adds up there."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from onspike.devices import Fixed, Nearest, PlusMinusLSB, Shadow
from onspike.types import Params
from oracle import wired

KEY = jax.random.key(0)
LSB = 0.5
START = np.asarray([[0.1, -0.3, 2.2]])
PARAMS = Params({"w": jnp.asarray(START)}, {})
CHIP = Fixed(8, Nearest(), lsb={"w": LSB})  # from -63.5 to 63.5
DEVICE = Shadow(CHIP)


def programme(device):
    return device.fabricate(PARAMS, wired(PARAMS.weights), KEY)


STORED = programme(DEVICE)


@jax.jit
def write(device, stored, wish):
    after = device.write(stored, {"w": wish}, KEY)
    changed = device.written(stored, after, {"w": wish})
    return after, device.read(after).weights["w"], changed


WISH = st.lists(st.floats(-30, 30), min_size=3, max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(WISH, min_size=1, max_size=6))
def test_the_chip_follows_the_copy_within_half_an_lsb(wishes):
    stored, copy = STORED, START
    before = np.asarray(DEVICE.read(stored).weights["w"])
    assert np.abs(before - copy).max() <= LSB / 2
    for wish in wishes:
        wish = np.asarray([wish])
        stored, read, changed = write(DEVICE, stored, jnp.asarray(wish))
        copy, read = copy + wish, np.asarray(read)
        assert np.allclose(stored.own["w"], copy, rtol=0, atol=1e-12)
        within = np.clip(copy, -63.5, 63.5)
        assert np.abs(read - within).max() <= LSB / 2 * (1 + 1e-9)
        assert np.array_equal(read, LSB * np.round(read / LSB))
        assert int(changed) == np.count_nonzero(read != before)  # not the host's own
        before = read


def test_small_changes_add_up_in_the_copy_and_are_lost_without_it():
    with_copy, without = STORED, programme(CHIP)
    small = jnp.full((1, 3), 0.2 * LSB)
    for _ in range(50):
        with_copy, read, _ = write(DEVICE, with_copy, small)
        without, lost, changed = write(CHIP, without, small)
        assert int(changed) == 0
    assert np.array_equal(lost, CHIP.read(programme(CHIP)).weights["w"])
    assert np.abs(np.asarray(read) - START - 10 * LSB).max() <= LSB / 2 * (1 + 1e-9)


def test_a_chip_that_is_slow_is_asked_again():
    """One LSB per write at most: the copy waits, and the chip arrives."""
    device = Shadow(Fixed(8, PlusMinusLSB(), lsb={"w": LSB}))
    stored = programme(device)
    start = np.asarray(device.read(stored).weights["w"])
    stored, read, _ = write(device, stored, jnp.full((1, 3), 5 * LSB))
    steps = (np.asarray(read) - start) / LSB
    assert np.all((steps == 0) | (steps == 1)) and steps.any()
    for _ in range(8):
        stored, read, _ = write(device, stored, jnp.zeros((1, 3)))
    assert np.abs(np.asarray(read) - START - 5 * LSB).max() < 1.5 * LSB
    assert device.bits_per_weight() == 8
