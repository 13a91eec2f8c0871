"""Names for the command line: tasks, rules, neurons, devices, and how to build them.

A row's options are the typed keyword parameters of its builder. Builders import what
they build when they are called, so that listing names does not wait for JAX.
"""

from collections.abc import Mapping
from typing import Any

from onspike import checks
from onspike.catalog.chips import CHIPS
from onspike.catalog.devices import DEVICES
from onspike.catalog.networks import network
from onspike.catalog.neurons import NEURONS
from onspike.catalog.own import is_own, kind_of_own, own
from onspike.catalog.rows import Row, TaskRow
from onspike.catalog.rules import RULES
from onspike.catalog.tasks import TASKS

__all__ = [
    "CHIPS",
    "DEVICES",
    "KINDS",
    "NEURONS",
    "RULES",
    "TASKS",
    "is_own",
    "kind_of_own",
    "network",
    "row",
]

KINDS: dict[str, Mapping[str, Row | TaskRow]] = {
    "task": TASKS,
    "rule": RULES,
    "neuron": NEURONS,
    "device": DEVICES,
}


def row(kind: str, name: str) -> Any:
    """The row of a name, which may be the user's own `module:attribute`.

    Raises:
        ValueError: If there is none, with the nearest suggestion.
    """
    if is_own(name):
        return own(kind, name)
    rows, all_of = KINDS[kind], f"`onspike list {kind}s` shows all"
    for other, names in KINDS.items():
        if name in names and name not in rows:
            raise ValueError(f"unknown {kind} '{name}', which is a {other}; {all_of}")
    checks.known(kind, name, rows, all_of)
    return rows[name]
