"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from onspike.terminal import complete

Task = Annotated[
    str,
    typer.Argument(
        help="Name of the task; `onspike list tasks` shows all.",
        autocompletion=complete.tasks,
    ),
]
Run = Annotated[
    Path, typer.Argument(help="Run folder.", autocompletion=complete.folders)
]
Folder = Annotated[
    Path,
    typer.Argument(
        help="Run, comparison or sweep folder.", autocompletion=complete.folders
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
Rule = Annotated[
    str | None,
    typer.Option(
        "--rule",
        help="Learning rule; default: the recipe's.",
        autocompletion=complete.rules,
    ),
]
Neuron = Annotated[
    str | None,
    typer.Option(
        "--neuron",
        help="Hidden neuron; default: the recipe's.",
        autocompletion=complete.neurons,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="What holds the weights; default: the rule's own, else ideal.",
        autocompletion=complete.devices,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.OPTION=VALUE",
        help="Sets an option; sections: task, network, neuron, rule, device, train. "
        "`onspike list TASK|RULE|...|network|train` shows options. May be repeated.",
        autocompletion=complete.settings,
    ),
]


def names_of(text: str) -> list[str]:
    """Names that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def seeds_of(text: str) -> list[int]:
    """Seeds, as a list of them or as their number.

    Raises:
        ValueError: If it is neither.
    """
    try:
        numbers = [int(part) for part in names_of(text)]
        return numbers if "," in text else list(range(*numbers))
    except (ValueError, TypeError):
        raise ValueError(f"--seeds must be a number or a list; got '{text}'") from None
