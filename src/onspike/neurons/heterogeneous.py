"""Constants that differ from neuron to neuron by design."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaincinv

from onspike import checks


def gamma_spread(
    mean: float, shape: float, n: int, order: int = 0
) -> Float[Array, " n"]:
    r"""The quantiles $(i + \frac12) / n$ of a Gamma distribution, shuffled.

    Evenly spaced quantiles stand for the distribution better than as many draws, and
    are the same in every run.

    Args:
        mean: Mean of the distribution, in the unit of the constant.
        shape: Its shape k; the coefficient of variation is $1 / \sqrt k$.
        n: How many neurons.
        order: Which of the fixed orders: constants with different ones are unrelated.

    Raises:
        ValueError: If `mean` or `shape` is not positive, or `n` no whole number >= 1.

    Source: Perez-Nieves et al. 2021, doi:10.1038/s41467-021-26022-3, draws time
        constants with k = 3.
    """
    checks.positive("gamma_spread", "the constant's unit", mean=mean)
    checks.positive("gamma_spread", "1 (a shape)", shape=shape)
    checks.at_least("gamma_spread", "neurons", 1, n=n)
    quantiles = gammaincinv(shape, (np.arange(n) + 0.5) / n) * mean / shape
    return jnp.asarray(np.random.default_rng(order).permutation(quantiles))
