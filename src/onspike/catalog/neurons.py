"""Hidden neurons by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from onspike import checks
from onspike.catalog.rows import Row

if TYPE_CHECKING:
    from onspike.neurons import AbstractNeuron
    from onspike.neurons.base import AbstractReset, Refractory
    from onspike.surrogates import AbstractSurrogate

    Built = AbstractNeuron | Callable[[int], AbstractNeuron]  # one, or one per size

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
    bias: float = 0.0,
    bias_spread: float = 0.0,
    floor: float | None = None,
) -> "Built":
    from onspike.neurons import LIF

    neuron = LIF(
        tau_mem=tau_mem,
        v_threshold=v_threshold,
        reset=_reset(reset),
        refractory=_refractory(tau_ref),
        normalised=normalised,
        surrogate=_surrogate(surrogate, slope),
        bias=bias,
        floor=floor,
    )
    return _spread(neuron, bias_spread)


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
    bias: float = 0.0,
) -> "Built":
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
            bias=bias,
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
    bias: float = 0.0,
    bias_spread: float = 0.0,
    floor: float | None = None,
) -> "Built":
    from onspike.neurons import CubaLIF

    neuron = CubaLIF(
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        v_threshold=v_threshold,
        reset=_reset(reset),
        refractory=_refractory(tau_ref),
        normalised=normalised,
        surrogate=_surrogate(surrogate, slope),
        bias=bias,
        floor=floor,
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


def _spread(neuron: "AbstractNeuron", spread: float) -> "Built":
    """Biases evenly spaced up to `spread` below and above the neuron's own."""
    import jax.numpy as jnp

    if not spread:
        return neuron
    return lambda n: neuron.inject(spread * jnp.linspace(-1.0, 1.0, n))


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
    "cuba-lif": Row(
        _cuba_lif,
        "LIF behind exponential synapses",
        "Gerstner et al., Neuronal Dynamics, 2014, ch. 3.1",
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
