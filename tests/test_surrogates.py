import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.surrogates import Arctan, Box, FastSigmoid, Table, Triangle

U = np.array([-2.0, -0.8, -0.45, -0.3, -0.1, 0.0, 0.2, 0.26, 0.6, 1.9])
THETA = np.linspace(0.5, 1.5, len(U))
SLOPES = {
    "Triangle": (
        Triangle(0.3),
        0.3 / THETA * np.clip(1 - np.abs(U) / THETA, 0, None),
    ),
    "FastSigmoid": (FastSigmoid(10.0), (1 + 10 * np.abs(U)) ** -2.0),
    "Box": (Box(1.0, 0.7), np.where((U > -0.5) & (U < 0.5), 0.7, 0.0)),
    "Arctan": (Arctan(5.0), 2.5 / (1 + (np.pi * 5 * U / 2) ** 2)),
    "Table": (
        Table(),
        np.array([0, 0, 0.25, 0.25, 0.5, 0.5, 0.5, 0.25, 0, 0]),
    ),
}
SMOOTH = ("FastSigmoid", "Arctan")


@pytest.mark.parametrize("name", SLOPES)
def test_slope_and_both_derivatives_of_a_spike(name):
    surrogate, expected = SLOPES[name]
    theta = jnp.asarray(THETA)

    @jax.jit
    def all_of(u):
        def spike(u):
            return surrogate.spike(u, theta)

        _, forward = jax.jvp(spike, (u,), (jnp.ones_like(u),))
        backward = jax.grad(lambda u: spike(u).sum())(u)
        return spike(u), surrogate.slope(u, theta), forward, backward

    z, slope, forward, backward = all_of(jnp.asarray(U))
    assert np.count_nonzero(expected) >= 4
    assert np.array_equal(z, U >= 0)
    assert np.allclose(slope, expected, rtol=1e-14, atol=0)
    assert np.array_equal(forward, slope)
    assert np.array_equal(backward, slope)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_ones_have_a_second_derivative(name):
    surrogate, _ = SLOPES[name]
    u, step = jnp.asarray(U[U != 0]), 1e-6

    def spike(u):
        return surrogate.spike(u[None], 1.0)[0]

    second = jax.jit(jax.vmap(jax.grad(jax.grad(spike))))(u)
    above, below = (surrogate.slope(u + s, 1.0) for s in (step, -step))
    expected = (above - below) / (2 * step)
    assert np.abs(expected).max() > 1
    assert np.allclose(second, expected, rtol=1e-5, atol=1e-7)


def test_table_at_its_edges():
    edges, values = (-1.0, 0.0, 2.0), (0.1, 0.2, 0.3, 0.4)
    table = Table(edges, values)
    u = jnp.array([-9.0, -1.0, -0.5, 0.0, 1.0, 2.0, 9.0])
    slope = table.slope(u, 1.0)
    assert slope.tolist() == [0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    arrays = Table(jnp.asarray(edges), jnp.asarray(values))
    assert np.array_equal(arrays.slope(u, 1.0), slope)
    assert np.array_equal(jax.jit(lambda t: t.slope(u, 1.0))(arrays), slope)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Triangle(gamma=0.0),
        lambda: FastSigmoid(beta=-1.0),
        lambda: Box(width=float("nan")),
        lambda: Box(height=0.0),
        lambda: Arctan(alpha=float("inf")),
        lambda: Table((0.0, 0.0), (1.0, 1.0, 1.0)),
        lambda: Table((0.0, 1.0), (1.0, 1.0)),
        lambda: Table((0.0,), (1.0, float("nan"))),
    ],
)
def test_rejects_bad_parameters(make):
    with pytest.raises(ValueError, match=r"(Triangle|FastSigmoid|Box|Arctan|Table)\."):
        make()
