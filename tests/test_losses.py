"""Losses: the error is the derivative of the value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.losses import CrossEntropy, SmoothL1, SquaredError

TARGET = jnp.asarray([0.0, 1.0, 0.0])
Y = jnp.asarray([[0.3, 0.9, -0.2], [-4.0, 7.0, 0.5], [1.5, -0.7, -1.2]])


@pytest.mark.parametrize("loss", [CrossEntropy(), SmoothL1(), SquaredError()])
def test_the_error_is_the_derivative(loss):
    slope = jax.vmap(jax.grad(lambda y: loss.value(y, TARGET)))(Y)
    error = jax.vmap(lambda y: loss.error(y, TARGET))(Y)
    assert np.allclose(slope, error, rtol=0, atol=1e-12)


def test_smooth_l1_is_bounded_and_smooth():
    loss = SmoothL1()
    assert np.abs(loss.error(Y[1], TARGET)).max() == 1.0
    assert np.allclose(loss.value(TARGET + jnp.asarray([1.0, 0.0, -3.0]), TARGET), 3.0)
    near = [
        loss.value(TARGET + jnp.asarray([d, 0.0, 0.0]), TARGET) for d in (0.9999, 1)
    ]
    assert np.allclose(near[1] - near[0], 1e-4, atol=1e-8)
