"""What a row of the catalogue is, and a recipe."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Settings = Mapping[str, Any]  # "section.option" -> value


class Row(NamedTuple):
    """One name. `defaults` replace those of the builder's own signature.

    `documented` is the public object whose docstring says what it is, as a path.

    `needs` are settings of other sections, without which the row makes no sense; they
    come after a task's general settings and before its choices. `neuron` and `device`
    are what a rule was made for, and used where neither the user nor, for the neuron, a
    recipe names another. `control` is the rule of the control whose hidden layer stays
    as it began. `ticks` says whether a rule learns tick by tick; learners with a loop
    of their own take whole samples.
    """

    build: Callable[..., Any]
    summary: str
    source: str
    defaults: Settings = {}
    needs: Settings = {}
    neuron: str = ""
    device: str = ""
    control: str = "frozen-hidden"
    documented: str = ""
    ticks: bool = True


class Recipe(NamedTuple):
    """What a task uses when nothing else is said.

    `settings` hold for every choice; `choices` maps a rule, a neuron or "rule+neuron"
    to further settings, applied in this order. What the user sets wins over all.
    """

    rule: str
    neuron: str
    settings: Settings
    choices: Mapping[str, Settings]
    neurons: Mapping[str, str] = {}  # by rule, where it is not the usual one


class TaskRow(NamedTuple):
    """One task, with its recipe."""

    build: Callable[..., Any]
    summary: str
    source: str
    recipe: Recipe
    defaults: Settings = {}
