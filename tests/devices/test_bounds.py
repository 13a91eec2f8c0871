"""Bounds that weights keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.devices import Clamped, Fixed, Ideal, MultiplicativeBound, Nearest
from onspike.experiment import build
from onspike.experiment.spec import resolve
from onspike.types import Params
from oracle import wired

KEY = jax.random.key(0)
W = jnp.linspace(-2.0, 2.0, 12).reshape(3, 4)
PARAMS = Params(weights={"a": W}, neurons={})


def stored(device):
    return device.fabricate(PARAMS, wired(PARAMS.weights), KEY)


def wrote(device, change):
    die = device.write(stored(device), {"a": jnp.full((3, 4), change)}, KEY)
    return np.asarray(device.read(die).weights["a"])


@pytest.mark.parametrize(
    ("device", "low", "high"),
    [
        (Clamped(Ideal(), 1.5), -1.5, 1.5),
        (Clamped(Ideal(), 1.5, lower=0.0), 0.0, 1.5),
        (Clamped(Ideal(), 1.5, lower=0.5), 0.5, 1.5),
        (MultiplicativeBound(Ideal(), 1.5), 0.0, 1.5),
    ],
)
def test_no_weight_leaves_its_bounds(device, low, high):
    assert np.array_equal(device.read(stored(device)).weights["a"], W.clip(low, high))
    for change in (5.0, -5.0, 0.3, -0.3):
        w = wrote(device, change)
        assert w.min() >= low and w.max() <= high
        if isinstance(device, Clamped):
            assert np.allclose(w, np.clip(W.clip(low, high) + change, low, high))


def test_the_room_that_is_left_scales_a_change():
    device = MultiplicativeBound(Ideal(), bound=0.8)
    w = np.asarray(W).clip(0, 0.8)
    assert np.allclose(wrote(device, 0.2), w + 0.2 * (1 - w / 0.8))
    assert np.allclose(wrote(device, -0.2), w - 0.2 * w / 0.8)
    assert np.array_equal(wrote(device, 0.0), w)
    coarse = MultiplicativeBound(Fixed(bits=4, write_mode=Nearest()), bound=0.8)
    assert np.all(wrote(coarse, 0.2) >= coarse.read(stored(coarse)).weights["a"])
    assert coarse.bits_per_weight() == 4


def test_a_run_may_have_a_lower_bound():
    settings = {"train.clamp": 0.5, "train.clamp_low": 0.0, "device.mismatch": 0.2}
    spec = resolve("binary", rule="rstdp", settings=settings)
    device = build.learner(spec, spec.built("task")).device
    assert device.device == Clamped(Ideal(), 0.5, 0.0)


def test_bounds_that_bound_nothing_are_refused():
    with pytest.raises(ValueError, match=r"Clamped.bound .* above lower; got 0.0"):
        Clamped(Ideal(), 1.0, lower=1.0)
    with pytest.raises(ValueError, match=r"Clamped.lower must be finite.* got -inf"):
        Clamped(Ideal(), 1.0, lower=float("-inf"))
    with pytest.raises(ValueError, match=r"MultiplicativeBound.bound .* got 0"):
        MultiplicativeBound(Ideal(), 0.0)
    with pytest.raises(ValueError, match="train.clamp_low needs train.clamp"):
        resolve("digits", settings={"train.clamp_low": 0.0})
    with pytest.raises(ValueError, match="train.clamp_low .* below train.clamp; got"):
        resolve("digits", settings={"train.clamp": 1.0, "train.clamp_low": 2.0})
