"""Reward-modulated spike-timing-dependent plasticity."""

from onspike.rules.base import Rates
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.rules.parts.pairs import EligibilityTrace, PairSTDP
from onspike.rules.parts.reward import Reward
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def rstdp(
    rate: Rates = 1e-2,
    *,
    pairs: PairSTDP = PairSTDP(),
    tau: Scalar = 0.5,
    reward: Reward = Reward(),
    gate: AbstractGate = EveryTick(),
) -> ThreeFactor:
    r"""R-STDP: a reward writes the pairs of spikes that the synapses still remember.

    $c_{ij} \leftarrow \lambda_c c_{ij} + STDP_{ij}$ and
    $\Delta w_{ij} = \eta (m - b) c_{ij}$, with one reward m for all synapses, which may
    come late: by up to a few time constants of c.

    Args:
        rate: $\eta$, weight change per reward and pair.
        pairs: The window, and which pairs count.
        tau: Time constant of c, in seconds; 0.2 to 1 are usual.
        reward: The reward and its baseline b.
        gate: When writes happen.

    Locality: the spikes of its two neurons, and one number that is broadcast.
    Memory: one value c per synapse; one trace per neuron on each side of a projection.
    Cost: one multiply-add per synapse and tick for c; one product and one write per
        synapse in each tick with a signal: with a reward, or with a baseline and a
        valid target.
    Exact: without a baseline (b = 0) a single reward m in tick T changes a weight by
        $\eta m \sum_t \lambda_c^{T - t} STDP_{ij}^t$.
    Source: Izhikevich 2007, doi:10.1093/cercor/bhl152; Florian 2007,
        doi:10.1162/neco.2007.19.6.1468.
    """
    trace = EligibilityTrace(pairs, tau)
    return ThreeFactor(
        signal=reward,
        eligibility=trace,
        rate=rate,
        gate=gate,
        readout=trace,
    )
