"""DECOLLE: deep continuous local learning."""

from onspike.rules.base import Rates
from onspike.rules.parts.eligibility import Coincidence, Presynaptic
from onspike.rules.parts.gates import AbstractGate, TargetWindow
from onspike.rules.parts.local_readouts import LocalReadouts, MembraneBounds
from onspike.rules.terms import Terms
from onspike.rules.three_factor import ThreeFactor


def decolle(
    rate: Rates = 1e-3,
    *,
    readouts: LocalReadouts = LocalReadouts(),
    bounds: MembraneBounds | None = None,
    gate: AbstractGate = TargetWindow(),
) -> ThreeFactor | Terms:
    r"""Local errors: $\Delta w_{ij} = -\eta (G^T \partial \ell)_i \psi_i P_j$.

    In every tick each hidden layer answers through a fixed random readout of its own,
    $r = G z$, and learns from that answer's loss $\ell(r, y^*)$ alone:
    $\partial \ell$ is the derivative by r. What a synapse remembers, P,
    is what it conducts: give hidden projections `DoubleExponential()` synapses and
    hidden neurons `SpikeResponse()`. The network's output learns from its own error:
    one more local readout, and the only one whose weights change.

    Args:
        rate: Learning rate, of all projections or by projection.
        readouts: The local readouts, their loss and burn-in.
        bounds: Keeps membranes in bounds, if anything does; its strength is relative
            to the loss, whatever the optimiser.
        gate: When writes happen; the source writes in every tick.

    Locality: a synapse sees its two neurons; a neuron hears its own layer's readout,
        through its transpose. `bounds` needs a mean over the layer.
    Memory: none beside the fixed readouts: the trace is the synapse's own state, one
        pair per presynaptic neuron.
    Cost: per layer and tick its readout there (one addition per spike and class) and
        back (one multiply-add per neuron and class), and one product and one write per
        synapse.
    Exact: equals the gradient of all layers' losses in a network whose layers and own
        refractory responses pass no gradient on.
    Source: Kaiser, Mostafa & Neftci 2020, doi:10.3389/fnins.2020.00424.
    """
    if bounds is None:
        return ThreeFactor(
            signal=readouts, eligibility=Coincidence(), rate=rate, gate=gate
        )
    answers = ThreeFactor(signal=readouts, eligibility=Coincidence(), rate=1.0)
    bounded = ThreeFactor(
        signal=bounds, eligibility=Presynaptic(), rate={"*": 1.0, "out": None}
    )
    return Terms((answers, bounded), gate=gate, rate=rate)
