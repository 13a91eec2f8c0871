"""ODIN's neurons: constants, state, and what one visit does."""

from enum import IntEnum
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from onspike import checks
from onspike.chips.odin.words import N, whole


class Drive(IntEnum):
    """What an event does to a membrane."""

    EXCITE = 0
    INHIBIT = 1
    LEAK = 2


class Neurons(eqx.Module):
    """The constants in the neurons' memory; each one value or one per neuron.

    Args:
        threshold: A membrane that reaches it fires, 0 to 255; 0 fires at every visit.
        leak: What a time reference takes from the membrane, 0 to 127.
        leaks: Whether it does.
        calcium: Whether calcium is counted; without it nothing is learnt.
        calcium_leak: Time references until calcium falls by 1, 0 to 31; 0 for never.
        theta_mem: Membrane from which a synapse is made stronger, 0 to 255.
        theta_1: Least calcium at which anything is learnt, 0 to 7.
        theta_2: Calcium from which nothing is made weaker, 0 to 7.
        theta_3: Calcium from which nothing is made stronger, 0 to 7.
        disabled: Whether spikes are kept from leaving the neuron.

    Raises:
        ValueError: If a constant is out of its range or is not one value or 256.
    """

    threshold: Int[Array, " n"]
    leak: Int[Array, " n"]
    leaks: Bool[Array, " n"]
    calcium: Bool[Array, " n"]
    calcium_leak: Int[Array, " n"]
    theta_mem: Int[Array, " n"]
    theta_1: Int[Array, " n"]
    theta_2: Int[Array, " n"]
    theta_3: Int[Array, " n"]
    disabled: Bool[Array, " n"]

    def __init__(
        self,
        threshold: Any = 255,
        leak: Any = 0,
        leaks: Any = False,
        calcium: Any = False,
        calcium_leak: Any = 0,
        theta_mem: Any = 0,
        theta_1: Any = 0,
        theta_2: Any = 0,
        theta_3: Any = 0,
        disabled: Any = False,
    ) -> None:
        whole = {
            "threshold": (threshold, 255),
            "leak": (leak, 127),
            "calcium_leak": (calcium_leak, 31),
            "theta_mem": (theta_mem, 255),
            "theta_1": (theta_1, 7),
            "theta_2": (theta_2, 7),
            "theta_3": (theta_3, 7),
        }
        yes_or_no = {"leaks": leaks, "calcium": calcium, "disabled": disabled}
        for name, (value, top) in whole.items():
            setattr(self, name, constants(f"Neurons.{name}", value, top, jnp.int32))
        for name, value in yes_or_no.items():
            setattr(self, name, constants(f"Neurons.{name}", value, 1, jnp.bool_))


def constants(name: str, value: Any, top: int, kind: Any) -> Array:
    """One value per neuron, checked."""
    whole(f"odin.{name}", top, value)
    checks.per_neuron("odin", N, **{name: value})
    return jnp.broadcast_to(jnp.asarray(value).astype(kind), (N,))


class Cells(NamedTuple):
    """What changes in the neurons."""

    v: Int[Array, " n"]  # membrane, 8 bits
    calcium: Int[Array, " n"]  # 3 bits
    waited: Int[Array, " n"]  # time references since calcium last leaked, 5 bits
    up: Bool[Array, " n"]  # a spike that arrives now makes its synapse stronger
    down: Bool[Array, " n"]  # weaker


def integrate(
    neurons: Neurons,
    cells: Cells,
    drive: Int[Array, " n"],
    w: Int[Array, " n"],
) -> tuple[Cells, Bool[Array, " n"]]:
    """One visit to each neuron: membrane, spike, calcium, and then the flags.

    Args:
        neurons: Their constants.
        cells: Before the visit.
        drive: A `Drive` for each.
        w: Weight for each, 0 to 7; a leak has its own size.

    Returns:
        The neurons after it, and which fired, disabled or not.
    """
    leak = drive == Drive.LEAK
    push = jnp.select(
        [drive == Drive.EXCITE, drive == Drive.INHIBIT, leak & neurons.leaks],
        [w, -w, -neurons.leak],
        jnp.zeros_like(w),
    )
    v = jnp.clip(cells.v + push, 0, 255)
    fires = v >= neurons.threshold  # also at weight 0
    counts = leak & neurons.calcium & (neurons.calcium_leak != 0)
    falls = counts & (cells.waited == neurons.calcium_leak - 1)
    waited = jnp.where(counts, (cells.waited + 1) % 32, cells.waited)
    # A spike and a leak of calcium in one visit cancel.
    change = (fires & ~falls).astype(v.dtype) - (falls & ~fires).astype(v.dtype)
    calcium = jnp.clip(cells.calcium + change, 0, 7)
    cells = cells._replace(
        v=jnp.where(fires, 0, v),
        calcium=jnp.where(neurons.calcium, calcium, cells.calcium),
        waited=jnp.where(falls, 0, waited),
    )
    return flagged(neurons, cells), fires


def flagged(neurons: Neurons, cells: Cells) -> Cells:
    """The neurons with the flags that belong to their membranes and calcium."""
    learns = neurons.calcium & (cells.calcium >= neurons.theta_1)
    high = cells.v >= neurons.theta_mem
    return cells._replace(
        up=learns & high & (cells.calcium < neurons.theta_3),
        down=learns & ~high & (cells.calcium < neurons.theta_2),
    )
