"""What a child process measures."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """A workload made ready in one library."""

    step: Callable[[], Any]  # does all of the work once, and waits for it
    ticks: int  # that a step advances
    # after a step: share of hidden neurons that spike in a tick, loss per tick
    figures: Callable[[], dict[str, float]]
