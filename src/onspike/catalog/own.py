"""Pieces of the user's own, named `module:attribute` where a catalogue name could be.

The attribute is what a row's builder is: a class, or a function whose typed keyword
parameters are the options that `--set` knows. Of a class, the options are the fields
that a shell can write: numbers, truth values, text, and choices between texts.
"""

import functools
import importlib
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from onspike.catalog.recipes.parts import BATCHED
from onspike.catalog.rows import Recipe, Row, TaskRow

# Nothing is known of a task but that it can be learnt: the neuron's own eligibility,
# one write per sample, and an optimiser that finds its own step.
RECIPE = Recipe(
    rule="eprop",
    neuron="lif",
    settings={
        "network.gain_rec": 0.3,
        "rule.rate": 3e-3,
        "train.epochs": 20,
        "train.batch": 32,
        "train.optimiser": "adam",
        "train.decay": "linear",
    },
    choices=BATCHED,
)
_PLAIN = (bool, int, float, str, Path, types.NoneType)


def is_own(name: str) -> bool:
    """Whether a name stands for a piece of the user's own."""
    return ":" in name


def own(kind: str, name: str) -> Row | TaskRow:
    """The row of a piece of the user's own. Imports its module.

    Raises:
        ValueError: If there is no such module or attribute, or it cannot be built from
            plain options.
    """
    attribute = _attribute(kind, name)
    build = _builder(kind, name, attribute)
    summary = (inspect.getdoc(attribute) or name).splitlines()[0]
    if kind == "task":
        return TaskRow(build, summary, name, RECIPE)
    return Row(build, summary, name)


def kind_of_own(name: str) -> str:
    """Whether a piece is a task, a rule, a neuron or a device: it is made to be seen.

    Raises:
        ValueError: If it cannot be made from its defaults, or is none of them.
    """
    try:
        made = _attribute("piece", name)()
    except (TypeError, OSError) as error:
        raise ValueError(
            f"'{name}' cannot be made from its defaults: {error}"
        ) from None
    for kind in ("task", "rule", "neuron", "device"):
        if _fits(kind, made):
            return kind
    raise ValueError(
        f"'{name}' makes no task, rule, neuron or device; got {type(made).__name__}"
    )


def _attribute(kind: str, name: str) -> Callable[..., Any]:
    module, _, path = name.partition(":")
    parts = path.split(".")
    if not all(part.isidentifier() for part in (*module.split("."), *parts)):
        raise ValueError(
            f"{kind} '{name}' must be module:attribute, both Python names: "
            f"mine:Neuron for what mine.py calls Neuron"
        )
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)  # as for `python -m`
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0] and error.name != module:
            raise ValueError(f"{kind} '{name}': {error}") from None
        raise ValueError(
            f"{kind} '{name}': no module '{module}' in {here} or among the installed; "
            f"mine:Piece is what mine.py calls Piece"
        ) from None
    for part in parts:
        if not hasattr(found, part):
            raise ValueError(f"{kind} '{name}': module '{module}' has no '{path}'")
        found = getattr(found, part)
    if not callable(found):
        raise ValueError(
            f"{kind} '{name}' must be a class, or a function that makes one; got "
            f"{type(found).__name__}"
        )
    return found


def _builder(kind: str, name: str, attribute: Callable[..., Any]) -> Callable[..., Any]:
    try:
        signature = inspect.signature(attribute)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{kind} '{name}' has no known options: {error}") from None
    space = vars(sys.modules[attribute.__module__])
    if "name" in signature.parameters:
        raise ValueError(f"{kind} '{name}' has an option 'name', which is taken")
    options = [
        option.replace(annotation=plain, kind=inspect.Parameter.KEYWORD_ONLY)
        for option in signature.parameters.values()
        if (plain := _plain(option, space)) is not None
    ]
    for option in signature.parameters.values():
        needed = option.default is option.empty and option.kind not in (
            option.VAR_POSITIONAL,
            option.VAR_KEYWORD,
        )
        if needed and option.name not in {o.name for o in options}:
            raise ValueError(
                f"{kind} '{name}' needs '{option.name}', which no shell can write: "
                f"annotate it as a number or a text, give it a default, or name a "
                f"function that fills it in"
            )

    @functools.wraps(attribute, updated=())
    def build(**chosen: Any) -> Any:
        made = attribute(**chosen)
        if not _fits(kind, made):
            raise ValueError(
                f"{name} must make a {kind}, as the reference has it; got "
                f"{type(made).__name__}"
            )
        return made

    build.__signature__ = signature.replace(  # pyright: ignore[reportAttributeAccessIssue]
        parameters=options, return_annotation=signature.empty
    )
    return build


def _fits(kind: str, made: Any) -> bool:
    from onspike.devices import AbstractDevice
    from onspike.neurons import AbstractNeuron
    from onspike.rules import AbstractRule
    from onspike.tasks import AbstractTask

    kinds = {
        "task": AbstractTask,
        "rule": AbstractRule,
        "neuron": AbstractNeuron,
        "device": AbstractDevice,
    }
    return isinstance(made, kinds[kind])


def _plain(option: inspect.Parameter, space: dict[str, Any]) -> Any:
    """The type by which a shell may set an option; None if it may not."""
    from onspike.types import PerNeuron, Scalar

    kind, default = option.annotation, option.default
    if isinstance(kind, str):
        try:
            kind = eval(kind, space)
        except NameError:  # a type that is only there for the type checker
            return None
    given = default is not option.empty
    if given and not isinstance(default, (*_PLAIN, tuple)):
        return None
    if kind is option.empty and given and default is not None:
        kind = type(default)
    elif kind in (Scalar, PerNeuron):
        kind = float
    return kind if _writable(kind) else None


def _writable(kind: Any) -> bool:
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return all(isinstance(choice, str) for choice in inner)
    if typing.get_origin(kind) in (types.UnionType, typing.Union, tuple):
        return all(one is Ellipsis or _writable(one) for one in inner)
    return kind in _PLAIN
