"""What the event-driven engine takes, and why not the rest."""

from typing import Any, NamedTuple

import jax

from onspike.devices import Clamped, Fixed, Ideal
from onspike.devices.fixed import Nearest, PlusMinusLSB, StochasticRounding
from onspike.losses import CrossEntropy, SmoothL1, SquaredError
from onspike.neurons import ALIF, LIF, LeakyIntegrator, SubtractReset, ZeroReset
from onspike.rules.parts.broadcast import DirectFeedback, ErrorMessage
from onspike.rules.parts.eligibility import EProp, PreTrace
from onspike.rules.parts.feedback import AbstractLayered, FeedbackAlignment, Symmetric
from onspike.rules.parts.filters import ReadoutFilter
from onspike.rules.parts.gates import EndOfSample, EveryTick, TargetWindow
from onspike.rules.parts.regularisers import RateHinge, RateTarget
from onspike.rules.parts.signals import NoSignal
from onspike.rules.three_factor import ThreeFactor
from onspike.surrogates import Box, FastSigmoid, Triangle
from onspike.tasks.base import AbstractTask
from onspike.tasks.draws import partitionable
from onspike.types import INPUT, is_constant

RESETS = (SubtractReset, ZeroReset)  # in the order in which the kernels number them
SURROGATES = (Triangle, Box, FastSigmoid)
LOSSES = (CrossEntropy, SquaredError, SmoothL1)
WRITES = (Nearest, StochasticRounding, PlusMinusLSB)
_FIXED = (FeedbackAlignment, DirectFeedback, NoSignal)  # no write changes what is heard


class Graph(NamedTuple):
    """The names of what it runs: one hidden population and a readout."""

    hidden: str
    enters: str  # projections: from the input,
    recurs: str | None  # from the hidden neurons to themselves,
    leaves: str  # and to the readout


def refusal(learner: Any, task: AbstractTask) -> str | None:
    """Why a learner cannot be run on a task, or None if it can."""
    return (
        _refused_machine()
        or _refused_network(learner.network)
        or _refused_rule(learner)
        or _refused_write(learner)
        or _refused_task(task)
    )


def graph_of(network: Any) -> Graph | None:
    """The parts of a network with one hidden population; None if it is another."""
    wiring = network.wiring
    others = [name for name, _ in wiring.sizes if name != wiring.output]
    if len(others) != 1:
        return None
    ends = {(w.pre, w.post): name for name, w in wiring.wires}
    hidden, out = others[0], wiring.output
    enters, leaves = ends.pop((INPUT, hidden), None), ends.pop((hidden, out), None)
    recurs = ends.pop((hidden, hidden), None)
    parts = [name for name in (enters, recurs, leaves) if name is not None]
    if enters is None or leaves is None or len(parts) != len(wiring.wires):
        return None
    return Graph(hidden, enters, recurs, leaves)


def _refused_machine() -> str | None:
    backend = jax.default_backend()
    return None if backend == "cpu" else f"it runs on the CPU, and JAX on the {backend}"


def _refused_network(network: Any) -> str | None:
    graph = graph_of(network)
    if graph is None:
        return "the network is not one hidden population between input and readout"
    wiring, cells = network.wiring, network.populations[graph.hidden]
    neuron, readout = cells.neuron, network.populations[wiring.output].neuron
    if type(neuron) not in (LIF, ALIF):
        return f"the neuron {type(neuron).__name__} has no event-driven form"
    if type(readout) is not LeakyIntegrator:
        return f"the readout {type(readout).__name__} has no event-driven form"
    for name, population in network.populations.items():
        if population.learns:
            learnt = ", ".join(population.learns)
            return f"the neurons of '{name}' learn constants: {learnt}"
    if wiring.unit != 1:
        return f"an output unit is the mean of {wiring.unit} neurons"
    for name, population in network.populations.items():
        if population.neuron.decay(network.dt).ndim:
            return f"the neurons of '{name}' do not share one tau_mem"
    if neuron.floor is not None:
        return "the membrane has a floor"
    if type(neuron.reset) not in RESETS:
        return f"the reset {type(neuron.reset).__name__} has no event-driven form"
    if type(neuron.surrogate) not in SURROGATES:
        return f"the surrogate {type(neuron.surrogate).__name__} has no native form"
    for name, wire in wiring.wires:
        delay = int(name == graph.recurs)
        if wire.delay != delay:
            return f"the delay of '{name}' is {wire.delay} ticks, and not {delay}"
        if network.projections[name].synapse is not None:
            return f"the synapses of '{name}' have dynamics of their own"
    return None


def _refused_rule(learner: Any) -> str | None:
    rule = learner.rule
    if type(rule) is not ThreeFactor:
        return f"{type(rule).__name__} is not a ThreeFactor rule"
    signal = rule.signal
    known = (AbstractLayered, DirectFeedback, NoSignal)
    message = getattr(signal, "message", ErrorMessage())
    changed = isinstance(signal, AbstractLayered) and (
        type(signal).step is not AbstractLayered.step
        or type(signal).feedback is not AbstractLayered.feedback
    )
    if changed or not isinstance(signal, known):
        return f"the signal {type(signal).__name__} has no event-driven form"
    if not isinstance(message, ErrorMessage):
        return f"the message {type(message).__name__} has no event-driven form"
    for what, part, known in (
        ("eligibility", rule.eligibility, (PreTrace, EProp)),
        ("eligibility", rule.readout, (PreTrace,)),
        ("readout's filter", rule.readout_filter, (ReadoutFilter, type(None))),
        ("regulariser", rule.regulariser, (RateHinge, RateTarget, type(None))),
    ):
        if type(part) not in known:
            return f"the {what} {type(part).__name__} has no event-driven form"
    if type(rule.eligibility) is EProp:
        reason = _forgets(learner.network)
        if reason is not None:
            return f"the eligibility EProp has no event-driven form: {reason}"
    constants = [name for name in learner.rates() if is_constant(name)]
    return f"a rule that learns '{constants[0]}'" if constants else None


def _forgets(network: Any) -> str | None:
    """Why the synapses of a presynaptic unit do not all remember the same, if so."""
    graph = graph_of(network)
    assert graph is not None
    neuron = network.populations[graph.hidden].neuron
    if type(neuron.reset) is not SubtractReset:
        return "a spike resets the membrane to zero, and what it held of each input"
    if neuron.reset.gradient:
        return "derivatives flow through the reset"
    if neuron.refractory is not None and neuron.refractory.clamp:
        return "a refractory membrane is held, and forgets each input"
    return None


def _refused_write(learner: Any) -> str | None:
    gate, device, signal = learner.rule.gate, learner.device, learner.rule.signal
    while type(device) is Clamped and type(gate) is EndOfSample:
        device = device.device
    name = type(device).__name__
    if type(gate) is EndOfSample:
        if type(device) in (Ideal, Fixed):
            return None
        return f"the device {name} may change the neurons"
    if type(gate) not in (TargetWindow, EveryTick):
        return f"the gate {type(gate).__name__} has no event-driven form"
    inside = "where writes happen within a sample"
    summed = _summed_only(learner)
    if summed is not None:
        return f"{summed} has no event-driven form {inside}"
    if type(device) not in (Ideal, Fixed):
        return f"the device {name} has no event-driven form {inside}"
    if type(device) is Fixed:
        if type(device.write_mode) not in WRITES:
            mode = type(device.write_mode).__name__
            return f"the write mode {mode} has no event-driven form {inside}"
        drawn = str(jax.random.key_impl(jax.random.key(0)))
        if drawn != "threefry2x32" or not partitionable():
            return "random bits are not drawn by threefry2x32 as JAX does by default"
    if not learner.plain:
        return f"an optimiser has no event-driven form {inside}"
    if not isinstance(signal, (Symmetric, *_FIXED)):
        return f"the signal {type(signal).__name__} has no event-driven form {inside}"
    graph: Any = graph_of(learner.network)
    leaves = graph.leaves
    if learner.network.projections[leaves].mask is not None:
        return f"'{leaves}' has not all synapses, {inside}"
    return None


def _summed_only(learner: Any) -> str | None:
    """What there is only in the form that sums a gradient, if anything."""
    rule, graph = learner.rule, graph_of(learner.network)
    assert graph is not None
    if type(learner.network.populations[graph.hidden].neuron) is ALIF:
        return "the neuron ALIF"
    for what, part in (
        ("eligibility", rule.eligibility),
        ("readout's filter", rule.readout_filter),
        ("regulariser", rule.regulariser),
    ):
        if type(part) in (EProp, ReadoutFilter, RateTarget):
            return f"the {what} {type(part).__name__}"
    return None


def _refused_task(task: AbstractTask) -> str | None:
    if type(task).teach is not AbstractTask.teach:
        return f"{type(task).__name__} teaches in its own way"
    if type(task.loss) not in LOSSES:
        return f"the loss {type(task.loss).__name__} has no native form"
    return None
