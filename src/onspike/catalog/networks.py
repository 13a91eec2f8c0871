"""The network that a task is trained with."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onspike.network import Network
    from onspike.neurons import AbstractNeuron
    from onspike.tasks.base import AbstractTask


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
