"""Random bits of tasks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onspike.tasks import draws


@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
def test_bits_are_those_of_jax(kind):
    for n in (1, 37):
        key = jax.random.fold_in(jax.random.key(3, impl=kind), n)
        expected = jax.random.bits(key, (n,), jnp.uint32)
        assert np.array_equal(draws.bits(key, n), expected)
