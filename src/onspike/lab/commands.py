"""What a browser may ask of the lab; `docs/reference/lab.md` says what it means."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from onspike import catalog
from onspike.catalog.own import is_own

Index = Annotated[int, Meta(ge=0)]


class _Command(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"
): ...


class New(_Command, frozen=True, tag="new"):
    """Builds a session, paused; None stands for the recipe's choice."""

    task: str
    rule: str | None = None
    neuron: str | None = None
    device: str | None = None
    seed: Index = 0
    settings: dict[str, Any] = {}


class Open(_Command, frozen=True, tag="open"):
    """Goes on from a run folder, or follows it."""

    folder: str


class Start(_Command, frozen=True, tag="start"):
    """Learns until told otherwise."""


class Pause(_Command, frozen=True, tag="pause"):
    """Stops after the tick."""


class Step(_Command, frozen=True, tag="step"):
    """Learns so many ticks, then pauses."""

    ticks: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class Speed(_Command, frozen=True, tag="speed"):
    """A factor of real time, or as fast as it goes."""

    value: Annotated[float, Meta(gt=0, le=1e6)] | Literal["full"]


class Set(_Command, frozen=True, tag="set"):
    """Changes an option while it runs."""

    path: str
    value: bool | float | str | list[Any] | None


class Feedback(_Command, frozen=True, tag="feedback"):
    """Plugs learning and feedback in or out."""

    plugged: bool


class Watch(_Command, frozen=True, tag="watch"):
    """Chooses the synapse whose traces are shown."""

    projection: str
    post: Index
    pre: Index


class Reset(_Command, frozen=True, tag="reset"):
    """The same session from its first tick."""


class Export(_Command, frozen=True, tag="export"):
    """Writes a run folder; None stands for a new one under `runs/`."""

    folder: str | None = None


Command = (
    New | Open | Start | Pause | Step | Speed | Set | Feedback | Watch | Reset | Export
)
_DECODER = msgspec.json.Decoder(Command)


def parse(text: str | bytes, own: Mapping[str, str] = {}) -> Command:
    """Reads a browser's command.

    Args:
        text: The command.
        own: Pieces of the user's own that it may name, by kind. Any other would let a
            browser run whatever code is installed.

    Raises:
        ValueError: If it is none; the message says what is wrong with it.
    """
    try:
        command = _DECODER.decode(text)
    except msgspec.MsgspecError as error:
        raise ValueError(f"this is no command of the lab: {error}") from None
    for kind, name in own_pieces(command).items():
        if own.get(kind) != name:
            words = f"--{kind} {name}"
            if isinstance(command, Open):
                words = command.folder
            raise ValueError(
                f"a {kind} of your own, '{name}', is named where the lab is started: "
                f"onspike lab {words}"
            )
    return command


def own_pieces(command: Command) -> dict[str, str]:
    """What a command names of the user's own, by kind. Imports none of it.

    Raises:
        ValueError: If a folder is in nobody's home.
    """
    names: Mapping[str, Any] = {}
    if isinstance(command, New):
        names = {kind: getattr(command, kind) for kind in catalog.KINDS}
    elif isinstance(command, Open):
        names = _names_in(command.folder)
    return {k: n for k, n in names.items() if isinstance(n, str) and is_own(n)}


def _names_in(folder: str) -> dict[str, Any]:
    """The names in a run folder's specification; what it is worth, the child says."""
    try:
        path = Path(folder).expanduser() / "spec.toml"
    except RuntimeError as error:
        raise ValueError(f"'{folder}': {error}") from None
    try:
        tables = tomllib.loads(path.read_text() if path.is_file() else "")
    except (ValueError, OSError):
        return {}
    found = {kind: tables.get(kind) for kind in catalog.KINDS}
    return {
        k: table.get("name") for k, table in found.items() if isinstance(table, dict)
    }


def plain(command: Command) -> dict[str, Any]:
    """As a dict, for the child process."""
    return msgspec.to_builtins(command)
