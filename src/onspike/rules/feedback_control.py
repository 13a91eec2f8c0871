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
    or random: `Control(through=RandomFeedback())`.

    Args:
        rate: Learning rate, of all projections or by projection.
        control: The controllers' wiring and targets, and how hidden neurons hear them.
        eligibility: What hidden synapses remember; nothing by default.
        gate: When writes happen.
        regulariser: Unsupervised, local: keeps hidden neurons in a useful regime.
    """
    return ThreeFactor(
        signal=control,
        eligibility=eligibility,
        rate=rate,
        gate=gate,
        readout=Presynaptic(),
        regulariser=regulariser,
    )
