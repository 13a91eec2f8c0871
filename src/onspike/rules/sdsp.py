"""SDSP: spike-driven synaptic plasticity, with a teacher that is a current."""

from onspike.rules.base import Rates
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.rules.parts.sdsp import SDSP
from onspike.rules.parts.teacher import Teacher
from onspike.rules.three_factor import ThreeFactor


def sdsp(
    rate: Rates = 1.0,
    *,
    teacher: Teacher = Teacher(),
    eligibility: SDSP = SDSP(),
    gate: AbstractGate = EveryTick(),
) -> ThreeFactor:
    r"""Spike-driven synaptic plasticity: $\Delta w_{ij} = \eta (a u_i - b d_i) s_j$.

    A presynaptic spike makes its synapse stronger if it finds the membrane high, u, and
    weaker if it finds it low, d; neither, if the neuron's calcium says that it is
    silent, or right already: learning stops by itself. It was made for synapses with
    two stable states, `onspike.devices.Bistable`.

    Args:
        rate: $\eta$, weight per step, of all projections or by projection.
        teacher: The currents that make the target's unit fire and the others not.
        eligibility: Steps, threshold of the membrane and windows of calcium.
        gate: When writes happen.

    Locality: All is at the synapse: the arriving spike, and the membrane and calcium of
        its neuron. The label travels as a current into the output, and nothing else is
        sent back.
    Memory: One calcium value per neuron (and projection into it); none per synapse.
    Cost: one multiply-add and five comparisons per neuron and tick; at each presynaptic
        spike at most one addition and one write per synapse.
    Exact: It is no gradient of anything. On ODIN it is exact in integers:
        `onspike.chips.odin`.
    Source: Brader, Senn & Fusi 2007, doi:10.1162/neco.2007.19.11.2881.
    """
    return ThreeFactor(
        signal=teacher,
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout=eligibility,
    )
