"""Traces of few bits: what a synapse remembers between two ticks, as integers."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from onspike import checks
from onspike.rules.parts.eligibility import AbstractEligibility
from onspike.rules.parts.filters import ReadoutFilter
from onspike.types import Delta, Dense, Key, Local, Scalar, Tree, Wire

_FILTER = 2**16  # the filter's chance is not the eligibility's


class _Integers(eqx.Module):
    """Signed integers that stand for numbers up to +-largest."""

    bits: int = eqx.field(static=True)
    largest: Scalar

    @property
    def top(self) -> int:
        return 2 ** (self.bits - 1) - 1

    def read(self, codes: Tree) -> Tree:
        lsb = self.largest / self.top
        return jax.tree.map(lambda a: lsb * a.astype(float), codes)

    def empty(self, values: Tree) -> Tree:
        return jax.tree.map(lambda a: jnp.zeros(a.shape, self._kind), values)

    def store(self, values: Tree, key: Key) -> Tree:
        """Rounded up or down at random, unbiased within +-largest."""
        leaves, structure = jax.tree.flatten(values)
        keys = jax.random.split(key, max(1, len(leaves)))
        codes = [self._round(a, k) for a, k in zip(leaves, keys, strict=False)]
        return jax.tree.unflatten(structure, codes)

    def _round(self, value: Array, key: Key) -> Array:
        steps = value * (self.top / self.largest)
        low = jnp.floor(steps)
        up = jax.random.uniform(key, steps.shape, steps.dtype) < steps - low
        whole = low + up.astype(steps.dtype)
        return jnp.clip(whole, -self.top, self.top).astype(self._kind)

    @property
    def _kind(self) -> type:
        return jnp.int8 if self.bits <= 8 else jnp.int16


class IntegerTraces(AbstractEligibility):
    r"""An eligibility whose traces are signed integers between two ticks.

    $m_t = \mathrm{round}(f(m_{t-1}))$: a tick computes f, and e, in full precision from
    what is stored. Rounding is stochastic, so that a trace loses nothing in the mean,
    however slowly it decays, and saturates at +-largest. Traces of up to 8 bits are
    stored, and counted, as 8, others as 16.

    Args:
        eligibility: Whose traces they are.
        bits: Width of a trace, 2 to 16.
        largest: Largest trace, in the eligibility's own units: spikes for `PreTrace`,
            threshold units per weight for `EProp`.

    Raises:
        ValueError: If `bits` is out of range or `largest` not positive; in a tick, if
            there is no key.
    """

    eligibility: AbstractEligibility
    bits: int = eqx.field(static=True)
    largest: Scalar

    owner: ClassVar[str] = "IntegerTraces"

    def __check_init__(self) -> None:
        _check(self.owner, self.bits, self.largest)

    def init(self, wire):
        return _Integers(self.bits, self.largest).empty(self.eligibility.init(wire))

    def step(self, state, local):
        whole = _Integers(self.bits, self.largest)
        traces, e = self.eligibility.step(whole.read(state), local)
        return whole.store(traces, _key(self.owner, local)), e


class IntegerFilter(eqx.Module):
    r"""A readout's filter whose account is a signed integer between two ticks.

    As `IntegerTraces`, for the memory that a readout's filter has. What is stored is
    $(1 - \kappa) \bar e$, a running mean, which is no larger than the eligibility.

    Args:
        bits: Width of an account, 2 to 16.
        largest: Largest mean, in units of the eligibility.
        filter: Whose account it is.

    Raises:
        ValueError: If `bits` is out of range or `largest` not positive; in a tick, if
            there is no key.
    """

    bits: int = eqx.field(static=True)
    largest: Scalar
    filter: ReadoutFilter = ReadoutFilter()

    owner: ClassVar[str] = "IntegerFilter"

    def __check_init__(self) -> None:
        _check(self.owner, self.bits, self.largest)

    def init(self, wire: Wire) -> Tree:
        """No account yet."""
        return _Integers(self.bits, self.largest).empty(self.filter.init(wire))

    def step(self, state: Tree, e: Delta, local: Local) -> tuple[Tree, Dense]:
        """The filter's state and the filtered eligibility."""
        whole, share = _Integers(self.bits, self.largest), 1.0 - local.readout_decay
        account, smooth = self.filter.step(whole.read(state) / share, e, local)
        key = jax.random.fold_in(_key(self.owner, local), _FILTER)
        return whole.store(account * share, key), smooth


def _check(owner: str, bits: int, largest: Scalar) -> None:
    checks.at_least(owner, "bits", 2, bits=bits)
    if bits > 16:
        raise ValueError(f"{owner}.bits must be at most 16, in bits; got {bits}")
    checks.positive(owner, "units of the trace", largest=largest)


def _key(owner: str, local: Local) -> Key:
    if local.key is None:
        raise ValueError(
            f"{owner} round at random and need a key in each tick: draw episodes with "
            "`task.sample`"
        )
    return local.key
