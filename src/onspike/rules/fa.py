"""Feedback alignment: backpropagation through fixed random weights."""

from onspike.rules.base import Rates
from onspike.rules.parts.eligibility import AbstractEligibility, EProp
from onspike.rules.parts.feedback import FeedbackAlignment
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import AbstractGate, EndOfSample
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def fa(
    rate: Rates = 1.0,
    *,
    scale: Scalar = 0.1,
    eligibility: AbstractEligibility = EProp(),
    gate: AbstractGate = EndOfSample(),
    readout_filter: ReadoutFilter | None = ReadoutFilter(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Feedback alignment: credit flows back through fixed random matrices.

    $$L_l = B_l (\psi_{l+1} L_{l+1}), \quad L_{out} = \frac{\partial E}{\partial y},
    \quad \Delta w_{ij} = -\eta \sum_t L_i^t \bar e_{ij}^t$$

    Args:
        rate: Learning rate, of all projections or by projection.
        scale: Standard deviation of B, in signal per signal of the layer above.
        eligibility: What a synapse remembers. For rate neurons `EProp()` and the
            cheaper `PreTrace()` are both $\phi' s_j$.
        gate: When the sum is written.
        readout_filter: Passes e through the readout's decay; None leaves it as it is.
        regulariser: Keeps firing rates in bounds.

    Locality: a synapse hears its neuron's L alone. No weight transport, but a second
        set of wires, layer by layer: each layer waits for the one above, and the
        slopes of all layers are needed on the way back.
    Memory: one fixed feedback weight per synapse that credit crosses, beside the
        eligibility's own.
    Cost: as `eprop`, feedback weights in place of the weights on the way back.
    Exact: with $B_l = W_{l+1}^T$ it is backpropagation where what lies downstream has
        no memory and recurrent spikes carry no gradient; with random B it is no
        gradient, and W comes to align with B.
    Source: Lillicrap et al. 2016, doi:10.1038/ncomms13276.
    """
    return ThreeFactor(
        signal=FeedbackAlignment(scale=scale),
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout_filter=readout_filter,
        regulariser=regulariser,
    )
