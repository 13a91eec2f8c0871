"""The network that a task is trained with."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from onspike.network import Network
    from onspike.neurons import AbstractNeuron
    from onspike.synapses import AbstractSynapse
    from onspike.tasks.base import AbstractTask


def network(
    task: "AbstractTask",
    neuron: "AbstractNeuron | Callable[[int], AbstractNeuron]",
    hidden: tuple[int, ...] = (100,),
    recurrent: bool = True,
    gain_in: float = 1.0,
    gain_rec: float = 1.0,
    gain_out: float = 1.0,
    mean_out: float = 0.0,
    readout: Literal["integrator", "spiking"] = "integrator",
    tau_out: float = 20e-3,
    bias_out: float = 0.0,
    unit: int = 1,
    delay: int = 1,
    synapse: Literal["none", "exponential", "double-exponential"] = "none",
    tau_syn: float = 12e-3,
    tau_mem: float = 32.8e-3,
    learns: tuple[str, ...] = (),
    controllers: int = 0,
    tau_control: float = 50e-3,
    floor_control: float = -2.0,
) -> "Network":
    """The network that a task is trained with: recurrent, or a stack of layers.

    A spiking readout has the hidden neuron's constants, `tau_out` apart. `controllers`
    is the number of each kind for one output unit. `synapse` is what projections into
    hidden neurons have; `tau_mem` is of the double exponential's membrane. `learns` are
    constants of the hidden neurons that the rule learns with the weights: `tau_mem`,
    `v_threshold`.
    """
    from onspike import layouts
    from onspike.neurons import LIF, LeakyIntegrator

    if recurrent and len(hidden) != 1:
        raise ValueError(
            "network.hidden must hold one size while network.recurrent is true; "
            f"got {list(hidden)}"
        )
    if learns and not hidden:
        raise ValueError(
            "network.learns names constants of hidden neurons, and network.hidden is "
            f"empty; got {list(learns)}"
        )
    if readout == "spiking":
        output = _output(neuron, task.n_out * unit, bias_out)
    else:
        output = LeakyIntegrator(tau_mem=tau_out, bias=bias_out)
    common: dict[str, Any] = {
        "readout": output,
        "mean_out": mean_out,
        "unit": unit,
        "synapse": _synapse(synapse, tau_syn, tau_mem),
        "learns": learns,
        "dt": task.dt,
    }
    if recurrent:
        net = layouts.recurrent(
            task.n_in,
            neuron,
            hidden[0],
            task.n_out,
            gains=(gain_in, gain_rec, gain_out),
            delay=delay,
            **common,
        )
    else:
        inner = (gain_in, *(gain_rec,) * (len(hidden) - 1)) if hidden else ()
        net = layouts.feedforward(
            task.n_in, neuron, hidden, task.n_out, gains=(*inner, gain_out), **common
        )
    if not controllers:
        return net
    pulls = LIF(tau_mem=tau_control, floor=floor_control)
    return layouts.controlled(net, pulls, controllers)


def _synapse(
    name: Literal["none", "exponential", "double-exponential"],
    tau_syn: float,
    tau_mem: float,
) -> "AbstractSynapse | None":
    from onspike.synapses import DoubleExponential, Exponential

    if name == "none":
        return None
    single = name == "exponential"
    return Exponential(tau_syn) if single else DoubleExponential(tau_mem, tau_syn)


def _output(neuron, n: int, bias: float) -> "AbstractNeuron":
    import equinox as eqx

    from onspike.neurons import AbstractNeuron

    one = neuron if isinstance(neuron, AbstractNeuron) else neuron(n)
    return eqx.tree_at(lambda output: output.bias, one, bias)
