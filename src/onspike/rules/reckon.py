"""ReckOn's modified e-prop: everything a product of two neurons' values."""

from collections.abc import Mapping

from onspike.rules.base import Rates
from onspike.rules.parts.eligibility import PreTrace
from onspike.rules.parts.feedback import Symmetric
from onspike.rules.parts.gates import AbstractGate, TargetWindow
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.parts.signals import AbstractSignal
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def reckon(
    rate: Rates = 2e-5,
    rate_out: Scalar | None = None,
    *,
    signal: AbstractSignal = Symmetric(),
    gate: AbstractGate = TargetWindow(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Decoupled e-prop: $\Delta w_{ij} = -\eta L_i \psi_i \bar s_j$.

    Written at every tick with a target. No readout filter, so no memory per synapse:
    one trace per presynaptic neuron and decay. Differs from e-prop by the missing
    filter and by writing at once.

    Args:
        rate: Learning rate, of all projections or by projection.
        rate_out: Learning rate of the projection "out"; by default `rate`.
        signal: `Symmetric()` on the chip; `DirectFeedback()` works too.
        gate: When writes happen.
        regulariser: `RateHinge()` keeps unlucky seeds from running away.

    Locality: a synapse sees its two neurons; with `Symmetric()` the readout's weights
        carry the error back, with `DirectFeedback()` fixed wires do.
    Memory: one trace per presynaptic neuron and per projection, none per synapse.
    Cost: one multiply-add per presynaptic neuron and tick for its trace, and, while a
        target is valid, one product and one write per synapse and tick.
    Exact: equals e-prop without the readout's filter, for LIF neurons that share a
        decay; the written sum equals it only while weights hardly move in a sample.
    Source: Frenkel & Indiveri 2022, arXiv 2208.09759.
    """
    if rate_out is not None:
        others = rate if isinstance(rate, Mapping) else {"*": rate}
        rate = {**others, "out": rate_out}
    return ThreeFactor(
        signal=signal,
        eligibility=PreTrace(),
        rate=rate,
        gate=gate,
        regulariser=regulariser,
    )
