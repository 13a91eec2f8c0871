"""Direct feedback alignment: the error reaches every layer at once."""

from onspike.rules.base import Rates
from onspike.rules.parts.broadcast import DirectFeedback
from onspike.rules.parts.eligibility import AbstractEligibility, EProp
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import AbstractGate, EndOfSample
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def dfa(
    rate: Rates = 1.0,
    *,
    scale: Scalar = 1.0,
    eligibility: AbstractEligibility = EProp(),
    gate: AbstractGate = EndOfSample(),
    readout_filter: ReadoutFilter | None = ReadoutFilter(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Direct feedback alignment: the output's error through one random matrix each.

    $$L_l = B_l \frac{\partial E}{\partial y}, \quad
    \Delta w_{ij} = -\eta \sum_t L_i^t \bar e_{ij}^t$$

    With e-prop's eligibility it is e-prop with random feedback.

    Args:
        rate: Learning rate, of all projections or by projection.
        scale: Standard deviation of B, in signal per unit of error.
        eligibility: What a synapse remembers. For rate neurons `EProp()` and the
            cheaper `PreTrace()` are both $\phi' s_j$.
        gate: When the sum is written.
        readout_filter: Passes e through the readout's decay; None leaves it as it is.
        regulariser: Keeps firing rates in bounds.

    Locality: the error of every output is broadcast to every hidden neuron. No weight
        transport and no order of layers, but all wait for the output.
    Memory: one fixed feedback weight per hidden neuron and output, beside the
        eligibility's own.
    Cost: as `eprop`, feedback weights in place of the weights on the way back.
    Exact: with one hidden layer and $B = W_{out}^T$ it is backpropagation where the
        readout is linear (leaky, behind its filter) and recurrent spikes carry no
        gradient.
    Source: Nøkland 2016, arXiv 1609.01596.
    """
    return ThreeFactor(
        signal=DirectFeedback(scale=scale),
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout_filter=readout_filter,
        regulariser=regulariser,
    )
