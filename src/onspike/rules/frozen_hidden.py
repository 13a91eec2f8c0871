"""Only the readout learns: the control of all rules that teach hidden neurons."""

from onspike.rules.parts.eligibility import PreTrace
from onspike.rules.parts.gates import AbstractGate, TargetWindow
from onspike.rules.parts.signals import NoSignal
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def frozen_hidden(
    rate_out: Scalar = 4e-4, *, gate: AbstractGate = TargetWindow()
) -> ThreeFactor:
    r"""Hidden neurons stay as they began: $\Delta w_{ki} = -\eta \, err_k \bar z_i$.

    What a rule shows beyond this, with the same budget of tuning, is hidden credit.

    Args:
        rate_out: Learning rate of the projection "out".
        gate: When writes happen.

    Locality: a synapse of the readout sees its presynaptic trace and its unit's error.
    Memory: one trace per hidden neuron.
    Cost: one multiply-add per hidden neuron and tick for its trace, and, while a target
        is valid, one product and one write per synapse of the readout and tick.
    Exact: the gradient of the readout.
    Source: the decoupled form of Frenkel & Indiveri 2022, arXiv 2208.09759.
    """
    return ThreeFactor(
        signal=NoSignal(),
        eligibility=PreTrace(),
        rate={"out": rate_out},
        gate=gate,
    )
