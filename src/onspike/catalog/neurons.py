"""Hidden neurons by name."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from onspike import checks
from onspike.catalog.rows import Row

if TYPE_CHECKING:
    from onspike.neurons import AbstractNeuron
    from onspike.neurons.base import AbstractLIF, AbstractReset, Refractory
    from onspike.surrogates import AbstractSurrogate

    Built = AbstractNeuron | Callable[[int], AbstractNeuron]  # one, or one per size

Surrogate = Literal["triangle", "fast-sigmoid", "box", "arctan", "table"]
Reset = Literal["subtract", "zero"]


def _membrane(
    neuron: "AbstractLIF",
    shapes: dict[str, float | None],
    *,
    tau_mem: float = 20e-3,
    tau_mem_shape: float | None = None,
    v_threshold: float = 1.0,
    tau_ref: float = 0.0,
    reset: Reset = "subtract",
    normalised: bool = False,
    surrogate: Surrogate = "triangle",
    slope: float | None = None,
    bias: float = 0.0,
    bias_spread: float = 0.0,
    floor: float | None = None,
) -> "Built":
    """The neuron with that membrane; `shapes` spread constants of its own."""
    neuron = dataclasses.replace(
        neuron,
        tau_mem=tau_mem,
        v_threshold=v_threshold,
        reset=_reset(reset),
        refractory=_refractory(tau_ref),
        normalised=normalised,
        surrogate=_surrogate(surrogate, slope),
        bias=bias,
        floor=floor,
    )
    return _spread(neuron, bias_spread, tau_mem=tau_mem_shape, **shapes)


def _has_membrane(build: Any) -> Callable[..., "Built"]:
    """Names the options that a builder's `**membrane` stands for."""
    *own, _ = inspect.signature(build).parameters.values()
    options = inspect.signature(_membrane).parameters.values()
    shared = [one for one in options if one.kind is one.KEYWORD_ONLY]
    own = [one.replace(kind=one.KEYWORD_ONLY) for one in own]
    build.__signature__ = inspect.Signature([*own, *shared])
    return build


@_has_membrane
def _lif(**membrane: Any) -> "Built":
    from onspike.neurons import LIF

    return _membrane(LIF(), {}, **membrane)


@_has_membrane
def _alif(
    tau_adapt: float = 2.0,
    tau_adapt_shape: float | None = None,
    beta: float = 0.0174,
    adaptive: float = 1.0,
    **membrane: Any,
) -> "Built":
    import equinox as eqx
    import jax.numpy as jnp

    from onspike.neurons import ALIF

    checks.probability("alif", adaptive=adaptive)
    neuron = ALIF(tau_adapt=tau_adapt, beta=beta)
    spread = _membrane(neuron, {"tau_adapt": tau_adapt_shape}, **membrane)

    def population(n: int) -> "AbstractNeuron":
        """The last `adaptive` share of the neurons adapts; the others are LIF."""
        one = spread(n) if callable(spread) else spread
        if adaptive == 1:
            return one
        adapts = jnp.arange(n) >= n - round(adaptive * n)
        return eqx.tree_at(lambda a: a.beta, one, jnp.where(adapts, beta, 0.0))

    return population


@_has_membrane
def _cuba_lif(
    tau_syn: float = 10e-3, tau_syn_shape: float | None = None, **membrane: Any
) -> "Built":
    from onspike.neurons import CubaLIF

    return _membrane(CubaLIF(tau_syn=tau_syn), {"tau_syn": tau_syn_shape}, **membrane)


@_has_membrane
def _dexat(
    tau_fast: float = 30e-3,
    tau_slow: float = 300e-3,
    beta_fast: float = 1.0,
    beta_slow: float = 1.0,
    **membrane: Any,
) -> "Built":
    from onspike.neurons import DEXAT

    neuron = DEXAT(
        tau_fast=tau_fast, tau_slow=tau_slow, beta_fast=beta_fast, beta_slow=beta_slow
    )
    return _membrane(neuron, {}, **membrane)


@_has_membrane
def _graded_lif(bits: int = 4, quantum: float = 0.25, **membrane: Any) -> "Built":
    from onspike.neurons import GradedLIF

    return _membrane(GradedLIF(bits=bits, quantum=quantum), {}, **membrane)


def _dpi(
    I_tau: float = 2.7,
    I_th: float = 2.7,
    I_spk: float = 100.0,
    I_a: float = 20.0,
    I_tau_syn: float = 3.6,
    I_w: float = 2000.0,
    I_tau_ahp: float = 1.0,
    I_w_ahp: float = 0.0,
    tau_ref: float = 2e-3,
    surrogate: Surrogate = "triangle",
    slope: float | None = None,
    bias: float = 0.0,
    bias_spread: float = 0.0,
    substeps: int = 4,
) -> "Built":
    from onspike.neurons import DPINeuron, Refractory

    neuron = DPINeuron(
        I_tau=I_tau,
        I_th=I_th,
        I_spk=I_spk,
        I_a=I_a,
        I_tau_syn=I_tau_syn,
        I_w=I_w,
        I_tau_ahp=I_tau_ahp,
        I_w_ahp=I_w_ahp,
        refractory=Refractory(tau_ref, clamp=True),
        surrogate=_surrogate(surrogate, slope),
        bias=bias,
        substeps=substeps,
    )
    return _spread(neuron, bias_spread)


def _spike_response(
    tau_ref: float = 2.32e-3,
    v_threshold: float = 0.0,
    surrogate: Surrogate = "fast-sigmoid",
    slope: float | None = None,
    bias: float = 0.0,
    bias_spread: float = 0.0,
) -> "Built":
    from onspike.neurons import SpikeResponse

    neuron = SpikeResponse(
        tau_ref=tau_ref,
        v_threshold=v_threshold,
        surrogate=_surrogate(surrogate, slope),
        bias=bias,
    )
    return _spread(neuron, bias_spread)


def _rate(
    phi: Literal["tanh", "sigmoid", "linear"] = "tanh",
    bias: float = 0.0,
    bias_spread: float = 0.0,
) -> "Built":
    import jax

    from onspike.neurons import RateNeuron

    functions = {
        "tanh": jax.numpy.tanh,
        "sigmoid": jax.nn.sigmoid,
        "linear": jax.nn.identity,
    }
    return _spread(RateNeuron(phi=functions[phi], bias=bias), bias_spread)


def _spread(neuron: "AbstractNeuron", bias: float, **shapes: float | None) -> "Built":
    """The neuron with constants of its own for each of a population, if it has any.

    Biases are evenly spaced up to `bias` below and above the neuron's own. The others
    follow a Gamma distribution of a given shape with the neuron's own as their mean.
    """
    import equinox as eqx
    import jax.numpy as jnp

    from onspike.neurons import gamma_spread

    checks.non_negative("neuron", "units of the current", bias_spread=bias)
    for name, shape in shapes.items():
        if shape is not None:
            field = {f"{name}_shape": shape}
            checks.positive("neuron", "1 (of a Gamma distribution)", **field)
    if not bias and all(shape is None for shape in shapes.values()):
        return neuron

    def population(n: int) -> "AbstractNeuron":
        one = neuron.inject(bias * jnp.linspace(-1.0, 1.0, n)) if bias else neuron
        for order, (name, shape) in enumerate(shapes.items()):
            if shape is not None:
                values = gamma_spread(getattr(one, name), shape, n, order)
                one = eqx.tree_at(lambda a, f=name: getattr(a, f), one, values)
        return one

    return population


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
        if slope is not None:
            raise ValueError(
                f"neuron.slope means nothing to neuron.surrogate 'table', whose slopes "
                f"are its values; got {slope}"
            )
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
    "dexat": Row(
        _dexat,
        "LIF whose threshold adapts twice, fast and slowly",
        "Shaban et al. 2021, doi:10.1038/s41467-021-24427-8",
    ),
    "graded-lif": Row(
        _graded_lif,
        "LIF whose spikes carry their membrane in a few bits",
        "onspike",
    ),
    "cuba-lif": Row(
        _cuba_lif,
        "LIF behind exponential synapses",
        "Gerstner et al., Neuronal Dynamics, 2014, ch. 3.1",
    ),
    "dpi": Row(
        _dpi,
        "silicon neuron of mixed-signal chips; currents in pA, weights without unit",
        "Chicca et al. 2014, doi:10.1109/JPROC.2014.2313954",
    ),
    "spike-response": Row(
        _spike_response,
        "memory in the synapses and in its own last spikes only, threshold 0",
        "Kaiser et al. 2020, doi:10.3389/fnins.2020.00424",
    ),
    "rate": Row(
        _rate,
        "no spikes and no memory: a graded rate, r = phi(I + bias)",
        "Gerstner et al., Neuronal Dynamics, 2014, ch. 15",
    ),
}
