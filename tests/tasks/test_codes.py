import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import Graded, Latency, Poisson, Rate

KEY = jax.random.key(3)
FEATURES = (0.0, 0.13, 0.5, 1.0)


def train(code, ticks, dt=1e-3, features=FEATURES, key=KEY):
    @jax.jit
    def spikes(features):
        return code.block(code.encode(features, dt, key), jnp.asarray(0), ticks)

    return np.asarray(spikes(jnp.asarray(features, dtype=float)))


def test_rate_counts_differ_by_less_than_one_spike():
    x = train(Rate(rate=100.0, n=5), 1000)
    assert x.shape == (1000, 20)
    counts = x.sum(axis=0).reshape(4, 5)
    expected = 100 * np.asarray(FEATURES)[:, None]
    assert np.all(np.abs(counts - expected) <= 1)
    assert counts[0].sum() == 0


def test_rate_is_regular_and_its_phase_random():
    x = train(Rate(rate=100.0, n=200), 100, features=(1.0,))
    gaps = [np.diff(np.flatnonzero(column)) for column in x.T]
    assert all(set(gap) <= {9, 10, 11} for gap in gaps)
    first = np.array([np.flatnonzero(column)[0] for column in x.T])
    assert set(first) == set(range(10))


def test_rate_never_drifts():
    code = Rate(rate=100.0, n=1)
    content = code.encode(jnp.asarray([0.5], dtype=float), 1e-3, KEY)
    late = code.block(content, jnp.asarray(1_000_000_000), 2000)
    assert abs(float(late.sum()) - 100) <= 1


def test_poisson_has_the_rate_and_the_variance_of_independent_draws():
    x = train(Poisson(rate=200.0, n=50), 2000)
    p = 0.2 * np.asarray(FEATURES)
    counts = x.sum(axis=0).reshape(4, 50)
    assert np.all(np.abs(counts.mean(axis=1) - 2000 * p) <= 10)
    variance = 2000 * p * (1 - p)
    assert np.all(np.abs(counts.var(axis=1)[1:] / variance[1:] - 1) < 0.7)


def test_latency_is_later_for_larger_values():
    code = Latency(t_min=5e-3, t_max=25e-3, bias=12e-3)
    x = train(code, 40)
    assert code.n_in(4) == 5
    assert np.array_equal(x.sum(axis=0), np.ones(5))
    assert np.array_equal(x.argmax(axis=0), [5, 8, 15, 25, 12])
    assert train(Latency(bias=None), 60).shape == (60, 4)


def test_latency_counts_time_in_seconds():
    x = train(Latency(t_min=0.0, t_max=20e-3, bias=None), 41, dt=5e-4)
    assert np.array_equal(x.argmax(axis=0), [0, 5, 20, 40])


def test_graded_is_constant():
    x = train(Graded(gain=0.5), 3)
    assert np.allclose(x, 0.5 * np.asarray(FEATURES)[None, :].repeat(3, axis=0))


@pytest.mark.parametrize("code", [Rate(), Poisson(), Latency(), Graded()])
def test_blocks_can_be_cut_anywhere(code):
    content = code.encode(jnp.asarray(FEATURES, dtype=float), 1e-3, KEY)
    whole = jax.jit(lambda c: code.block(c, jnp.asarray(0), 60))(content)
    assert jnp.issubdtype(whole.dtype, jnp.floating) == isinstance(code, Graded)
    for length in (1, 13):
        block = jax.jit(lambda c, start, n=length: code.block(c, start, n))
        for start in (0, 11, 40):
            piece = block(content, jnp.asarray(start))
            assert np.array_equal(piece, whole[start : start + length])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Rate(rate=-1.0), "Rate.rate"),
        (lambda: Rate(n=0), "Rate.n "),
        (lambda: Rate(rate=1001.0).check(10, 1e-3), "Rate.rate"),
        (lambda: Poisson(rate=float("nan")), "Poisson.rate"),
        (lambda: Poisson(rate=300.0).check(10, 5e-3), "Poisson.rate"),
        (lambda: Latency(t_min=-1e-3), "Latency.t_min"),
        (lambda: Latency(t_min=50e-3), "Latency.t_max"),
        (lambda: Latency(bias=-1.0), "Latency.bias"),
        (lambda: Latency().check(40, 1e-3), "Latency.t_max"),
        (lambda: Latency(bias=0.5).check(100, 1e-3), "Latency.bias"),
        (lambda: Graded(gain=float("inf")), "Graded.gain"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


def test_the_largest_code_that_fits():
    Latency().check(41, 1e-3)
    Rate(rate=1000.0).check(10, 1e-3)
