"""Direct random target projection: hidden layers learn without any output."""

from onspike.rules.base import Rates
from onspike.rules.parts.broadcast import DirectFeedback, TargetMessage
from onspike.rules.parts.eligibility import AbstractEligibility, EProp
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import AbstractGate, EndOfSample
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def drtp(
    rate: Rates = 1.0,
    *,
    scale: Scalar = 1.0,
    eligibility: AbstractEligibility = EProp(),
    gate: AbstractGate = EndOfSample(),
    readout_filter: ReadoutFilter | None = None,
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Direct random target projection: the label itself is broadcast.

    $$L_l = B_l \, y^*, \quad \Delta w_{ij} = -\eta \sum_t L_i^t e_{ij}^t$$

    The one-hot target $y^*$ stands in for the gradient while it is valid, so hidden
    layers need neither the output nor its error, and can learn before either is there.
    The output layer learns from its error. For classification only: in regression the
    target does not tell the error's sign. A signal that never falls drives rates up
    or down without end: let the rate decay, or add a regulariser.

    Args:
        rate: Learning rate, of all projections or by projection.
        scale: Standard deviation of B, in signal per unit of target.
        eligibility: What a synapse remembers. For rate neurons `EProp()` and the
            cheaper `PreTrace()` are both $\phi' s_j$.
        gate: When the sum is written.
        readout_filter: Passes e through the readout's decay; None leaves it as it is.
        regulariser: Keeps firing rates in bounds.

    Locality: one column of B per class, picked by the label. No weight transport, no
        error, nothing read back from the output, no waiting.
    Memory: as `dfa`; without the readout's filter nothing else per synapse where
        `PreTrace()` is the eligibility.
    Cost: the eligibility and one product per synapse and tick; a feedback weight is
        looked up and multiplies nothing; one write per synapse and sample.
    Exact: nowhere a gradient. The hidden update does not depend on the readout's
        weights at all; with the readout's filter it depends on its time constant.
    Source: Frenkel, Lefebvre & Bol 2021, doi:10.3389/fnins.2021.629892.
    """
    return ThreeFactor(
        signal=DirectFeedback(scale=scale, message=TargetMessage()),
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout_filter=readout_filter,
        regulariser=regulariser,
    )
