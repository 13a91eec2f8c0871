"""Direct feedback alignment with the error's sign alone."""

from onspike.rules.base import Rates
from onspike.rules.parts.broadcast import DirectFeedback, SignMessage
from onspike.rules.parts.eligibility import AbstractEligibility, EProp
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import AbstractGate, EndOfSample
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def sdfa(
    rate: Rates = 1.0,
    *,
    scale: Scalar = 1.0,
    eligibility: AbstractEligibility = EProp(),
    gate: AbstractGate = EndOfSample(),
    readout_filter: ReadoutFilter | None = ReadoutFilter(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Sign-concordant DFA: one trit per output is broadcast.

    $$L_l = B_l \, \mathrm{sgn} \frac{\partial E}{\partial y}, \quad
    \Delta w_{ij} = -\eta \sum_t L_i^t \bar e_{ij}^t$$

    The output layer learns from the full error. With softmax the sign is +1 for every
    class but the true one: it says what the label says, however good the answer is.

    Args:
        rate: Learning rate, of all projections or by projection.
        scale: Standard deviation of B, in signal per sign (1 or -1).
        eligibility: What a synapse remembers. For rate neurons `EProp()` and the
            cheaper `PreTrace()` are both $\phi' s_j$.
        gate: When the sum is written.
        readout_filter: Passes e through the readout's decay; None leaves it as it is.
        regulariser: Keeps firing rates in bounds.

    Locality: as `dfa`, with two bits per output in place of a number.
    Memory: as `dfa`.
    Cost: as `dfa`, but feedback weights are added or subtracted, and multiply nothing.
    Exact: nowhere a gradient. The signs are those of `dfa`'s message.
    Source: Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892.
    """
    return ThreeFactor(
        signal=DirectFeedback(scale=scale, message=SignMessage()),
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout_filter=readout_filter,
        regulariser=regulariser,
    )
