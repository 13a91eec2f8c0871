"""E-prop with feedback weights that learn."""

from onspike.rules.base import Rates
from onspike.rules.parts.eligibility import AbstractEligibility, EProp
from onspike.rules.parts.feedback import KolenPollack
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import AbstractGate, EndOfSample
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def eprop_adaptive(
    rate: Rates = 1.0,
    *,
    scale: Scalar = 0.1,
    eligibility: AbstractEligibility = EProp(),
    gate: AbstractGate = EndOfSample(),
    readout_filter: ReadoutFilter | None = ReadoutFilter(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Adaptive e-prop: B takes what the weights take, and decays as they do.

    $$L_l = B_l (\psi_{l+1} L_{l+1}), \quad
    \Delta w_{ij} = -\eta \sum_t L_i^t \bar e_{ij}^t, \quad
    W \leftarrow (1 - \lambda) W + \Delta W, \quad
    B \leftarrow (1 - \lambda) B + \Delta W^T$$

    $\lambda$ is the learner's `weight_decay` times rate and schedule: set it above 0,
    or B keeps the distance from $W^T$ that it began with. It decays every plastic
    weight, those into hidden neurons too; in the source only B and the readout's.

    Args:
        rate: Learning rate, of all projections or by projection.
        scale: Standard deviation of the initial B, in signal per signal.
        eligibility: What a synapse remembers. For rate neurons `EProp()` and the
            cheaper `PreTrace()` are both $\phi' s_j$.
        gate: When the sum is written.
        readout_filter: Passes e through the readout's decay; None leaves it as it is.
        regulariser: Keeps firing rates in bounds.

    Locality: as `fa`. Both synapses of a pair of neurons see the same two activities,
        so B needs no transport.
    Memory: as `fa`, but the feedback weights are written whenever the weights are.
    Cost: as `fa`, and at every write of a weight one more of the feedback weight beside
        it.
    Exact: $|B - W^T|$ falls by $1 - \lambda$ at every write, on a device that writes
        what it is asked for; as it vanishes the rule becomes symmetric e-prop.
    Source: Bellec et al. 2020, doi:10.1038/s41467-020-17236-y (adaptive e-prop);
        Kolen & Pollack 1994, doi:10.1109/ICNN.1994.374486.
    """
    return ThreeFactor(
        signal=KolenPollack(scale=scale),
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout_filter=readout_filter,
        regulariser=regulariser,
    )
