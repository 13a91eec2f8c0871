"""Names for the command line: tasks, rules, neurons, devices, and how to build them.

A row's options are the typed keyword parameters of its builder. Builders import what
they build when they are called, so that listing names does not wait for JAX.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from onspike import checks

if TYPE_CHECKING:
    from onspike.devices import AbstractDevice
    from onspike.network import Network
    from onspike.neurons import AbstractNeuron
    from onspike.neurons.base import AbstractReset, Refractory
    from onspike.rules import AbstractGate, AbstractRegulariser, AbstractSignal
    from onspike.surrogates import AbstractSurrogate
    from onspike.tasks.base import AbstractTask

Settings = Mapping[str, Any]  # "section.option" -> value


class Row(NamedTuple):
    """One name. `defaults` replace those of the builder's own signature."""

    build: Callable[..., Any]
    summary: str
    source: str
    defaults: Settings = {}


class Recipe(NamedTuple):
    """What a task uses when nothing else is said.

    `settings` hold for every choice; `choices` maps a rule, a neuron or "rule+neuron"
    to further settings, applied in this order. What the user sets wins over all.
    """

    rule: str
    neuron: str
    settings: Settings
    choices: Mapping[str, Settings]


class TaskRow(NamedTuple):
    """One task, with its recipe."""

    build: Callable[..., Any]
    summary: str
    source: str
    recipe: Recipe
    defaults: Settings = {}


# --- neurons -------------------------------------------------------------------------

Surrogate = Literal["triangle", "fast-sigmoid", "box", "arctan", "table"]
Reset = Literal["subtract", "zero"]


def _lif(
    tau_mem: float = 20e-3,
    v_threshold: float = 1.0,
    tau_ref: float = 0.0,
    reset: Reset = "subtract",
    normalised: bool = False,
    surrogate: Surrogate = "triangle",
    slope: float | None = None,
) -> "AbstractNeuron":
    from onspike.neurons import LIF

    return LIF(
        tau_mem=tau_mem,
        v_threshold=v_threshold,
        reset=_reset(reset),
        refractory=_refractory(tau_ref),
        normalised=normalised,
        surrogate=_surrogate(surrogate, slope),
    )


def _alif(
    tau_mem: float = 20e-3,
    tau_adapt: float = 2.0,
    beta: float = 0.0174,
    adaptive: float = 1.0,
    v_threshold: float = 1.0,
    tau_ref: float = 0.0,
    reset: Reset = "subtract",
    normalised: bool = False,
    surrogate: Surrogate = "triangle",
    slope: float | None = None,
) -> "Callable[[int], AbstractNeuron]":
    import jax.numpy as jnp

    from onspike.neurons import ALIF

    checks.probability("alif", adaptive=adaptive)

    def population(n: int) -> ALIF:
        """The last `adaptive` share of the neurons adapts; the others are LIF."""
        adapts = jnp.arange(n) >= n - round(adaptive * n)
        return ALIF(
            tau_mem=tau_mem,
            tau_adapt=tau_adapt,
            beta=beta if adaptive == 1 else jnp.where(adapts, beta, 0.0),
            v_threshold=v_threshold,
            reset=_reset(reset),
            refractory=_refractory(tau_ref),
            normalised=normalised,
            surrogate=_surrogate(surrogate, slope),
        )

    return population


def _cuba_lif(
    tau_mem: float = 20e-3,
    tau_syn: float = 10e-3,
    v_threshold: float = 1.0,
    tau_ref: float = 0.0,
    reset: Reset = "subtract",
    normalised: bool = False,
    surrogate: Surrogate = "triangle",
    slope: float | None = None,
) -> "AbstractNeuron":
    from onspike.neurons import CubaLIF

    return CubaLIF(
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        v_threshold=v_threshold,
        reset=_reset(reset),
        refractory=_refractory(tau_ref),
        normalised=normalised,
        surrogate=_surrogate(surrogate, slope),
    )


def _reset(name: Reset) -> "AbstractReset":
    from onspike.neurons import SubtractReset, ZeroReset

    return {"subtract": SubtractReset, "zero": ZeroReset}[name]()


def _refractory(tau_ref: float) -> "Refractory | None":
    from onspike.neurons import Refractory

    checks.non_negative("neuron", "seconds", tau_ref=tau_ref)
    return Refractory(tau_ref) if tau_ref else None


def _surrogate(name: Surrogate, slope: float | None) -> "AbstractSurrogate":
    from onspike import surrogates

    if name == "table":
        return surrogates.Table()
    kind = {
        "triangle": surrogates.Triangle,
        "fast-sigmoid": surrogates.FastSigmoid,
        "box": surrogates.Box,
        "arctan": surrogates.Arctan,
    }[name]
    return kind() if slope is None else kind(slope)


NEURONS: dict[str, Row] = {
    "lif": Row(
        _lif,
        "leaky integrate-and-fire; refractory period and zero reset optional",
        "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y",
    ),
    "alif": Row(
        _alif,
        "LIF with an adaptive threshold; a share of the population may stay LIF",
        "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y",
    ),
    "cuba-lif": Row(
        _cuba_lif,
        "LIF behind exponential synapses",
        "Gerstner et al., Neuronal Dynamics, 2014, ch. 3.1",
    ),
}

# --- devices -------------------------------------------------------------------------


def _ideal() -> "AbstractDevice":
    from onspike.devices import Ideal

    return Ideal()


def _fixed8(
    bits: int = 8,
    write: Literal["plus-minus-lsb", "stochastic", "nearest"] = "plus-minus-lsb",
    headroom: float = 2.0,
) -> "AbstractDevice":
    from onspike.devices import Fixed, Nearest, PlusMinusLSB, StochasticRounding

    mode = {
        "plus-minus-lsb": PlusMinusLSB,
        "stochastic": StochasticRounding,
        "nearest": Nearest,
    }[write]
    return Fixed(bits=bits, write_mode=mode(), headroom=headroom)


DEVICES: dict[str, Row] = {
    "ideal": Row(_ideal, "floating-point weights that take any change", "-"),
    "fixed8": Row(
        _fixed8,
        "8-bit weights, stochastic +-1 LSB writes, no shadow copy",
        "Frenkel & Indiveri 2022, arXiv 2208.09759",
    ),
}

# --- rules ---------------------------------------------------------------------------

Feedback = Literal["symmetric", "random", "none"]
Gate = Literal["every-tick", "target-window", "end-of-sample", "end-of-window"]


def _signal(feedback: Feedback, scale: float) -> "AbstractSignal":
    from onspike.rules import NoSignal, RandomFeedback, Symmetric

    if feedback == "random":
        return RandomFeedback(scale)
    return Symmetric() if feedback == "symmetric" else NoSignal()


def _gate(name: Gate) -> "AbstractGate":
    from onspike.rules import EndOfSample, EveryTick, TargetWindow

    gates: dict[str, Callable[[], AbstractGate]] = {
        "every-tick": EveryTick,
        "target-window": TargetWindow,
        "end-of-sample": EndOfSample,
        "end-of-window": lambda: EndOfSample(window_only=True),
    }
    return gates[name]()


def _calm(
    hinge: float, hinge_bound: float, rate_cost: float, rate_target: float
) -> "AbstractRegulariser | None":
    from onspike.rules import RateHinge, RateTarget

    if hinge and rate_cost:
        raise ValueError(
            "rule.hinge and rule.rate_cost both regularise the firing rate; "
            "set one of them to 0"
        )
    if rate_cost:
        return RateTarget(strength=rate_cost, target=rate_target)
    return RateHinge(hinge, hinge_bound) if hinge else None


def _by_projection(rate: float, rate_out: float | None) -> "float | dict[str, float]":
    return rate if rate_out is None else {"*": rate, "out": rate_out}


def _reckon(
    rate: float = 2e-5,
    rate_out: float | None = 4e-4,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 0.2,
    gate: Gate = "target-window",
    hinge: float = 0.003,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike.rules import reckon

    return reckon(
        _by_projection(rate, rate_out),
        signal=_signal(feedback, feedback_scale),
        gate=_gate(gate),
        regulariser=_calm(hinge, hinge_bound, rate_cost, rate_target),
    )


def _eprop(
    rate: float = 1e-3,
    rate_out: float | None = None,
    feedback: Feedback = "symmetric",
    feedback_scale: float = 1.0,
    eligibility: Literal["full", "pre-trace"] = "full",
    readout_filter: bool = True,
    gate: Gate = "end-of-sample",
    hinge: float = 0.0,
    hinge_bound: float = 80.0,
    rate_cost: float = 0.0,
    rate_target: float = 10.0,
) -> Any:
    from onspike.rules import EProp, PreTrace, ReadoutFilter, ThreeFactor

    return ThreeFactor(
        signal=_signal(feedback, feedback_scale),
        eligibility=EProp() if eligibility == "full" else PreTrace(),
        rate=_by_projection(rate, rate_out),
        gate=_gate(gate),
        readout_filter=ReadoutFilter() if readout_filter else None,
        regulariser=_calm(hinge, hinge_bound, rate_cost, rate_target),
    )


def _frozen_hidden(rate_out: float = 4e-4, gate: Gate = "target-window") -> Any:
    from onspike.rules import NoSignal, PreTrace, ThreeFactor

    return ThreeFactor(
        signal=NoSignal(),
        eligibility=PreTrace(),
        rate={"out": rate_out},
        gate=_gate(gate),
    )


def _bptt(rate: float = 1e-3, rate_out: float | None = None) -> Any:
    from onspike.learners import BPTT

    return _offline(BPTT, rate, rate_out)


def _rtrl(rate: float = 1e-3, rate_out: float | None = None) -> Any:
    from onspike.learners import RTRL

    return _offline(RTRL, rate, rate_out)


def _offline(kind: Any, rate: float, rate_out: float | None) -> Any:
    import functools

    return functools.partial(kind, rate=_by_projection(rate, rate_out))


_BELLEC = "Bellec et al. 2020, doi:10.1038/s41467-020-17236-y"
_RECKON = "Frenkel & Indiveri 2022, arXiv 2208.09759"

RULES: dict[str, Row] = {
    "reckon": Row(
        _reckon, "decoupled e-prop, one trace per neuron, a write per tick", _RECKON
    ),
    "reckon-random": Row(
        _reckon, "the same, fixed random feedback", _RECKON, {"feedback": "random"}
    ),
    "eprop": Row(_eprop, "full e-prop from the neuron's own Jacobians", _BELLEC),
    "eprop-random": Row(
        _eprop, "the same, fixed random feedback", _BELLEC, {"feedback": "random"}
    ),
    "frozen-hidden": Row(
        _frozen_hidden, "control: only the readout learns", "decoupled form, as reckon"
    ),
    "bptt": Row(
        _bptt,
        "offline baseline: surrogate gradients through time",
        "Neftci et al. 2019, doi:10.1109/MSP.2019.2931595",
    ),
    "rtrl": Row(
        _rtrl,
        "exact gradient forward in time; small nets only",
        "Williams & Zipser 1989, doi:10.1162/neco.1989.1.2.270",
    ),
}

# --- network -------------------------------------------------------------------------


def network(
    task: "AbstractTask",
    neuron: "AbstractNeuron | Callable[[int], AbstractNeuron]",
    hidden: tuple[int, ...] = (100,),
    recurrent: bool = True,
    gain_in: float = 1.0,
    gain_rec: float = 1.0,
    gain_out: float = 1.0,
    tau_out: float = 20e-3,
    delay: int = 1,
) -> "Network":
    """The network that a task is trained with: recurrent, or a stack of layers."""
    from onspike import network as graph
    from onspike.neurons import AbstractNeuron, LeakyIntegrator

    if recurrent and len(hidden) != 1:
        raise ValueError(
            "network.hidden must hold one size while network.recurrent is true; "
            f"got {list(hidden)}"
        )
    if not isinstance(neuron, AbstractNeuron):
        if len(set(hidden)) != 1:
            raise ValueError(
                "network.hidden must hold equal sizes for a neuron whose constants "
                f"vary within a layer; got {list(hidden)}"
            )
        neuron = neuron(hidden[0])
    readout = LeakyIntegrator(tau_out)
    if recurrent:
        gains = (gain_in, gain_rec, gain_out)
        return graph.recurrent(
            task.n_in,
            neuron,
            hidden[0],
            task.n_out,
            readout=readout,
            gains=gains,
            delay=delay,
            dt=task.dt,
        )
    between = (gain_rec,) * (len(hidden) - 1)
    return graph.feedforward(
        task.n_in,
        neuron,
        hidden,
        task.n_out,
        readout=readout,
        gains=(gain_in, *between, gain_out),
        dt=task.dt,
    )


# --- tasks ---------------------------------------------------------------------------


def _cue_accumulation(
    ticks: int = 2250,
    n_cues: int = 7,
    n_per_group: int = 10,
    cue_duration: float = 0.1,
    cue_period: float = 0.15,
    recall_duration: float = 0.15,
    active_rate: float = 40.0,
    background_rate: float = 10.0,
    flip_probability: float = 0.3,
    dt: float = 1e-3,
    train_samples: int = 200,
    validation_samples: int = 200,
    test_samples: int = 1000,
    fresh: bool = False,
) -> "AbstractTask":
    from onspike.tasks import CueAccumulation

    return CueAccumulation(
        ticks=ticks,
        n_cues=n_cues,
        n_per_group=n_per_group,
        cue_duration=cue_duration,
        cue_period=cue_period,
        recall_duration=recall_duration,
        active_rate=active_rate,
        background_rate=background_rate,
        flip_probability=flip_probability,
        dt=dt,
        train_samples=train_samples,
        validation_samples=validation_samples,
        test_samples=test_samples,
        fresh=fresh,
    )


def _yin_yang(
    code: Literal["rate", "poisson", "latency"] = "rate",
    rate: float = 100.0,
    n_per_feature: int = 5,
    t_min: float = 10e-3,
    t_max: float = 40e-3,
    bias: float | None = 20e-3,
    ticks: int = 200,
    dt: float = 1e-3,
    window: float | None = None,
    r_small: float = 0.1,
    r_big: float = 0.5,
    train_samples: int = 5000,
    validation_samples: int = 1000,
    test_samples: int = 1000,
    fresh: bool = True,
) -> "AbstractTask":
    from onspike.tasks import Latency, Poisson, Rate, YinYang

    codes = {
        "rate": lambda: Rate(rate, n_per_feature),
        "poisson": lambda: Poisson(rate, n_per_feature),
        "latency": lambda: Latency(t_min, t_max, bias),
    }
    return YinYang(
        code=codes[code](),
        ticks=ticks,
        dt=dt,
        window=window,
        r_small=r_small,
        r_big=r_big,
        train_samples=train_samples,
        validation_samples=validation_samples,
        test_samples=test_samples,
        fresh=fresh,
    )


def _digits(
    code: Literal["rate", "poisson", "graded"] = "rate",
    rate: float = 200.0,
    n_per_feature: int = 1,
    gain: float = 1.0,
    ticks: int = 50,
    dt: float = 1e-3,
    window: float | None = None,
    fresh: bool = True,
) -> "AbstractTask":
    from onspike.tasks import Digits, Graded, Poisson, Rate

    codes = {
        "rate": lambda: Rate(rate, n_per_feature),
        "poisson": lambda: Poisson(rate, n_per_feature),
        "graded": lambda: Graded(gain),
    }
    return Digits(code=codes[code](), ticks=ticks, dt=dt, window=window, fresh=fresh)


def _spoken_digits(
    train: Path,
    test: Path,
    ticks: int = 100,
    dt: float = 10e-3,
    channels: int = 70,
    n_units: int = 700,
    amplitude: Literal["sqrt", "counts", "binary"] = "sqrt",
    gain: float = 1.0,
    validation_share: float = 0.1,
    validation_speakers: tuple[int, ...] = (),
    warp_channels: int = 1,
    warp_shift: float = 0.05,
    warp_stretch: float = 0.2,
    window: float | None = None,
) -> "AbstractTask":
    from onspike.tasks import (
        Binary,
        Counts,
        HeldOutSpeakers,
        RandomShare,
        SpokenDigits,
        SquareRoot,
        Warp,
    )

    amplitudes = {
        "sqrt": lambda: SquareRoot(gain),
        "counts": lambda: Counts(gain),
        "binary": Binary,
    }
    held = (
        HeldOutSpeakers(validation_speakers)
        if validation_speakers
        else RandomShare(validation_share)
    )
    return SpokenDigits(
        train,
        test,
        ticks=ticks,
        dt=dt,
        channels=channels,
        n_units=n_units,
        amplitude=amplitudes[amplitude](),
        validation=held,
        augment=Warp(warp_channels, warp_shift, warp_stretch),
        window=window,
    )


# With plain LIF neurons one trace per presynaptic neuron is exact.
_FACTORED: Settings = {"rule.eligibility": "pre-trace"}
# The decoupled rules in a batch: their updates of a sample add up and pass through
# Adam once, instead of a write per tick.
_ONCE: Settings = {"rule.gate": "end-of-sample", "rule.hinge": 0.0}
# Cue accumulation: rules that write once per batch, through Adam.
_CUE_ADAM: Settings = {
    "rule.rate": 1e-3,
    "train.batch": 5,
    "train.optimiser": "adam",
}
# 50 LIF and 50 ALIF neurons with biological time constants.
_CUE_ALIF: Settings = {
    "network.gain_in": 0.5**0.5,
    "network.gain_rec": 0.5**0.5,
    "network.gain_out": 0.5**0.5,
    "neuron.tau_mem": 20e-3,
    "neuron.tau_adapt": 2.0,
    "neuron.adaptive": 0.5,
    "neuron.tau_ref": 5e-3,
}
_CUE_ALIF_ADAM: Settings = {
    "rule.rate": 5e-3,
    "rule.feedback_scale": 1.0,
    "rule.rate_cost": 1.3e-3,
    "task.fresh": True,
    "task.train_samples": 800,
    "train.epochs": 10,
    "train.batch": 32,  # 250 iterations
    "train.optimiser": "adam",
}

TASKS: dict[str, TaskRow] = {
    "cue-accumulation": TaskRow(
        _cue_accumulation,
        "which side showed more cues? asked after a second of silence",
        _BELLEC,
        Recipe(
            rule="reckon",
            neuron="lif",
            settings={
                "network.hidden": (100,),
                "network.gain_in": 0.5,
                "network.gain_rec": 0.1,
                "network.gain_out": 0.5,
                "neuron.tau_mem": 2.0,
                "neuron.v_threshold": 0.6,
                "train.epochs": 5,
                "train.decay": "linear",
            },
            choices={
                "eprop": _CUE_ADAM,
                "eprop-random": _CUE_ADAM,
                "eprop+lif": _FACTORED,
                "eprop-random+lif": _FACTORED,
                "bptt": _CUE_ADAM,
                "rtrl": _CUE_ADAM,
                "alif": _CUE_ALIF,
                "eprop+alif": _CUE_ALIF_ADAM,
                "eprop-random+alif": _CUE_ALIF_ADAM,
                "bptt+alif": _CUE_ALIF_ADAM,
                "frozen-hidden+alif": {
                    **_CUE_ALIF_ADAM,
                    "rule.gate": "end-of-sample",
                    "rule.rate_out": 5e-3,
                },
            },
        ),
    ),
    "yin-yang": TaskRow(
        _yin_yang,
        "three interleaved regions of the plane: needs a hidden layer that learns",
        "Kriener et al. 2022, arXiv 2102.08211",
        Recipe(
            rule="eprop",
            neuron="lif",
            settings={
                "network.recurrent": False,
                "network.gain_in": 0.5,
                "rule.rate": 5e-3,
                "rule.rate_out": None,
                "train.epochs": 10,
                "train.batch": 50,
                "train.optimiser": "adam",
                "train.decay": "linear",
            },
            choices={
                "eprop+lif": _FACTORED,
                "eprop-random+lif": _FACTORED,
                "reckon": _ONCE,
                "reckon-random": _ONCE,
                "frozen-hidden": {**_ONCE, "rule.rate_out": 5e-3},
            },
        ),
    ),
    "digits": TaskRow(
        _digits,
        "8x8 handwritten digits, bundled with scikit-learn",
        "Alpaydin & Kaynak 1998, doi:10.24432/C50P49",
        Recipe(
            rule="eprop",
            neuron="lif",
            settings={
                "network.recurrent": False,
                "rule.rate": 3e-3,
                "rule.rate_out": None,
                "train.epochs": 20,
                "train.batch": 32,
                "train.optimiser": "adam",
                "train.decay": "linear",
            },
            choices={
                "eprop+lif": _FACTORED,
                "eprop-random+lif": _FACTORED,
                "reckon": _ONCE,
                "reckon-random": _ONCE,
                "frozen-hidden": {**_ONCE, "rule.rate_out": 5e-3},
            },
        ),
    ),
    "spoken-digits": TaskRow(
        _spoken_digits,
        "spoken digits as cochlear spikes, from HDF5 files that you name",
        "Cramer et al. 2020, doi:10.1109/TNNLS.2020.3044364",
        Recipe(
            rule="eprop",
            neuron="alif",
            settings={
                "network.hidden": (200,),
                "network.gain_rec": 0.3,
                "network.tau_out": 0.1,
                "neuron.tau_mem": 0.04,
                "neuron.tau_adapt": 0.5,
                "neuron.beta": 0.1,
                "rule.rate": 2e-3,
                "rule.rate_out": None,
                "train.epochs": 60,
                "train.batch": 32,
                "train.optimiser": "adam",
                "train.decay": "linear",
            },
            choices={
                "reckon": _ONCE,
                "reckon-random": _ONCE,
                "frozen-hidden": {**_ONCE, "rule.rate_out": 2e-2},
                "bptt": {"rule.rate": 1e-3},
            },
        ),
    ),
}

KINDS: dict[str, Mapping[str, Row | TaskRow]] = {
    "task": TASKS,
    "rule": RULES,
    "neuron": NEURONS,
    "device": DEVICES,
}


def row(kind: str, name: str) -> Any:
    """The row of a name.

    Raises:
        ValueError: If there is none, with the nearest suggestion.
    """
    rows = KINDS[kind]
    checks.known(kind, name, rows, f"`onspike list {kind}s` shows all")
    return rows[name]
