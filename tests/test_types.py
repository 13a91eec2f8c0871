import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from onspike.types import Dense, Outer, contract

RNG = np.random.default_rng(0)
POST, PRE = RNG.normal(size=(5, 3, 4)), RNG.normal(size=(5, 3, 6))


def test_block_of_ticks_and_batch_contracts_to_the_sum_of_outer_products():
    expected = np.zeros((4, 6))
    for t in range(5):
        for sample in range(3):
            expected += np.outer(POST[t, sample], PRE[t, sample])
    block = Outer(jnp.asarray(POST), jnp.asarray(PRE))
    assert np.abs(expected).max() > 1
    assert np.allclose(block.contract(), expected, rtol=0, atol=1e-13)
    assert np.allclose(block.dense().contract(), expected, rtol=0, atol=1e-13)
    assert block.dense().value.shape == (4, 6)


def test_modulation_scales_rows_factored_or_not():
    one = Outer(jnp.asarray(POST[0, 0]), jnp.asarray(PRE[0, 0]))
    signal = jnp.array([2.0, 0.0, -1.0, 0.5])
    expected = np.diag(signal) @ np.outer(POST[0, 0], PRE[0, 0])
    assert np.allclose(one.modulate(signal).contract(), expected)
    assert np.allclose(one.dense().modulate(signal).contract(), expected)
    assert isinstance(one.modulate(signal), Outer)
    many = Outer(jnp.asarray(POST), jnp.asarray(PRE))  # leading axes: the same signal
    expected = np.diag(signal) @ np.asarray(many.contract())
    assert np.allclose(many.modulate(signal).contract(), expected)
    assert np.allclose(many.dense().modulate(signal).contract(), expected)


def test_terms_of_a_projection_add_up():
    outer = Outer(jnp.asarray(POST), jnp.asarray(PRE))
    dense = Dense(jnp.ones((2, 4, 6)))
    total = contract({"a": (outer, dense), "b": (dense,)})
    assert np.allclose(total["a"], np.asarray(outer.contract()) + 2.0)
    assert np.array_equal(total["b"], np.full((4, 6), 2.0))


def test_shapes_are_checked_in_tests():
    """The suite's import hook is on: a wrong shape does not pass."""
    outer = Outer(jnp.asarray(POST[0]), jnp.asarray(PRE[0]))
    with pytest.raises(TypeCheckError):
        outer.modulate(jnp.ones((4, 1)))
