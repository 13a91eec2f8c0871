"""What a neuron is: elementwise dynamics of `n` cells, and their own derivatives."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.types import Jacobian, PerNeuron, Scalar, Tree


class AbstractNeuron(eqx.Module):
    """A population's dynamics.

    The state is a NamedTuple with at least `v` (what a target pulls at) and `z` (the
    output). `continuous` names its differentiable variables, `v` first: spikes and
    counters are not among them. Everything is elementwise: neuron i sees neuron i.

    `bias` is a current into the membrane, past any synapse; what a rule injects adds
    to it.
    """

    bias: eqx.AbstractVar[PerNeuron]
    continuous: eqx.AbstractClassVar[tuple[str, ...]]
    spiking: ClassVar[bool] = True  # z is 0 between spikes; a graded output never is

    @abstractmethod
    def check(self, n: int) -> None:
        """Raises ValueError unless the parameters fit `n` neurons."""

    @abstractmethod
    def init(self, n: int) -> Tree:
        """`n` neurons at rest."""

    @abstractmethod
    def step(self, state: Tree, current: Float[Array, " n"], dt: Scalar) -> Tree:
        """The state after one tick of `dt` seconds, from which `z` is `fire(state)`."""

    @abstractmethod
    def fire(self, state: Tree) -> Float[Array, " n"]:
        """The output of a state; differentiates as the surrogate says."""

    def inject(self, current: Float[Array, " n"]) -> "AbstractNeuron":
        """The neuron with that much more bias."""
        return eqx.tree_at(lambda neuron: neuron.bias, self, self.bias + current)

    @abstractmethod
    def decay(self, dt: Scalar) -> Float[Array, "*n"]:
        """What one tick leaves of `v`, reset apart: the decay of its trace."""


def jacobian(
    neuron: AbstractNeuron, old: Tree, current: Float[Array, " n"], dt: Scalar
) -> Jacobian:
    """The neuron's own derivatives in the tick that starts at `old`.

    Found from `step` itself by forward-mode differentiation, one pass per continuous
    variable: no neuron needs a hand-derived trace. The old spike counts as a function
    of the old state, so that reset and adaptation contribute unless the neuron
    detaches them.

    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eq. 13.
    """
    names = neuron.continuous
    h_old = tuple(getattr(old, name) for name in names)

    def advance(h, current):
        state = old._replace(**dict(zip(names, h, strict=True)))
        state = neuron.step(state._replace(z=neuron.fire(state)), current, dt)
        return tuple(getattr(state, name) for name in names)

    def emit(h):
        return neuron.fire(new._replace(**dict(zip(names, h, strict=True))))

    def along(k):  # the unit tangent of variable k
        return tuple(
            jnp.ones_like(h) if i == k else jnp.zeros_like(h)
            for i, h in enumerate(h_old)
        )

    zero = along(-1), jnp.zeros_like(current)
    new = neuron.step(old, current, dt)
    h_new = tuple(getattr(new, name) for name in names)
    kinds = range(len(names))
    recur = [jax.jvp(advance, (h_old, current), (along(k), zero[1]))[1] for k in kinds]
    drive = jax.jvp(advance, (h_old, current), (zero[0], jnp.ones_like(current)))[1]
    slopes = [jax.jvp(emit, (h_new,), (along(k),))[1] for k in kinds]
    return Jacobian(
        recur=jnp.stack([jnp.stack(column) for column in recur], 1),
        drive=jnp.stack(drive),
        emit=jnp.stack(slopes),
    )


def scaled(
    neuron: AbstractNeuron, field: str, factor: Float[Array, " n"]
) -> AbstractNeuron:
    """The neuron with one of its constants multiplied."""
    return eqx.tree_at(
        lambda one: getattr(one, field), neuron, getattr(neuron, field) * factor
    )


def sensitivity(
    neuron: AbstractNeuron,
    field: str,
    old: Tree,
    current: Float[Array, " n"],
    dt: Scalar,
) -> tuple[Float[Array, "d n"], Float[Array, " n"]]:
    r"""A tick's derivatives by the logarithm c of one of the neuron's constants.

    Returns:
        $\partial h_t / \partial c$ at a given old state, from which the old spike is
        found as in `jacobian`, and $\partial z_t / \partial c$ at a given new one.
    """
    names = neuron.continuous
    new = neuron.step(old, current, dt)

    def advance(c):
        one = scaled(neuron, field, jnp.exp(c))
        state = one.step(old._replace(z=one.fire(old)), current, dt)
        return tuple(getattr(state, name) for name in names)

    def emit(c):
        return scaled(neuron, field, jnp.exp(c)).fire(new)

    zero, one = jnp.zeros_like(current), jnp.ones_like(current)
    drive = jax.jvp(advance, (zero,), (one,))[1]
    direct = jax.jvp(emit, (zero,), (one,))[1]
    return jnp.stack(drive), direct


class AbstractReset(eqx.Module):
    """What a spike does to the membrane of the next tick.

    `gradient` says whether derivatives flow through it (`keep` in the literature) or
    not (`detach`, the usual choice).
    """

    gradient: eqx.AbstractVar[bool]

    @abstractmethod
    def __call__(
        self, v: Float[Array, " n"], z: Float[Array, " n"], threshold: PerNeuron
    ) -> Float[Array, " n"]:
        """The decayed membrane `v` after the reset by the last tick's spikes `z`."""


class SubtractReset(AbstractReset):
    r"""$v \leftarrow v - \vartheta z$: what exceeds the threshold is kept."""

    gradient: bool = eqx.field(static=True, default=False)

    def __call__(self, v, z, threshold):
        return v - threshold * (z if self.gradient else jax.lax.stop_gradient(z))


class ZeroReset(AbstractReset):
    r"""$v \leftarrow v (1 - z)$: the membrane starts again from 0."""

    gradient: bool = eqx.field(static=True, default=False)

    def __call__(self, v, z, threshold):
        del threshold
        return v * (1.0 - (z if self.gradient else jax.lax.stop_gradient(z)))


class Refractory(eqx.Module):
    """Absolute refractory period: no spike for `tau_ref` after a spike.

    Args:
        tau_ref: Its duration, in seconds; rounded to ticks.
        clamp: Hold the membrane at 0 meanwhile (FORCE's LIF) instead of letting it
            integrate (e-prop's ALIF).

    Raises:
        ValueError: If `tau_ref` is negative.
    """

    tau_ref: PerNeuron = 5e-3
    clamp: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        checks.non_negative("Refractory", "seconds", tau_ref=self.tau_ref)

    def check(self, n: int) -> None:
        """Raises ValueError unless the period fits `n` neurons."""
        checks.per_neuron("Refractory", n, tau_ref=self.tau_ref)

    def count(
        self, left: Int[Array, " n"], z: Float[Array, " n"], dt: Scalar
    ) -> Int[Array, " n"]:
        """Ticks still to wait, this one included, after last tick's spikes `z`."""
        ticks = jnp.round(self.tau_ref / dt).astype(left.dtype)
        return jnp.where(z > 0, ticks, jnp.maximum(left - 1, 0))


def wait(
    refractory: Refractory | None, left: Int[Array, " n"] | None, z: Array, dt: Scalar
) -> Int[Array, " n"] | None:
    """The refractory counter of the tick; None for neurons that have none."""
    return None if refractory is None or left is None else refractory.count(left, z, dt)


def gate_spikes(z: Float[Array, " n"], left: Int[Array, " n"] | None) -> Array:
    """Suppresses spikes, and their derivative, where the neuron is refractory."""
    return z if left is None else z * (left == 0).astype(z.dtype)


def above(floor: PerNeuron | None, v: Float[Array, " n"]) -> Float[Array, " n"]:
    """The membrane, kept from falling below its floor."""
    return v if floor is None else jnp.maximum(v, floor)


def hold(v: Float[Array, " n"], refractory: Refractory | None, left) -> Array:
    """The membrane, held at 0 where a clamping refractory period lasts."""
    if refractory is None or not refractory.clamp:
        return v
    return jnp.where(left > 0, jnp.zeros_like(v), v)
