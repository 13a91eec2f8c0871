"""Networks of the usual shapes: stacks of layers, recurrent ones, controlled ones."""

from collections.abc import Callable

import jax.numpy as jnp

from onspike import checks
from onspike.network import Network, Population, Projection
from onspike.neurons import LIF, AbstractNeuron, LeakyIntegrator
from onspike.synapses import AbstractSynapse
from onspike.types import INPUT, Scalar

Neurons = AbstractNeuron | Callable[[int], AbstractNeuron]  # or one per size


def feedforward(
    n_in: int,
    hidden: Neurons,
    sizes: tuple[int, ...],
    n_out: int,
    *,
    readout: AbstractNeuron | None = None,
    gains: tuple[Scalar, ...] | None = None,
    mean_out: Scalar = 0.0,
    unit: int = 1,
    synapse: AbstractSynapse | None = None,
    learns: tuple[str, ...] = (),
    dt: Scalar = 1e-3,
) -> Network:
    """A stack of layers, all within one tick.

    Args:
        n_in: Input channels.
        hidden: The neuron of every hidden layer, or what makes one for a size.
        sizes: Neurons per hidden layer, none for a single layer of output; they are
            called "hidden1", "hidden2", ... ("hidden" if there is only one), their
            projections "in", "w2", ... and "out".
        n_out: Output units.
        readout: The output neuron; by default `LeakyIntegrator()`.
        gains: Gain of the initial weights, one per projection; by default 1.
        mean_out: Mean of the initial weights of "out".
        unit: Neurons per output unit.
        synapse: Of all projections into hidden neurons.
        learns: Constants of the hidden neurons that a rule may learn.
        dt: Length of a tick, in seconds.

    Raises:
        ValueError: If `gains` does not fit.
    """
    gains = (1.0,) * (len(sizes) + 1) if gains is None else gains
    if len(gains) != len(sizes) + 1:
        raise ValueError(
            f"feedforward.gains must hold {len(sizes) + 1} factors, one per "
            f"projection; got {len(gains)}"
        )
    layers = (
        ["hidden"] if len(sizes) == 1 else [f"hidden{i + 1}" for i in range(len(sizes))]
    )
    populations = {
        layer: Population(_for_size(hidden, n), n, learns)
        for layer, n in zip(layers, sizes, strict=True)
    }
    populations["out"] = Population(readout or LeakyIntegrator(), n_out * unit)
    inner = ["in", *(f"w{i + 2}" for i in range(len(sizes) - 1))] if sizes else []
    names = [*inner, "out"]
    chain = [INPUT, *layers, "out"]
    projections = {
        name: Projection(pre, post, gain=gain, mean=mean_out)
        if post == "out"
        else Projection(pre, post, gain=gain, synapse=synapse)
        for name, pre, post, gain in zip(
            names, chain[:-1], chain[1:], gains, strict=True
        )
    }
    return Network(n_in, populations, projections, output="out", dt=dt, unit=unit)


def recurrent(
    n_in: int,
    hidden: Neurons,
    n_hidden: int,
    n_out: int,
    *,
    readout: AbstractNeuron | None = None,
    gains: tuple[Scalar, Scalar, Scalar] = (1.0, 1.0, 1.0),
    mean_out: Scalar = 0.0,
    unit: int = 1,
    delay: int = 1,
    synapse: AbstractSynapse | None = None,
    learns: tuple[str, ...] = (),
    dt: Scalar = 1e-3,
) -> Network:
    """One recurrent population "hidden", without self-connections, and a readout "out".

    Args:
        n_in: Input channels.
        hidden: The recurrent neuron, or what makes one for a size.
        n_hidden: How many.
        n_out: Output units.
        readout: The output neuron; by default `LeakyIntegrator()`.
        gains: Gain of the initial weights of "in", "rec" and "out".
        mean_out: Mean of the initial weights of "out".
        unit: Neurons per output unit.
        delay: Ticks from a recurrent spike to its arrival, 1 or more.
        synapse: Of both projections into hidden neurons.
        learns: Constants of the hidden neurons that a rule may learn.
        dt: Length of a tick, in seconds.
    """
    populations = {
        "hidden": Population(_for_size(hidden, n_hidden), n_hidden, learns),
        "out": Population(readout or LeakyIntegrator(), n_out * unit),
    }
    others = ~jnp.eye(n_hidden, dtype=bool)
    projections = {
        "in": Projection(INPUT, "hidden", gain=gains[0], synapse=synapse),
        "rec": Projection("hidden", "hidden", delay, gains[1], others, synapse=synapse),
        "out": Projection("hidden", "out", gain=gains[2], mean=mean_out),
    }
    return Network(n_in, populations, projections, output="out", dt=dt, unit=unit)


def controlled(
    network: Network,
    controller: AbstractNeuron = LIF(tau_mem=50e-3, floor=-2.0),
    per_unit: int = 1,
) -> Network:
    """The network with two populations of controllers, "more" and "less".

    They have no synapses: a rule drives them and lets them act, as does
    `onspike.rules.Control`. Inference leaves them out.

    Args:
        network: What is to be controlled.
        controller: Their neuron.
        per_unit: Controllers of each kind for one output unit.

    Source: Saponati et al. 2026, arXiv 2602.13261.
    """
    checks.at_least("controlled", "controllers", 1, per_unit=per_unit)
    pair = Population(controller, network.n_out * per_unit)
    return Network(
        network.n_in,
        {**network.populations, "more": pair, "less": pair},
        network.projections,
        output=network.output,
        dt=network.dt,
        unit=network.wiring.unit,
    )


def _for_size(neuron: Neurons, n: int) -> AbstractNeuron:
    return neuron if isinstance(neuron, AbstractNeuron) else neuron(n)
