"""`onspike list`: what there is, and what there is to set."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from onspike import catalog, checks
from onspike.catalog.documented import formulas, sections
from onspike.catalog.options import Option, meaning
from onspike.experiment.spec import kind_of, recipe

PLURALS = {**{f"{kind}s": kind for kind in catalog.KINDS}, "chips": "chip"}
UNNAMED = ("network", "train")  # sections of a specification without names
_SECTIONS = ("Locality", "Memory", "Cost", "Exact")  # of a rule's docstring
_SIDE_BY_SIDE = 72  # columns from which an option's name and meaning share a line


def show(what: str | None) -> None:
    """Prints all names, those of a kind, or all that is to be known of one.

    Raises:
        ValueError: If there is no such name, with the nearest one.
    """
    console = Console(highlight=False)
    if what is None or what in PLURALS:
        for kind in [PLURALS[what]] if what else PLURALS.values():
            console.print(Group(*_names(console, kind), ""))
        if what is None:
            console.print(
                "`onspike list NAME` says more of one: its options, its recipe; "
                "`onspike list network` and `onspike list train` likewise."
            )
        return
    if what in UNNAMED:
        console.print(Group(_title(what, ""), *_options(console, what, None)))
        return
    if catalog.is_own(what):
        kind = catalog.kind_of_own(what)
        title = _title(f"{kind} {what}", catalog.row(kind, what).summary)
        console.print(Group(title, *_options(console, kind, what), ""))
        return
    rows = {**catalog.KINDS, "chip": catalog.CHIPS}
    names = [name for row in rows.values() for name in row]
    known = dict.fromkeys([*PLURALS, *UNNAMED, *names])
    checks.known("name", what, known, "`onspike list` shows all")
    for kind, row in rows.items():
        if what in row:
            console.print(Group(*_one(console, kind, what), ""))


def _names(console: Console, kind: str) -> Iterator[RenderableType]:
    """All names of a kind, with their sources."""
    yield _title(f"{kind}s", "")
    if kind == "chip":
        for name, chip in catalog.CHIPS.items():
            yield _title(name, chip.summary)
            yield _facts({"has": "\n".join(chip.has), "source": chip.source})
        return
    wide = console.width >= _SIDE_BY_SIDE
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    for name, row in catalog.KINDS[kind].items():
        about = [escape(row.summary), f"[dim]{escape(row.source)}[/]"]
        table.add_row(name, *(about if wide else ["\n".join(about)]))
    for column in table.columns:
        column.overflow = "fold"
    yield table


def _one(console: Console, kind: str, name: str) -> Iterator[RenderableType]:
    """All that is to be known of one name."""
    if kind == "chip":
        chip = catalog.CHIPS[name]
        yield _title(f"chip {name}", chip.summary)
        yield _facts({"source": chip.source, "has": "\n".join(chip.has)})
        return
    row = catalog.KINDS[kind][name]
    facts = {"task": _of_task, "rule": _of_rule}.get(kind, _of_part)
    yield _title(f"{kind} {name}", row.summary)
    yield _facts({"source": row.source, **facts(kind, name)})
    yield ""
    yield from _options(console, kind, name)


def _of_task(kind: str, name: str) -> dict[str, str]:
    del kind
    asked = catalog.TASKS[name].recipe
    names, settings = recipe(name)
    chosen = ", ".join(f"{k} {names[k]}" for k in ("rule", "neuron", "device"))
    tuned = {key.split("+")[0] for key in asked.choices} & catalog.RULES.keys()
    return {
        "recipe": f"{chosen}\n{_settings(settings)}",
        "also for": ", ".join(sorted(tuned - {names["rule"]})),
        "other rules": "train with what of this recipe fits them",
    }


def _of_rule(kind: str, name: str) -> dict[str, str]:
    del kind
    row = catalog.RULES[name]
    said = sections(row.documented)
    own = [f"neuron {row.neuron}" if row.neuron else ""]
    own += [f"device {row.device}" if row.device else "", _settings(row.needs)]
    first = [t for t, task in catalog.TASKS.items() if task.recipe.rule == name]
    tuned = [
        task
        for task, of in catalog.TASKS.items()
        if task not in first
        and name in {key.split("+")[0] for key in of.recipe.choices}
    ]
    return {
        "equation": "\n".join(formulas(row.documented)),
        **{title.lower(): said[title] for title in _SECTIONS},
        "in Python": row.documented,
        "ticks": "yes: learns tick by tick"
        if row.ticks
        else "no: it has a loop of its own, over whole samples",
        "needs": ", ".join(filter(None, own)),
        "recipes": ", ".join([*(f"{task} (its rule)" for task in first), *tuned])
        or "none of its own: tasks train it with what of theirs fits",
    }


def _of_part(kind: str, name: str) -> dict[str, str]:
    rules = [r for r, row in catalog.RULES.items() if getattr(row, kind) == name]
    tasks = [t for t in catalog.TASKS if recipe(t)[0][kind] == name]
    return {"rules": ", ".join(rules), "tasks": ", ".join(tasks)}


def _options(
    console: Console, section: str, name: str | None
) -> Iterator[RenderableType]:
    """The options of a name, or of a section without names."""
    import msgspec

    fields = msgspec.structs.fields(kind_of(section, name))
    entries = []
    for field in (one for one in fields if one.name != "name"):
        default = "must be set" if field.required else written(field.default)
        head = f"[bold]{section}.{field.name}[/] = {escape(default)}"
        if name is not None and catalog.is_own(name):
            entries.append((head, escape(_typed(field.type))))
            continue
        said = meaning(section, name, field.name)
        entries.append((head, _said(said, field.type)))
    yield "options, for --set, and their defaults without a recipe"
    if console.width < _SIDE_BY_SIDE:
        for head, body in entries:
            yield head
            yield Padding(body, (0, 0, 0, 4))
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for entry in entries:
        table.add_row(*entry)
    yield table


def _typed(kind: Any) -> str:
    """What a shell may write for an option of which only the type is known."""
    words = [c for c in getattr(kind, "__args__", ()) if isinstance(c, str)]
    return " or ".join(words) if words else getattr(kind, "__name__", str(kind))


def _said(said: Option, kind: Any) -> RenderableType:
    words = [c for c in getattr(kind, "__args__", ()) if isinstance(c, str)]
    if words:
        choices = Table.grid(padding=(0, 1, 0, 0))
        for word in words:
            choices.add_row(f"  {word}", escape(said.choices[word]))
        return Group(escape(said.meaning), choices)
    return escape(f"{said.meaning} {takes(said, kind)}")


def takes(said: Option, kind: Any) -> str:
    """Range and unit of an option, in brackets."""
    if kind is bool:
        return "(true or false)"
    if not said.unit:
        return ""
    unit = {"1": "no unit"}.get(said.unit, said.unit)
    return f"({unit}; any number)" if said.takes == "any" else f"({unit}; {said.takes})"


def written(value: Any) -> str:
    """A value as `--set` takes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(written, value))}]"
    return str(value)


def _settings(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{path}={written(value)}" for path, value in settings.items())


def _title(name: str, summary: str) -> str:
    return f"[bold]{escape(name)}[/]" + (f": {escape(summary)}" if summary else "")


def _facts(facts: Mapping[str, str]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for fact, text in facts.items():
        if text:
            table.add_row(f"  {fact}", escape(text))
    return table
