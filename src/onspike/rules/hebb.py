"""Hebb's rule, modulated by reward."""

from onspike.rules.base import Rates
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.rules.parts.pairs import EligibilityTrace, Hebbian
from onspike.rules.parts.reward import Reward
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def hebb(
    rate: Rates = 1e-2,
    *,
    tau: Scalar = 0.5,
    reward: Reward = Reward(),
    gate: AbstractGate = EveryTick(),
) -> ThreeFactor:
    r"""Modulated Hebb: a reward writes which neurons fired together, in any order.

    $c_{ij} \leftarrow \lambda_c c_{ij} + z_i s_j$ and
    $\Delta w_{ij} = \eta (m - b) c_{ij}$: R-STDP with the pair of one tick in place of
    the window. It only strengthens unless rewards can be negative, so that the baseline
    b does here what the depressing half of the window does there.

    Args:
        rate: $\eta$, weight change per reward and coincidence.
        tau: Time constant of c, in seconds.
        reward: The reward and its baseline b.
        gate: When writes happen.

    Locality: the spikes of its two neurons, and one number that is broadcast.
    Memory: one value c per synapse.
    Cost: as `rstdp`, without traces of neurons.
    Exact: without a baseline (b = 0) a single reward m in tick T changes a weight by
        $\eta m \sum_t \lambda_c^{T - t} z_i^t s_j^t$.
    Source: Frémaux & Gerstner 2016, doi:10.3389/fncir.2015.00085, eq. 1.
    """
    trace = EligibilityTrace(Hebbian(), tau)
    return ThreeFactor(
        signal=reward,
        eligibility=trace,
        rate=rate,
        gate=gate,
        readout=trace,
    )
