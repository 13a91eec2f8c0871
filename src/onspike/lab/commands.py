"""What a browser may ask of the lab; `docs/reference/lab.md` says what it means."""

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


def parse(text: str | bytes) -> Command:
    """Reads a browser's command.

    Raises:
        ValueError: If it is none; the message says what is wrong with it.
    """
    try:
        command = _DECODER.decode(text)
    except msgspec.MsgspecError as error:
        raise ValueError(f"this is no command of the lab: {error}") from None
    if isinstance(command, New):
        for kind in catalog.KINDS:
            name = getattr(command, kind)
            if name is not None and is_own(name):  # it would run any installed code
                raise ValueError(
                    f"a {kind} of your own, '{name}', is named where the lab is "
                    f"started: onspike lab --{kind} {name}"
                )
    return command


def plain(command: Command) -> dict[str, Any]:
    """As a dict, for the child process."""
    return msgspec.to_builtins(command)
