"""The devices of the catalogue: what they hold, and that their page speaks of them."""

import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike import LIF
from onspike.catalog import DEVICES
from onspike.catalog.devices import _die
from onspike.devices import Pulsed
from onspike.experiment import build
from onspike.experiment.spec import resolve
from onspike.types import Params
from oracle import wired

KEY = jax.random.key(5)
W = {"w": jnp.asarray(np.random.default_rng(0).normal(size=(40, 50)))}


def built(name, **options):
    return DEVICES[name].build(**{**DEVICES[name].defaults, **options})


def course(device, wishes):
    """Weights at first, and after each wish for all."""
    state = device.fabricate(Params(W, {"a": LIF()}), wired(W), KEY)
    weights = [np.asarray(device.read(state).weights["w"])]
    for i, wish in enumerate(wishes):
        key = jax.random.fold_in(KEY, i)
        state = device.write(state, {"w": jnp.full(W["w"].shape, wish)}, key)
        weights.append(np.asarray(device.read(state).weights["w"]))
    return weights


def test_odin_has_eight_sizes_and_one_sign_for_each_neuron():
    device = built("odin")
    weights = course(device, [2.0, -0.3, -5.0, 5.0, 5.0])
    step = 2.0 * float(jnp.abs(W["w"]).max()) / 7
    signs = np.sign(weights[0]).sum(0) > 0
    assert 0.2 < signs.mean() < 0.8
    for w in weights:
        sizes = np.abs(w) / step
        assert np.allclose(sizes, np.round(sizes)) and sizes.max() <= 7
        assert np.all(w[:, signs] >= 0) and np.all(w[:, ~signs] <= 0)
    # One step at most, whatever is asked for.
    moves = np.abs(np.diff(weights, axis=0)) / step
    assert np.allclose(moves[0][:, signs], 1.0) and moves.max() < 1.0 + 1e-9


@pytest.mark.parametrize(("name", "most"), (("reckon", 1.0), ("loihi", 4.0)))
def test_eight_bits_move_by_one_step_or_by_what_is_asked_for(name, most):
    step = 2.0 * float(jnp.abs(W["w"]).max()) / 127
    before, after = course(built(name), [3.5 * step])
    moved = (after - before) / step
    assert np.allclose(moved, np.round(moved)) and moved.max() == pytest.approx(most)
    assert moved.mean() == pytest.approx(1.0 if name == "reckon" else 3.5, abs=0.05)
    assert built(name).bits_per_weight() == 8


def test_pcm_passes_half_of_its_range_in_as_many_pulses_as_its_source():
    """The step of the source: 0.01 (1 + 27.235 exp(-2.5 w)), of a range of 2."""
    w, pulses = 0.0, 0
    while w < 1.0:
        w, pulses = w + 0.01 * (1 + 27.235 * np.exp(-2.5 * w)), pulses + 1
    device = built("pcm")
    assert isinstance(device, Pulsed) and pulses == 13
    assert 1 - (1 - device.dw_min) ** pulses == pytest.approx(0.5, abs=0.02)
    # Its noise there, 0.6 (0.042 + step + 0.108 w), in steps of ours.
    noise = 0.6 * (0.042 + 0.01 * (1 + 27.235 * np.exp(-2.5)) + 0.108) / 2
    assert device.dw_min_std * device.dw_min == pytest.approx(noise, rel=0.05)
    # A decade of drift with the exponent 0.049 is about 1e5 writes.
    assert np.exp(-1e5 / device.lifetime) == pytest.approx(10**-0.049, abs=0.02)


def test_a_memory_takes_the_options_of_the_die():
    quiet = dict(write_noise_std=0.0, dw_min_std=0.0, dale=1.0, fan_in=5)
    first, last = course(built("reram", **quiet), [0.2])
    synapses = first != 0
    assert np.all(synapses.sum(1) == 5) and np.all(first[synapses] > 0)
    assert np.all((last != 0) == synapses) and np.all(last >= first)
    assert np.mean(last[synapses] > first[synapses]) > 0.7  # others are at their bound


def test_what_is_refused_names_its_option():
    for option, value in (("dead", 1.5), ("fan_in", 0), ("noise", -1.0)):
        with pytest.raises(ValueError, match=rf"^device.{option}.*got {value}"):
            built("ideal", **{option: value})
    spec = resolve("digits", settings={"device.mismatch_control": 0.1})
    with pytest.raises(ValueError, match="mismatch_control .* 'eprop' has none"):
        build.learner(spec, spec.built("task"))


def test_the_reference_page_has_all_devices_and_common_options(pytestconfig):
    text = (pytestconfig.rootpath / "docs/reference/devices.md").read_text()
    first, second = text.split("What of this is published")
    rows = [set(re.findall(r"^\| `(\w+)` \|", part, re.M)) for part in (first, second)]
    assert rows[0] == set(DEVICES)
    common = [*inspect.signature(_die).parameters][1:]
    assert rows[1] - set(common) == set(DEVICES) - {"ideal", "fixed8", "fixed4"}
    assert set(common) <= rows[1]
    for name in common:  # with the default that it has
        default = re.search(rf"^\| `{name}` \|.*\| ([^|]+) \| [^|]+\|$", text, re.M)[1]
        value = inspect.signature(_die).parameters[name].default
        said = default.split(":")[0].removeprefix("un")
        assert said == ("set" if value is None else said)
        if value is not None:
            assert float({"false": 0}.get(said, said)) == value
