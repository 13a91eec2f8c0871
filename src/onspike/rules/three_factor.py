"""The rule of four factors: signal x eligibility, gated; the device writes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from onspike.rules.base import (
    AbstractRule,
    Factors,
    Rates,
    RuleState,
    check_rate,
    rates_of,
)
from onspike.rules.parts.eligibility import AbstractEligibility, EProp, PreTrace
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.rules.parts.integer import IntegerFilter
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.parts.signals import AbstractSignal
from onspike.types import Delta, Local, Params, Teaching, Tree, Wiring, is_constant


class ThreeFactorOwn(NamedTuple):
    """What each sample remembers."""

    signal: Tree
    traces: dict[str, Tree]  # eligibility, by projection or learnt constant
    filtered: dict[str, Tree]  # the same behind the readout's filter, by projection
    activity: dict[str, Tree]  # the regulariser's, by population


class ThreeFactor(AbstractRule):
    r"""Signal times eligibility: $\partial E / \partial w_{ij} \approx L_i e_{ij}$.

    Learns the constants of neurons likewise, with the same signal and `EProp`.

    Args:
        signal: Who tells neuron i what to change: L.
        eligibility: What synapse ij remembers: e.
        rate: Learning rate, for all projections and learnt constants, or by name; what
            is left out of the mapping never changes and keeps no trace.
        gate: When a write may happen.
        readout: The eligibility of the projections into the output population.
        readout_filter: Passes e through the output's own decay (kappa) before L meets
            it: exact where credit arrives through a leaky readout, at the cost of one
            value per synapse.
        regulariser: Keeps firing rates in bounds; its signal multiplies the
            unfiltered e of hidden neurons.

    Raises:
        ValueError: If a rate is negative or not finite.

    Locality: what its signal and its eligibility carry.
    Memory: theirs; with a readout filter one more value per synapse.
    Cost: that of its parts, and one product per synapse and tick; one write per synapse
        where the gate opens.
    Exact: with `PreTrace()` the gradient of one layer whose reset is ignored; for more,
        see the published rules.
    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y, eq. 1; Frémaux &
        Gerstner 2016, doi:10.3389/fncir.2015.00085.
    """

    signal: AbstractSignal
    eligibility: AbstractEligibility
    rate: Rates
    gate: AbstractGate = EveryTick()
    readout: AbstractEligibility = PreTrace()
    readout_filter: ReadoutFilter | IntegerFilter | None = None
    regulariser: AbstractRegulariser | None = None

    def __check_init__(self) -> None:
        check_rate(self.rate)

    def check(self, wiring):
        rates_of(self.rate, wiring)

    def init(self, wiring, key):
        shared, signal = self.signal.init(wiring, key)
        plastic = {name: wiring.wire(name) for name in rates_of(self.rate, wiring)}
        hidden = {n: w for n, w in plastic.items() if w.post != wiring.output}
        traces = {n: self.eligibility_of(n, wiring).init(w) for n, w in plastic.items()}
        filtered, activity = {}, {}
        if self.readout_filter is not None:
            filtered = {n: self.readout_filter.init(w) for n, w in hidden.items()}
        if self.regulariser is not None:
            sizes = {w.post: w.n_post for w in hidden.values()}
            activity = {p: self.regulariser.init(n) for p, n in sizes.items()}
        return RuleState(shared, ThreeFactorOwn(signal, traces, filtered, activity))

    def rest(self, own):
        activity = own.activity
        if self.regulariser is not None:
            activity = {p: self.regulariser.rest(s) for p, s in activity.items()}
        return ThreeFactorOwn(
            signal=self.signal.rest(own.signal),
            traces=jax.tree.map(jnp.zeros_like, own.traces),
            filtered=jax.tree.map(jnp.zeros_like, own.filtered),
            activity=activity,
        )

    def feedback(self, shared, own, sample, neurons, wiring, dt):
        signal, currents = self.signal.feedback(
            shared, own.signal, sample, neurons, wiring, dt
        )
        return own._replace(signal=signal), currents

    def step(self, shared, own, params, local, teaching, wiring):
        own, credit, calm = self.hear(shared, own, params, local, teaching, wiring)
        own, elig, smooth = self.remember(own, local, wiring)
        update = {}
        for name, e in elig.items():
            post = wiring.wire(name).post
            if name in smooth:
                terms = (smooth[name].modulate(credit[post]),)
                if post in calm:
                    terms = (*terms, e.modulate(calm[post]))
            else:
                heard = credit[post] + calm[post] if post in calm else credit[post]
                terms = (e.modulate(heard),)
            update[name] = terms
        return own, update

    def factors(self, shared, own, params, local, teaching, wiring):
        own, credit, calm = self.hear(shared, own, params, local, teaching, wiring)
        _, elig, smooth = self.remember(own, local, wiring)
        regulated = {n: e for n, e in elig.items() if wiring.wire(n).post in calm}
        return (
            Factors(
                signal=credit,
                eligibility={n: e.dense().value for n, e in (elig | smooth).items()},
                regulariser=calm,
                unfiltered={n: e.dense().value for n, e in regulated.items()},
            ),
        )

    def hear(
        self,
        shared: Tree,
        own: ThreeFactorOwn,
        params: Params,
        local: dict[str, Local],
        teaching: Teaching,
        wiring: Wiring,
    ) -> tuple[ThreeFactorOwn, dict[str, Array], dict[str, Array]]:
        """What reaches the neurons in a tick, before any synapse is looked at.

        Returns:
            The rule's memory with signal and activity moved on, the learning signal by
            population, and the regulariser's by regulated population.
        """
        signal, credit = self.signal.step(
            shared, own.signal, params, local, teaching, wiring
        )
        activity, calm = dict(own.activity), {}
        if self.regulariser is not None:
            for name, wire in wiring.wires:
                if wire.post in own.activity and wire.post not in calm:
                    activity[wire.post], calm[wire.post] = self.regulariser.step(
                        own.activity[wire.post], local[name], teaching
                    )
        return own._replace(signal=signal, activity=activity), credit, calm

    def remember(
        self, own: ThreeFactorOwn, local: dict[str, Local], wiring: Wiring
    ) -> tuple[ThreeFactorOwn, dict[str, Delta], dict[str, Delta]]:
        """What the synapses remember after a tick.

        Returns:
            The rule's memory with traces moved on, e by projection, and where the
            readout's filter applies e behind it.
        """
        traces, filtered, elig, smooth = {}, dict(own.filtered), {}, {}
        for name in own.traces:
            memory = self.eligibility_of(name, wiring)
            traces[name], elig[name] = memory.step(own.traces[name], local[name])
            if self.readout_filter is not None and name in filtered:
                filtered[name], smooth[name] = self.readout_filter.step(
                    filtered[name], elig[name], local[name]
                )
        return own._replace(traces=traces, filtered=filtered), elig, smooth

    def eligibility_of(self, name: str, wiring: Wiring) -> AbstractEligibility:
        """The eligibility of a projection, or of a learnt constant."""
        if is_constant(name):
            return EProp()
        at_output = wiring.wire(name).post == wiring.output
        return self.readout if at_output else self.eligibility

    def adapt(self, shared, change):
        return self.signal.adapt(shared, change)
