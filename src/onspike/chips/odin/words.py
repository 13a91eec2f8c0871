"""ODIN's events as words of 17 bits.

Each function makes one word, or an array of them from arrays of numbers.
"""

from typing import Any

import numpy as np

N = 256  # neurons
W_MAX = 7
Whole = int | np.integer | np.ndarray


def whole(what: str, top: int, value: Any) -> None:
    """Raises ValueError unless there are only whole numbers from 0 to `top`."""
    number = np.asarray(value)
    if number.dtype.kind not in "iub" or np.any((number < 0) | (number > top)):
        raise ValueError(f"{what} must be a whole number from 0 to {top}; got {value}")


def spike(neuron: Whole) -> Whole:
    """The word for: this neuron has fired; its row of synapses is visited."""
    return address(neuron=neuron) << 8 | 0x07


def virtual(
    neuron: Whole, w: Whole = 0, inhibitory: bool = False, leak: bool = False
) -> Whole:
    """The word for: a spike through a synapse that is stored nowhere.

    Args:
        neuron: Where it arrives.
        w: Its weight, 0 to 7.
        inhibitory: Its sign.
        leak: The neuron leaks instead, as at a time reference.

    Raises:
        ValueError: If a number is out of its range, or an excitatory weight is 0,
            which would mean a spike of that neuron.
    """
    whole("odin event: w", W_MAX, w)
    entry = w << 2 | int(inhibitory) << 1 | int(leak)
    if np.any(np.asarray(entry) == 0):
        raise ValueError("odin event: w must be above 0 unless inhibitory; got 0")
    return address(neuron=neuron) << 8 | entry << 3 | 0x01


def synapse(pre: Whole, post: Whole) -> Whole:
    """The word for: a spike at one synapse alone."""
    return 1 << 16 | address(pre=pre) << 8 | address(post=post)


def time_reference(neuron: Whole | None = None) -> Whole:
    """The word for: time passes, for one neuron or all of them."""
    return 0x7F if neuron is None else address(neuron=neuron) << 8 | 0xFF


def refresh(pre: Whole | None = None) -> Whole:
    """The word for: bistability of one presynaptic neuron's synapses, or of all."""
    return 0x00 if pre is None else address(pre=pre) << 8 | 0x80


def address(**neuron: Whole) -> Whole:
    """The one neuron named, checked."""
    ((name, value),) = neuron.items()
    whole(f"odin event: {name}", N - 1, value)
    return value
