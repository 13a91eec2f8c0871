"""Error-triggered learning: writes only where the error is worth one."""

from onspike.rules.base import Rates
from onspike.rules.parts.feedback import Symmetric
from onspike.rules.parts.gates import AbstractGate, TargetWindow
from onspike.rules.parts.regularisers import AbstractRegulariser
from onspike.rules.parts.signals import AbstractSignal
from onspike.rules.parts.triggers import AbstractTrigger, ErrorTriggered
from onspike.rules.reckon import reckon
from onspike.rules.three_factor import ThreeFactor
from onspike.types import Scalar


def error_triggered(
    rate: Rates = 2e-5,
    rate_out: Scalar | None = None,
    *,
    trigger: AbstractTrigger,
    signal: AbstractSignal = Symmetric(),
    gate: AbstractGate = TargetWindow(),
    regulariser: AbstractRegulariser | None = None,
) -> ThreeFactor:
    r"""Decoupled e-prop from events: $\Delta w_{ij} = -\eta \hat L_i \psi_i \bar s_j$.

    $\hat L = W^T \hat e$ hears of the error in whole steps,
    $\hat e_k = \theta \, \mathrm{trunc}(e_k / \theta)$: with plain gradient steps no
    write unless some error is larger than theta. `ErrorTriggered` does the same to the
    signal of any other rule.

    Args:
        rate: Learning rate, of all projections or by projection.
        rate_out: Learning rate of the projection "out"; by default `rate`.
        trigger: `Threshold()`, `AdaptiveThreshold()` or `Ternary()`.
        signal: How events reach hidden neurons.
        gate: When writes may happen.
        regulariser: Keeps firing rates in bounds; it writes without an event.

    Locality: as the host rule's, but an error travels as an event with a small whole
        number, and only when there is one.
    Memory: as the host rule's, and one threshold for the output if it adapts.
    Cost: the host's traces in every tick; its products and writes only in ticks with an
        event.
    Exact: becomes the host rule, `reckon`, as theta goes to 0.
    Source: Payvand et al. 2020, arXiv 1910.06152; the host is Frenkel & Indiveri 2022,
        arXiv 2208.09759.
    """
    return reckon(
        rate,
        rate_out,
        signal=ErrorTriggered(signal, trigger),
        gate=gate,
        regulariser=regulariser,
    )
