"""Pseudo-derivatives: what stands in for dz/dv, the derivative of a spike.

Each surrogate is a function of `u = v - threshold`; its slope at `u` replaces the
derivative of the step function, in forward and in reverse mode, to any order that
the slope itself has.
"""

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from onspike import checks
from onspike.types import PerNeuron, Scalar


@jax.custom_jvp
def _step(u: Array, slope: Array) -> Array:
    del slope
    return (u >= 0).astype(u.dtype)


@_step.defjvp
def _step_jvp(primals, tangents):
    (u, slope), (du, _) = primals, tangents
    return _step(u, slope), slope * du


class AbstractSurrogate(eqx.Module):
    """A pseudo-derivative."""

    @abstractmethod
    def slope(self, u: Float[Array, " n"], threshold: PerNeuron) -> Float[Array, " n"]:
        """The pseudo-derivative dz/dv at distance `u` from the threshold."""

    def spike(self, u: Float[Array, " n"], threshold: PerNeuron) -> Float[Array, " n"]:
        """1 where `u >= 0`, else 0; differentiates as `slope`."""
        return _step(u, self.slope(u, threshold))


class Triangle(AbstractSurrogate):
    r"""$\gamma/\vartheta \cdot \max(0, 1 - |u|/\vartheta)$.

    Args:
        gamma: Damping; the peak is `gamma / threshold`.

    Raises:
        ValueError: If `gamma` is not positive.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, Methods.
    """

    gamma: Scalar = 0.3

    def __check_init__(self) -> None:
        checks.positive("Triangle", "1 (a factor)", gamma=self.gamma)

    def slope(self, u, threshold):
        return self.gamma / threshold * jnp.maximum(0.0, 1.0 - jnp.abs(u) / threshold)


class FastSigmoid(AbstractSurrogate):
    r"""$(1 + \beta |u|)^{-2}$.

    Args:
        beta: Steepness, in 1 / threshold units: 10 in DECOLLE, 100 in
            Perez-Nieves et al. 2021.

    Raises:
        ValueError: If `beta` is not positive.

    Source: Zenke & Ganguli 2018, doi:10.1162/neco_a_01086; Kaiser et al. 2020,
        doi:10.3389/fnins.2020.00424.
    """

    beta: Scalar = 10.0

    def __check_init__(self) -> None:
        checks.positive("FastSigmoid", "1 / threshold units", beta=self.beta)

    def slope(self, u, threshold):
        del threshold
        return 1.0 / (1.0 + self.beta * jnp.abs(u)) ** 2


class Box(AbstractSurrogate):
    r"""$h$ where $|u| < w/2$, else 0.

    Args:
        width: Width of the box `w`, in threshold units.
        height: Its height `h`.

    Raises:
        ValueError: If a field is not positive.

    Source: Wu et al. 2018, doi:10.3389/fnins.2018.00331.
    """

    width: Scalar = 1.0
    height: Scalar = 1.0

    def __check_init__(self) -> None:
        checks.positive("Box", "threshold units", width=self.width)
        checks.positive("Box", "1 / threshold units", height=self.height)

    def slope(self, u, threshold):
        del threshold
        return self.height * (jnp.abs(u) < self.width / 2).astype(u.dtype)


class Arctan(AbstractSurrogate):
    r"""$(a/2) / (1 + (\pi a u / 2)^2)$.

    Args:
        alpha: Steepness `a`, in 1 / threshold units.

    Raises:
        ValueError: If `alpha` is not positive.

    Source: Fang et al. 2021, arXiv 2007.05785; a = 5 in Hammouamri et al. 2024,
        arXiv 2306.17670.
    """

    alpha: Scalar = 5.0

    def __check_init__(self) -> None:
        checks.positive("Arctan", "1 / threshold units", alpha=self.alpha)

    def slope(self, u, threshold):
        del threshold
        return self.alpha / 2 / (1.0 + (jnp.pi / 2 * self.alpha * u) ** 2)


class Table(AbstractSurrogate):
    """Piecewise constant: `values[k]` between `edges[k - 1]` and `edges[k]`.

    ReckOn's form, with four edges and five values.

    Args:
        edges: Rising borders of `u`, in threshold units.
        values: One more than there are edges, in 1 / threshold units.

    Raises:
        ValueError: If the edges do not rise or the numbers do not fit.

    Source: Frenkel & Indiveri 2022, arXiv 2208.09759.
    """

    edges: Float[Array, " k"] | tuple[float, ...] = (-0.5, -0.25, 0.25, 0.5)
    values: Float[Array, " k+1"] | tuple[float, ...] = (0.0, 0.25, 0.5, 0.25, 0.0)

    def __check_init__(self) -> None:
        checks.finite("Table", "threshold units", edges=jnp.asarray(self.edges))
        checks.finite("Table", "1 / threshold units", values=jnp.asarray(self.values))
        edges, values = jnp.shape(jnp.asarray(self.edges)), len(self.values)
        checks.shape("Table", (edges[0] + 1,), values=jnp.zeros(values))
        if not isinstance(self.edges, Tracer) and (
            jnp.any(jnp.diff(jnp.asarray(self.edges)) <= 0)
        ):
            raise ValueError(f"Table.edges must rise; got {self.edges}")

    def slope(self, u, threshold):
        del threshold
        edges = jnp.asarray(self.edges, u.dtype)
        values = jnp.asarray(self.values, u.dtype)
        return values[jnp.searchsorted(edges, u, side="right")]
