"""How a word of the command line may go on, for the shell. JAX is never waited for."""

import io
import os
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

Words = list[tuple[str, str]]  # each with what it means

_ASKED = "_ONSPIKE_COMPLETE"  # set by the shell's script, to who asks
_BREAKS = "=", ":"  # where bash breaks words, besides spaces
_FOLDERS = ("spec.toml", "compare.toml", "sweep.toml")
_DEEP, _MANY = 3, 2000  # levels and folders that are looked at


def tasks(incomplete: str) -> Words:
    """Names of tasks."""
    return _named("task", incomplete)


def rules(incomplete: str) -> Words:
    """Names of rules; the last of several, separated by commas."""
    return _named("rule", incomplete)


def neurons(incomplete: str) -> Words:
    """Names of neurons."""
    return _named("neuron", incomplete)


def devices(incomplete: str) -> Words:
    """Names of devices; the last of several, separated by commas."""
    return _named("device", incomplete)


def listed(incomplete: str) -> Words:
    """What `onspike list` takes."""
    from onspike import catalog
    from onspike.terminal.listing import PLURALS, UNNAMED

    kinds = [(plural, f"all {plural}") for plural in PLURALS]
    sections = [(section, "its options") for section in UNNAMED]
    names = [word for kind in catalog.KINDS for word in _named(kind, incomplete)]
    return [w for w in dict(kinds + sections + names).items() if _fits(w, incomplete)]


def folders(incomplete: str) -> list[str]:
    """Folders of runs, comparisons and sweeps."""
    start = (
        Path(incomplete).parent if not incomplete.endswith("/") else Path(incomplete)
    )
    found = (os.fspath(path) for path in _runs(start))
    return sorted(path for path in found if path.startswith(incomplete))


def settings(ctx: Any, incomplete: str) -> Words:
    """Options by "section.option=", and then their values."""
    return _settings(_chosen(ctx), incomplete, _values)


def ranges(ctx: Any, incomplete: str) -> Words:
    """The same, and then ranges around their values."""
    return _settings(_chosen(ctx), incomplete, _around)


@contextmanager
def whole_words() -> Iterator[None]:
    """Lets bash complete `a.b=c`, which it hands over in three words."""
    if os.environ.get(_ASKED) != "complete_bash":
        yield
        return
    words, current = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
    joined: list[str] = []
    for i, word in enumerate(words[: current + 1]):
        broken = i > 1 and (word in _BREAKS or words[i - 1] in _BREAKS)
        joined[-1:] = [joined[-1] + word] if broken else [*joined[-1:], word]
    os.environ["COMP_WORDS"] = "\n".join(joined)
    os.environ["COMP_CWORD"] = str(len(joined) - 1)
    word = joined[-1].partition("=")[2] if joined[-1][:1] == "-" else joined[-1]
    kept = max(word.rfind(mark) for mark in _BREAKS) + 1  # bash has this part
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            print(line[kept:])


def _named(kind: str, incomplete: str) -> Words:
    from onspike import catalog

    head, comma, _ = incomplete.rpartition(",")
    before = head.split(",") if comma else []
    rows = catalog.KINDS[kind].items()
    return [
        (head + comma + name, row.summary) for name, row in rows if name not in before
    ]


def _chosen(ctx: Any) -> dict[str, Any]:
    """The words so far; a task stays among the unread after an unfinished option."""
    task = ctx.params.get("task") or next(iter(ctx.args), None)
    return {**ctx.params, "task": task}


def _fits(word: tuple[str, str], incomplete: str) -> bool:
    return word[0].startswith(incomplete)


def _settings(params: dict[str, Any], incomplete: str, values: Any) -> Words:
    from onspike.catalog.options import meaning
    from onspike.terminal.listing import takes

    path, equals, _ = incomplete.partition("=")
    known = _options(params)
    fitting = [
        one for one in known if one == path or not equals and one.startswith(path)
    ]
    if len(fitting) == 1:
        (one,) = fitting
        name, field, value = known[one]
        return [
            (f"{one}={word}", text) for word, text in values(one, name, field, value)
        ]
    found = []
    for one in fitting:
        name, field, _ = known[one]
        said = meaning(one.split(".")[0], name, field.name)
        found.append((f"{one}=", f"{said.meaning} {takes(said, field.type)}".strip()))
    return found


def _options(params: dict[str, Any]) -> dict[str, tuple[str | None, Any, Any]]:
    """Names, fields and values by "section.option", for what has been chosen so far."""
    import msgspec

    from onspike.experiment.spec import SECTIONS, kind_of, recipe

    def first(*keys: str) -> str | None:
        given = [params[key] for key in keys if params.get(key)]
        return given[0].split(",")[0] if given else None

    try:
        chosen = first("rule", "rules"), first("neuron"), first("device", "devices")
        names, given = recipe(first("task") or "", *chosen)
    except ValueError:
        names, given = {}, {}
    return {
        f"{section}.{field.name}": (
            names.get(section),
            field,
            given.get(f"{section}.{field.name}", field.default),
        )
        for section in SECTIONS
        if section in (*names, "network", "train")
        for field in msgspec.structs.fields(kind_of(section, names.get(section)))
        if field.name != "name"
    }


def _values(path: str, name: str | None, field: Any, value: Any) -> Words:
    import msgspec

    from onspike.catalog.options import meaning
    from onspike.terminal.listing import written

    words = [w for w in typing.get_args(field.type) if isinstance(w, str)]
    if words:
        said = meaning(path.split(".")[0], name, field.name)
        return [(word, said.choices[word]) for word in words]
    if field.type is bool:
        return [("true", ""), ("false", "")]
    unknown = value is msgspec.NODEFAULT
    return [("" if unknown else written(value), "what it is now")]


def _around(path: str, name: str | None, field: Any, value: Any) -> Words:
    words = [word for word, _ in _values(path, name, field, value)]
    if len(words) > 1:
        return [(",".join(words), "one of these")]
    if not isinstance(value, int | float) or not value:
        return [("", "low:high, log:low:high, int:low:high or a,b,...")]
    if isinstance(value, int):
        return [(f"int:{max(1, value // 2)}:{2 * value}", "whole numbers")]
    low, high = sorted((value / 10, value * 10))
    return [
        (f"log:{low:g}:{high:g}", "each decade as likely"),
        (f"{value / 2:g}:{value * 2:g}", "numbers in between"),
    ]


def _runs(start: Path) -> Iterator[Path]:
    """Run folders below a folder; not those inside of another."""
    level, looked = [start], 0
    for _ in range(_DEEP):
        deeper: list[Path] = []
        for folder in level:
            for path in _inside(folder):
                looked += 1
                if any((path / name).is_file() for name in _FOLDERS):
                    yield path
                elif looked < _MANY:
                    deeper.append(path)
        level = deeper


def _inside(folder: Path) -> Sequence[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.name[0] != "." and e.is_dir()]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]
