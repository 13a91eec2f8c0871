"""Spike-timing-dependent plasticity of pairs."""

from onspike.rules.base import Rates
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.rules.parts.pairs import PairSTDP
from onspike.rules.parts.reward import Unmodulated
from onspike.rules.three_factor import ThreeFactor


def stdp(
    rate: Rates = 1e-2,
    *,
    pairs: PairSTDP = PairSTDP(),
    gate: AbstractGate = EveryTick(),
) -> ThreeFactor:
    r"""Pair STDP: synapses grow if their spikes come before the neuron's, else shrink.

    $\Delta w_{ij} = \eta (A_+ x_j z_i - A_- y_i s_j)$, where the traces x of arriving
    and y of own spikes are those without the tick's own spikes. Nothing bounds the
    weights: a device does, `Clamped(Ideal(), bound=1.0, lower=0.0)` or
    `MultiplicativeBound(Ideal(), 1.0)`. Nothing keeps firing rates where they are
    either; a second term does, `Terms((stdp(), Homeostasis(target=10.0)))`.

    Args:
        rate: $\eta$, weight change per pair without delay: a factor on $A_+$, $A_-$.
        pairs: The window, and which pairs count.
        gate: When writes happen.

    Locality: what a synapse sees of its own two neurons; no label, no error.
    Memory: one trace per neuron on each side of a projection, nothing per synapse.
    Cost: one multiply-add per neuron, side and tick for the traces; one addition and
        one write per synapse at each spike on either side.
    Exact: the summed change is $\sum W(t_i - t_j)$ over all pairs of spikes in
    different ticks (with `nearest`, over the nearest ones).
    Source: Bi & Poo 1998, doi:10.1523/JNEUROSCI.18-24-10464.1998; Song, Miller &
        Abbott 2000, doi:10.1038/78829.
    """
    return ThreeFactor(
        signal=Unmodulated(),
        eligibility=pairs,
        rate=rate,
        gate=gate,
        readout=pairs,
    )
