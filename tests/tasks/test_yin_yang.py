import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import Latency, Poisson, Rate, YinYang
from onspike.tasks.yin_yang import DOT, YANG, YIN, points, region

KEY = jax.random.key(1)


def episodes(task, n, split="train", key=KEY):
    return jax.jit(jax.vmap(lambda i: task.episode(split, i, key)))(jnp.arange(n))


def spikes(task, many):
    return jax.jit(jax.vmap(lambda e: task.block(e, jnp.asarray(0), task.ticks)))(many)


def test_sizes_and_class_balance():
    task = YinYang()
    sizes = {split: task.size(split) for split in ("train", "validation", "test")}
    assert sizes == {"train": 5000, "validation": 1000, "test": 1000}
    for split, size in sizes.items():
        counts = np.bincount(task.splits[split].label)
        spread = np.sqrt(size * 2 / 9)
        assert np.all(np.abs(counts - size / 3) < 3 * spread)


def test_splits_are_different_points():
    rows = np.concatenate([points(1000, seed, 0.1, 0.5)[0] for seed in (42, 41, 40)])
    assert len(np.unique(rows, axis=0)) == 3000


def test_features_are_mirrored_points_of_the_disc():
    x = np.asarray(YinYang().splits["train"].x)
    assert np.allclose(x[:, :2] + x[:, 2:], 1)
    assert np.all(np.hypot(x[:, 0] - 0.5, x[:, 1] - 0.5) <= 0.5 + 1e-6)
    assert x.min() >= 0 and x.max() <= 1


def test_regions():
    at = {
        (0.25, 0.5): DOT,
        (0.75, 0.5): DOT,
        (0.25, 0.59): DOT,
        (0.25, 0.61): YIN,
        (0.25, 0.39): YIN,
        (0.75, 0.61): YANG,
        (0.75, 0.39): YANG,
        (0.5, 0.9): YIN,
        (0.5, 0.1): YANG,
        (0.02, 0.51): YIN,
        (0.98, 0.49): YANG,
    }
    assert {p: region(*p, 0.1, 0.5) for p in at} == at


def test_half_a_turn_swaps_yin_and_yang():
    x, label = points(1000, 40, 0.1, 0.5)
    turned = np.array([region(a, b, 0.1, 0.5) for a, b in x[:, 2:]])
    swap = np.array([YIN, YANG, DOT])
    assert np.array_equal(turned, swap[label])


def test_labels_are_the_regions_at_other_radii():
    x, label = points(300, 1, 0.15, 0.4)
    assert [region(a, b, 0.15, 0.4) for a, b in x[:, :2]] == label.tolist()
    assert x[:, :2].max() <= 0.8


@pytest.mark.parametrize("code", [Rate(rate=100.0, n=5), Poisson(rate=500.0, n=40)])
def test_rates_are_recovered(code):
    task = YinYang(code=code, ticks=400)
    x = spikes(task, episodes(task, 8))
    assert x.shape == (8, 400, task.n_in)
    hertz = np.asarray(x).reshape(8, 400, 4, code.n).mean(axis=(1, 3)) / task.dt
    feature = np.asarray(task.splits["train"].x)[:8]
    assert np.allclose(hertz / code.rate, feature, atol=0.03)


def test_latencies_are_recovered():
    code = Latency(t_min=5e-3, t_max=45e-3, bias=20e-3)
    task = YinYang(code=code, ticks=500, dt=1e-4)
    x = spikes(task, episodes(task, 8))
    assert np.all(np.asarray(x).sum(axis=1) == 1)
    time = np.asarray(x).argmax(axis=1) * 1e-4
    feature = np.asarray(task.splits["train"].x)[:8]
    assert np.allclose((time[:, :4] - 5e-3) / 40e-3, feature, atol=2e-3)
    assert np.allclose(time[:, 4], 20e-3)


def test_points_are_the_same_for_every_key_and_spikes_are_not():
    task = YinYang()
    one, other = episodes(task, 20), episodes(task, 20, key=jax.random.key(2))
    assert np.array_equal(one.label, other.label)
    assert np.array_equal(one.content.step, other.content.step)
    assert not np.array_equal(one.content.first, other.content.first)


def test_window():
    mask = np.asarray(YinYang(window=0.05).mask())
    assert mask[150:].all() and not mask[:150].any()
    assert YinYang().mask().all()


def test_target_is_one_hot():
    task = YinYang()
    one = task.episode("test", jnp.asarray(4), KEY)
    assert np.array_equal(task.target(one), np.eye(3)[int(one.label)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ticks": 0}, "YinYang.ticks"),
        ({"dt": -1e-3}, "YinYang.dt"),
        ({"window": 0.3}, "YinYang.window"),
        ({"window": 0.0}, "YinYang.window"),
        ({"r_big": 0.6}, "YinYang.r_big"),
        ({"r_small": 0.25}, "YinYang.r_small"),
        ({"r_small": 1e-4}, "YinYang.r_small"),
        ({"r_small": float("nan")}, "YinYang.r_small"),
        ({"train_samples": 0}, "YinYang.train_samples"),
        ({"code": Latency(), "ticks": 30}, "Latency.t_max"),
        ({"dt": 20e-3}, "Rate.rate"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        YinYang(**options)
