"""Several rules on one network, whose updates add up."""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp

from onspike.rules.base import (
    AbstractRule,
    Rates,
    RuleState,
    rate_for,
    rates_of,
)
from onspike.rules.parts.gates import AbstractGate, EveryTick


class Terms(AbstractRule):
    r"""Several rules at once: $\Delta W = \eta \sum_k \eta_k \Delta W_k$, in one write.

    For one network in which unsupervised plasticity stabilises and feedback governs:
    `Terms((Predictive({"in": 1e-5}), deep_feedback_control(...)))`. The currents that
    the terms inject add up too.

    A term that alone `writes_before_step` sees the same here, but its update is written
    with all others, after the step: one tick later than alone.

    Args:
        terms: The rules. Each one's rates weigh its own updates.
        gate: When the sum is written.
        rate: Learning rate of the sum, for all projections or by projection. With an
            optimiser it is the size of its steps, and the terms' rates weigh one
            against the other. None where the terms' rates are learning rates already.

    Raises:
        ValueError: If there is no term, or a term has a gate of its own.
    """

    terms: tuple[AbstractRule, ...]
    gate: AbstractGate
    rate: Rates  # of the sum; None for a projection that no term changes
    weighed: bool = eqx.field(static=True)  # whether it was given

    def __init__(
        self,
        terms: Sequence[AbstractRule],
        gate: AbstractGate = EveryTick(),
        rate: Rates | None = None,
    ) -> None:
        if not terms:
            raise ValueError("Terms.terms must hold at least one rule; got none")
        for term in terms:
            if not isinstance(term.gate, EveryTick):
                raise ValueError(
                    "Terms writes all its terms at once: give the gate to Terms and "
                    f"EveryTick() to the terms; got {type(term.gate).__name__}()"
                )
        whole = (
            rate if isinstance(rate, Mapping) else {"*": 1.0 if rate is None else rate}
        )
        each = [t.rate if isinstance(t.rate, Mapping) else {"*": 1.0} for t in terms]
        names = {"*"}.union(whole, *each)
        plastic = {n for n in names for r in each if rate_for(n, r) is not None}
        self.terms, self.gate, self.weighed = tuple(terms), gate, rate is not None
        self.rate = {
            name: rate_for(name, whole) if name in plastic else None
            for name in sorted(names)
        }

    def check(self, wiring):
        for term in self.terms:
            term.check(wiring)

    def init(self, wiring, key):
        keys = jax.random.split(key, len(self.terms))
        states = [t.init(wiring, k) for t, k in zip(self.terms, keys, strict=True)]
        return RuleState(
            shared=tuple(state.shared for state in states),
            own=tuple(state.own for state in states),
        )

    def rest(self, own):
        return tuple(t.rest(one) for t, one in zip(self.terms, own, strict=True))

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        after, currents = [], {}
        for term, common, one in zip(self.terms, shared, own, strict=True):
            one, into = term.feedback(common, one, sample, neurons, wiring, dt)
            after.append(one)
            for name, current in into.items():
                before = currents.get(name, jnp.zeros_like(current))
                currents[name] = before + current
        return tuple(after), currents

    def step(self, shared, own, params, local, teaching, wiring):
        after, total = [], {}
        for term, common, one in zip(self.terms, shared, own, strict=True):
            one, update = term.step(common, one, params, local, teaching, wiring)
            after.append(one)
            rates = rates_of(term.rate, wiring)
            for name, deltas in update.items():
                weight = jnp.full(wiring.wire(name).n_post, rates[name], float)
                weighed = tuple(delta.modulate(weight) for delta in deltas)
                total[name] = (*total.get(name, ()), *weighed)
        return tuple(after), total

    def factors(self, shared, own, params, local, teaching, wiring):
        return tuple(
            factors
            for term, common, one in zip(self.terms, shared, own, strict=True)
            for factors in term.factors(common, one, params, local, teaching, wiring)
        )

    def adapt(self, shared, change):
        return tuple(
            t.adapt(common, change)
            for t, common in zip(self.terms, shared, strict=True)
        )
