"""What a neuron is: elementwise dynamics of `n` cells, and their own derivatives."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from onspike import checks
from onspike.surrogates import AbstractSurrogate
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

    def check(self, n: int) -> None:
        """Raises ValueError unless the parameters fit `n` neurons."""
        parts = [p for p in vars(self).values() if isinstance(p, Refractory)]
        for part in (self, *parts):
            numbers = {f: a for f, a in vars(part).items() if eqx.is_array_like(a)}
            checks.per_neuron(type(part).__name__, n, **numbers)

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

    @abstractmethod
    def gain(self, dt: Scalar) -> Float[Array, "*n"]:
        """What a constant current of 1, past any synapse, adds to `v` in one tick."""


def leak(tau: PerNeuron, dt: Scalar) -> Float[Array, "*n"]:
    """What one tick leaves of what decays with time constant `tau`."""
    return jnp.exp(-dt / jnp.asarray(tau))


def gain_of(decay: Float[Array, "*n"], normalised: bool) -> Float[Array, "..."]:
    """1, or what makes a constant current of 1 lead to 1."""
    return 1.0 - decay if normalised else jnp.ones(())


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
        clamp: Hold the membrane meanwhile (FORCE's LIF), at 0 or a neuron's own reset,
            instead of letting it integrate (e-prop's ALIF).

    Raises:
        ValueError: If `tau_ref` is negative.
    """

    tau_ref: PerNeuron = 5e-3
    clamp: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        checks.non_negative("Refractory", "seconds", tau_ref=self.tau_ref)

    def count(
        self, left: Int[Array, " n"], z: Float[Array, " n"], dt: Scalar
    ) -> Int[Array, " n"]:
        """Ticks still to wait, this one included, after last tick's spikes `z`."""
        ticks = jnp.round(self.tau_ref / dt).astype(left.dtype)
        return jnp.where(z > 0, ticks, jnp.maximum(left - 1, 0))


class AbstractLIF(AbstractNeuron):
    """A neuron with the membrane of a LIF, whatever comes before or after it.

    Its state has `wait`, the refractory ticks left, or None without such a period.
    """

    tau_mem: eqx.AbstractVar[PerNeuron]
    v_threshold: eqx.AbstractVar[PerNeuron]
    reset: eqx.AbstractVar[AbstractReset]
    refractory: eqx.AbstractVar[Refractory | None]
    normalised: eqx.AbstractVar[bool]
    surrogate: eqx.AbstractVar[AbstractSurrogate]
    floor: eqx.AbstractVar[PerNeuron | None]

    def __check_init__(self) -> None:
        owner, units = type(self).__name__, "threshold units"
        checks.positive(owner, "seconds", tau_mem=self.tau_mem)
        checks.positive(owner, units, v_threshold=self.v_threshold)
        checks.finite(owner, units, bias=self.bias)
        if self.floor is not None:
            checks.finite(owner, units, floor=self.floor)

    def gain(self, dt):
        return gain_of(self.decay(dt), self.normalised)

    def awake(self, n: int) -> Int[Array, " n"] | None:
        """The refractory counters of `n` neurons that may fire."""
        return None if self.refractory is None else jnp.zeros(n, jnp.int32)

    def membrane(
        self,
        state: Tree,
        event: Float[Array, " n"],
        current: Float[Array, " n"],
        dt: Scalar,
    ) -> tuple[Float[Array, " n"], Int[Array, " n"] | None]:
        """`v` and the refractory counters after a tick that `event` spikes precede."""
        v = self.reset(self.decay(dt) * state.v, event, self.v_threshold)
        v = v + self.gain(dt) * (current + self.bias)
        left = state.wait
        if self.refractory is not None and left is not None:
            left = self.refractory.count(left, event, dt)
            if self.refractory.clamp:
                v = jnp.where(left > 0, jnp.zeros_like(v), v)
        return v if self.floor is None else jnp.maximum(v, self.floor), left

    def event(self, state: Tree, threshold: PerNeuron) -> Float[Array, " n"]:
        """Whether the membrane is above a threshold, and the neuron may fire."""
        z = self.surrogate.spike(state.v - threshold, self.v_threshold)
        # A refractory neuron's derivative is suppressed with its spike.
        return z if state.wait is None else z * (state.wait == 0).astype(z.dtype)
