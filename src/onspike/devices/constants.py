"""The constants of neurons that chance on a die touches."""

from collections.abc import Mapping

import equinox as eqx
from jaxtyping import Array, Float

from onspike.types import Tree

CONSTANTS = (
    *("tau_mem", "tau_syn", "tau_ref", "tau_adapt", "tau_fast", "tau_slow"),
    *("v_threshold", "bias"),
    *("I_tau", "I_th", "I_spk", "I_a"),  # of the silicon neuron, and of its synapse
    *("I_tau_syn", "I_w", "I_tau_ahp", "I_w_ahp"),
)


def constant(neuron: Tree, name: str) -> Tree:
    """A constant of a neuron, None if it has none; a refractory period is a part's."""
    part = getattr(neuron, "refractory", None) if name == "tau_ref" else None
    return getattr(neuron, name, getattr(part, name, None))


def multiplied(neuron: Tree, factors: Mapping[str, Float[Array, " n"]]) -> Tree:
    """The neuron with some constants multiplied, each neuron's by its own factor."""
    for name, factor in factors.items():
        neuron = eqx.tree_at(
            lambda one, name=name: constant(one, name),
            neuron,
            constant(neuron, name) * factor,
        )
    return neuron
