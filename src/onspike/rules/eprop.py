"""E-prop: eligibility propagation."""

from onspike.rules.base import Rates
from onspike.rules.parts.eligibility import AbstractEligibility, EProp
from onspike.rules.parts.feedback import Symmetric
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import AbstractGate, EndOfSample
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.parts.signals import AbstractSignal
from onspike.rules.three_factor import ThreeFactor


def eprop(
    rate: Rates = 1.0,
    *,
    signal: AbstractSignal = Symmetric(),
    eligibility: AbstractEligibility = EProp(),
    gate: AbstractGate = EndOfSample(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Full e-prop: $\Delta w_{ij} = -\eta \sum_t L_i^t \bar e_{ij}^t$.

    The eligibility is the neuron's own, through the readout's filter. Equals the
    gradient of a network in which recurrent spikes carry none. With plain LIF neurons
    `eligibility=PreTrace()` gives the same for less.

    Args:
        rate: Learning rate, of all projections or by projection.
        signal: `Symmetric()` or `DirectFeedback()`.
        eligibility: What a synapse remembers.
        gate: When the sum is written.
        regulariser: Keeps firing rates in bounds.

    Locality: a synapse sees its two neurons and its own traces; the error comes back
        through the readout's weights, or through fixed wires with `DirectFeedback()`.
    Memory: one value per synapse and state variable of the neuron, one more for the
        readout's filter, one more to gather.
    Cost: $d^2 + 2 d + 2$ multiply-adds per synapse and tick for neurons of d state
        variables, 5 for LIF, and one per weight that the error comes back through; one
        write per synapse and sample.
    Exact: equals the gradient of a network whose recurrent spikes carry none, for any
        neuron; equals backpropagation through time in a network without recurrence.
    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y.
    """
    return ThreeFactor(
        signal=signal,
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout_filter=ReadoutFilter(),
        regulariser=regulariser,
    )
