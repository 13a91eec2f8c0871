"""Feedback control: learning without gradients, error arithmetic or a second phase."""

from onspike.rules.base import Rates
from onspike.rules.parts.control import Control
from onspike.rules.parts.eligibility import (
    AbstractEligibility,
    Coincidence,
    Presynaptic,
)
from onspike.rules.parts.feedback import Symmetric
from onspike.rules.parts.gates import AbstractGate, EveryTick
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def feedback_control(
    rate: Scalar = 1e-3,
    *,
    control: Control = Control(),
    gate: AbstractGate = EveryTick(),
) -> ThreeFactor:
    r"""The published optimiser: $\Delta w_{kj} = \eta \, q_k s_j$ at the output.

    The current that steers an output neuron teaches its synapses, when a presynaptic
    spike arrives. Only the projection "out" learns. Nothing is kept per synapse.

    Args:
        rate: $\eta$, weight per pull and spike.
        control: The controllers' wiring and targets.
        gate: When writes happen.

    Locality: a synapse sees its presynaptic spike and the current that steers its
        neuron; the target reaches controllers, never a synapse.
    Memory: one filtered pull per output unit, two controllers each; none per synapse.
    Cost: two controllers per output unit and tick; one addition and one write per
        readout synapse at each presynaptic spike.
    Exact: no gradient; the update is zero where the output follows its target.
    Source: Saponati et al. 2026, arXiv 2602.13261.
    """
    return ThreeFactor(
        signal=control,
        eligibility=Coincidence(),
        rate={"out": rate},
        gate=gate,
        readout=Presynaptic(),
    )


def deep_feedback_control(
    rate: Rates = 0.1,
    *,
    control: Control = Control(through=Symmetric(output_slope=False)),
    eligibility: AbstractEligibility = Coincidence(),
    gate: AbstractGate = EveryTick(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""The controllers' current projected into hidden populations.

    $\Delta w_{ij} = \eta \, (B q)_i \, e_{ij}$ there, with B the transposed weights,
    or random: `Control(through=DirectFeedback())`.

    Args:
        rate: Learning rate, of all projections or by projection.
        control: The controllers' wiring and targets, and how hidden neurons hear them.
        eligibility: What hidden synapses remember; nothing by default.
        gate: When writes happen.
        regulariser: Unsupervised, local: keeps hidden neurons in a useful regime.

    Locality: as for `feedback_control` at the output; hidden neurons hear the
        controllers through weights of the network, their signs, or wires of their own.
    Memory: one filtered pull per output unit, two controllers each; none per synapse
        with the default eligibility.
    Cost: as `feedback_control`, one multiply-add per tick for each weight that carries
        the current back, and one product and one write per hidden synapse at each
        presynaptic spike.
    Exact: no gradient; with `gain=0` the direction of one, of the controllers' pull.
    Source: onspike, after Saponati et al. 2026, arXiv 2602.13261.
    """
    return ThreeFactor(
        signal=control,
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout=Presynaptic(),
        regulariser=regulariser,
    )
