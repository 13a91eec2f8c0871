"""Weights as numbers of parallel connections, with a budget for each neuron."""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Shaped

from onspike import checks
from onspike.devices.base import AbstractDevice
from onspike.devices.fixed import AbstractWrite, StochasticRounding
from onspike.devices.layer import split
from onspike.types import Params, Scalar, is_constant

Counts = Mapping[str, Shaped[Array, "n_post n_pre"]]


class ParallelState(NamedTuple):
    """What a die stores."""

    n: dict[str, Counts]  # connections, by population and projection; < 0 inhibit
    unit: dict[str, Float[Array, ""]]  # weight units per connection, by projection
    constants: dict[str, Float[Array, "n_post 1"]]  # learnt by neurons
    others: Params  # all but the weights


class Parallel(AbstractDevice):
    r"""A weight is a number of equal connections: $w = g (n^+ - n^-)$.

    A neuron takes so many connections in all, $\sum_j (n^+_j + n^-_j) \le F$ over all
    its projections, and no synapse has both kinds. What a write asks for is granted in
    the order of the size of the wishes, as far as the budget goes; a connection that is
    there stays until a write takes it away. Learnt constants of neurons are no
    synapses, and take any change.

    By default all projections into a population have one g, such that the initial
    weights use 1/headroom of the budget of the mean neuron.

    Args:
        budget: F, connections per neuron.
        write_mode: How a change becomes whole connections.
        headroom: Budget over what the initial weights use.
        unit: g, in weight units, by projection; overrides `headroom`.

    Raises:
        ValueError: If `budget`, `headroom` or a `unit` is not positive, `budget` above
            32767, or a `unit` belongs to what does not exist.

    Source: the 64 inputs of a neuron of DYNAP-SE, Moradi et al. 2018,
        doi:10.1109/TBCAS.2017.2759700; weights as parallel connections, Saponati et al.
        2026, arXiv 2602.13261.
    """

    budget: int = eqx.field(static=True, default=64)
    write_mode: AbstractWrite = StochasticRounding()
    headroom: Scalar = 2.0
    unit: dict[str, Scalar] | None = None

    def __check_init__(self) -> None:
        checks.at_least("Parallel", "connections", 1, budget=self.budget)
        if self.budget >= 2**15:
            raise ValueError(
                f"Parallel.budget must be below {2**15}, in connections; got "
                f"{self.budget}"
            )
        checks.positive("Parallel", "1 (a factor)", headroom=self.headroom)
        checks.positive("Parallel.unit", "weight units", **(self.unit or {}))

    def fabricate(self, params, wiring, key):
        del key
        synapses = {n: w for n, w in params.weights.items() if not is_constant(n)}
        for name in self.unit or {}:
            checks.known("projection in Parallel.unit", name, synapses)
        into: dict[str, dict[str, Array]] = {}
        for name, w in sorted(synapses.items()):
            into.setdefault(wiring.wire(name).post, {})[name] = w
        unit, n = {}, {}
        for post, weights in into.items():
            used = sum(jnp.abs(w).sum(1).mean() for w in weights.values())
            g = jnp.asarray(self.headroom * used / self.budget)
            g = jnp.where(g > 0, g, jnp.ones_like(g))
            unit |= {m: jnp.asarray((self.unit or {}).get(m, g)) for m in weights}
            wanted = {m: w / unit[m] for m, w in weights.items()}
            none = {m: jnp.zeros_like(w) for m, w in weights.items()}
            n[post] = self._granted(none, jax.tree.map(jnp.round, wanted), wanted)
        constants = {n: c for n, c in params.weights.items() if is_constant(n)}
        return ParallelState(n, unit, constants, params._replace(weights={}))

    def read(self, stored):
        weights = {
            name: n.astype(stored.unit[name].dtype) * stored.unit[name]
            for each in stored.n.values()
            for name, n in each.items()
        }
        counts = {m: abs(n) for each in stored.n.values() for m, n in each.items()}
        return stored.others._replace(
            weights=weights | stored.constants, connections=counts
        )

    def write(self, stored, change, key):
        constants = {n: c + change.get(n, 0.0) for n, c in stored.constants.items()}
        keys = split(key, stored.unit)
        n = {}
        for post, each in stored.n.items():
            wish, wanted = {}, {}
            for name, now in each.items():
                asked = change.get(name, jnp.zeros(now.shape)) / stored.unit[name]
                asked = jnp.where(jnp.isnan(asked), jnp.zeros_like(asked), asked)
                steps = self.write_mode(asked, keys[name])
                wish[name], wanted[name] = asked, now.astype(steps.dtype) + steps
            n[post] = self._granted(each, wanted, wish)
        return stored._replace(n=n, constants=constants)

    def _granted(
        self, now: Counts, wanted: Counts, wish: Counts
    ) -> dict[str, Int[Array, "n_post n_pre"]]:
        """What a population's neurons get, of the connections that are wanted.

        What is there and still wanted stays; of the rest the largest wishes first.
        """
        old, new, size = (
            jnp.concatenate([each[name].astype(float) for name in sorted(now)], axis=1)
            for each in (now, wanted, wish)
        )
        new = jnp.clip(new, -self.budget, self.budget)  # so that all sums are exact
        kept = jnp.where(old * new > 0, jnp.minimum(jnp.abs(old), jnp.abs(new)), 0.0)
        more = jnp.abs(new) - kept
        # What those before it in the queue want.
        queue = jnp.argsort(-jnp.abs(size), axis=1, stable=True)
        each = jnp.take_along_axis(more, queue, axis=1)
        ahead = jnp.take_along_axis(
            jnp.cumsum(each, axis=1) - each, jnp.argsort(queue, axis=1), axis=1
        )
        left = self.budget - kept.sum(1, keepdims=True)
        served = jnp.clip(left - ahead, 0.0, more)
        total = (jnp.sign(new) * (kept + served)).astype(jnp.int16)
        found, start = {}, 0
        for name in sorted(now):
            stop = start + now[name].shape[1]
            found[name], start = total[:, start:stop], stop
        return found

    def bits_per_weight(self):
        return self.budget.bit_length() + 1
