"""The specification of a run: what a person chooses, resolved and checked."""

import inspect
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomli_w

from onspike import catalog, checks

SECTIONS = ("task", "network", "neuron", "rule", "device", "train")
NAMED = ("task", "neuron", "rule", "device")


class Train(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and in what steps to train."""

    epochs: int = 10
    batch: int = 1
    optimiser: Literal["sgd", "adam", "adamax"] = "sgd"
    beta1: float = 0.9  # what adam and adamax keep of a mean gradient per write
    beta2: float = 0.999  # and of a gradient's size
    decay: Literal["none", "linear"] = "none"  # of the rate, over the whole run
    engine: Literal["auto", "scan", "chunked", "event"] = "auto"
    weight_decay: float = 0.0  # share of a weight that a write at rate 1 takes
    clamp: float | None = None  # largest absolute weight, in weight units
    clamp_low: float | None = None  # smallest weight, where it is not -clamp
    eval_batch: int = 100  # samples that are evaluated at a time
    checkpoint_samples: int = 0  # 0: a checkpoint after every epoch only
    readers: bool = False  # also fit classifiers to the input and to hidden counts
    baselines: bool = False  # the same, and train a frozen hidden layer

    def __post_init__(self) -> None:
        checks.at_least("train", "epochs", 1, epochs=self.epochs)
        checks.at_least("train", "samples", 1, batch=self.batch)
        checks.at_least("train", "samples", 1, eval_batch=self.eval_batch)
        checks.at_least(
            "train", "samples", 0, checkpoint_samples=self.checkpoint_samples
        )
        for field in ("beta1", "beta2"):
            beta = getattr(self, field)
            checks.probability("train", **{field: beta})
            checks.positive("train", "1 below 1", **{field: 1.0 - beta})
        checks.non_negative("train", "1 per rate", weight_decay=self.weight_decay)
        if self.clamp is not None:
            checks.positive("train", "weight units", clamp=self.clamp)
        if self.clamp_low is not None:
            if self.clamp is None:
                raise ValueError(
                    "train.clamp_low needs train.clamp, the largest weight"
                )
            low = {"clamp_low": self.clamp - self.clamp_low}
            checks.positive("train", "weight units below train.clamp", **low)


class Spec(msgspec.Struct, frozen=True):
    """Everything that determines a run; every part but `seed` is a table of options."""

    task: Any
    network: Any
    neuron: Any
    rule: Any
    device: Any
    train: Train
    seed: int = 0

    def built(self, section: str, **context: Any) -> Any:
        """What a section describes: its catalogue builder called with its options."""
        options = _options(getattr(self, section))
        if section == "network":
            return catalog.network(**context, **options)
        build = catalog.row(section, options.pop("name")).build
        return build(**context, **options)

    def changed(self, section: str) -> dict[str, Any]:
        """The options of a section that are not what its row of the catalogue says."""
        part = getattr(self, section)
        return {
            field.name: value
            for field in msgspec.structs.fields(part)
            if (value := getattr(part, field.name)) != field.default
            and field.name != "name"
        }

    def table(self) -> dict[str, Any]:
        """As plain tables. TOML has no null: an unset option is absent, or "null"."""
        plain = {}
        for section in SECTIONS:
            part = getattr(self, section)
            unset = {f.name for f in msgspec.structs.fields(part) if f.default is None}
            plain[section] = {
                name: "null" if value is None else value
                for name, value in _options(part).items()
                if value is not None or name not in unset
            }
        return {"seed": self.seed, **msgspec.to_builtins(plain, enc_hook=str)}

    def toml(self) -> str:
        """As a TOML document."""
        return tomli_w.dumps(self.table())


def resolve(
    task: str,
    *,
    rule: str | None = None,
    neuron: str | None = None,
    device: str | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> Spec:
    """The specification of a run: defaults, then the task's recipe, then `settings`.

    Args:
        task: Catalogue name, or the user's own `module:attribute`, as for all parts.
        rule: The same; by default the recipe's.
        neuron: The same; by default the recipe's for that rule, else the rule's own,
            else the recipe's.
        device: The same; by default the rule's own, else "ideal".
        seed: Seed of weights, die, order and data.
        settings: Values by "section.option".

    Raises:
        ValueError: If a name, an option or a value is not known or does not fit.
    """
    names, given = recipe(task, rule, neuron, device)
    chosen = {section: {"name": name} for section, name in names.items()}
    tables: dict[str, dict[str, Any]] = {s: dict(chosen.get(s, {})) for s in SECTIONS}
    kinds = {section: kind_of(section, names.get(section)) for section in SECTIONS}
    for path, value in given.items():
        section, option = path.split(".")
        tables[section][option] = value
    for path, value in (settings or {}).items():
        section, option = _split(path)
        fields = [f for f in kinds[section].__struct_fields__ if f != "name"]
        if option not in fields and (others := _who_has(section, option)):
            raise ValueError(
                f"unknown option in [{section}] '{option}'; this {section} has none, "
                f"others have: {', '.join(others)}"
            )
        checks.known(f"option in [{section}]", option, fields)
        tables[section][option] = value
    return _assemble(tables, kinds, seed)


def unset(spec: Spec) -> Spec:
    """The same names and seed, with nothing set but what no recipe knows."""
    table, needed = spec.table(), {}
    for section in SECTIONS:
        for field in msgspec.structs.fields(type(getattr(spec, section))):
            if field.required and field.name != "name":
                needed[f"{section}.{field.name}"] = table[section][field.name]
    names = {section: getattr(spec, section).name for section in NAMED}
    return resolve(**names, seed=spec.seed, settings=needed)


def chosen(spec: Spec) -> dict[str, Any]:
    """The settings that its names and seed need to give this specification again."""
    table, plain = spec.table(), unset(spec)
    return {
        f"{section}.{field.name}": table[section].get(field.name, "null")
        for section in SECTIONS
        for field in msgspec.structs.fields(type(getattr(spec, section)))
        if field.name != "name"
        and (
            field.required
            or getattr(getattr(spec, section), field.name)
            != getattr(getattr(plain, section), field.name)
        )
    }


def recipe(
    task: str,
    rule: str | None = None,
    neuron: str | None = None,
    device: str | None = None,
) -> tuple[dict[str, str], dict[str, Any]]:
    """Names by section and settings by "section.option" that a task's recipe gives.

    Raises:
        ValueError: If a name is not known.
    """
    asked = catalog.row("task", task).recipe
    taught = rule or asked.rule
    row = catalog.row("rule", taught)
    names = {
        "task": task,
        "rule": taught,
        "neuron": neuron or neuron_of(task, taught),
        "device": device or device_of(taught),
    }
    keys = (names["rule"], names["neuron"], f"{names['rule']}+{names['neuron']}")
    choices = (asked.choices.get(key, {}) for key in keys)
    settings = {}
    for layer in (asked.settings, row.needs, *choices):
        for path, value in layer.items():
            section, option = path.split(".")
            # A recipe speaks to whatever rule or neuron understands the option, and
            # knows nothing of the user's own.
            name = names.get(section)
            stranger = name is not None and catalog.is_own(name)
            if option in kind_of(section, name).__struct_fields__ and not stranger:
                settings[path] = value
    return names, settings


def neuron_of(task: str, rule: str) -> str:
    """What a rule teaches where nothing else is said."""
    recipe = catalog.row("task", task).recipe
    return recipe.neurons.get(rule) or catalog.row("rule", rule).neuron or recipe.neuron


def device_of(rule: str) -> str:
    """What holds the weights where nothing else is said."""
    return catalog.row("rule", rule).device or "ideal"


def parse(text: str) -> Spec:
    """Reads a specification from a TOML document.

    Raises:
        ValueError: If it is not one.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the specification is not valid TOML: {error}") from None
    for section in tables:
        checks.known("section of the specification", section, ("seed", *SECTIONS))
    for section in SECTIONS:
        table = tables.get(section, {})
        if not isinstance(table, dict):
            raise ValueError(f"[{section}] of the specification must be a table")
        if section in NAMED and not isinstance(table.get("name"), str):
            raise ValueError(f"the specification lacks [{section}] name = ...")
    kinds = {s: kind_of(s, tables.get(s, {}).get("name")) for s in SECTIONS}
    return _assemble(tables, kinds, tables.get("seed", 0))


def load(path: Path) -> Spec:
    """Reads a specification from a file.

    Raises:
        ValueError: If it holds none.
    """
    try:
        return parse(path.read_text())
    except ValueError as error:  # a text that is no text is one, too
        raise ValueError(f"'{path}': {error}") from None


def of_run(folder: Path) -> Spec:
    """Reads the specification of a run folder.

    Raises:
        ValueError: If this is no run folder.
    """
    path = folder / "spec.toml"
    if not path.is_file():
        raise ValueError(f"'{folder}' is not a run folder: it has no spec.toml")
    return load(path)


def settings_of(pairs: Iterable[str]) -> dict[str, Any]:
    """Reads `section.option=value` pairs; values are TOML, or else plain text.

    Raises:
        ValueError: If a pair has no "=".
    """
    settings = {}
    for pair in pairs:
        path, equals, text = pair.partition("=")
        if not equals or "." not in path:
            raise ValueError(f"--set needs section.option=value; got '{pair}'")
        settings[path.strip()] = value_of(text)
    return settings


def value_of(text: str) -> Any:
    """A value as the shell gives it: TOML, or else plain text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@lru_cache
def kind_of(section: str, name: str | None) -> type[msgspec.Struct]:
    """The type of a section's table: the options of its builder."""
    if section == "train":
        return Train
    fields: list[Any] = [] if section == "network" else [("name", str)]
    if section == "network":
        build, defaults, skip = catalog.network, {}, ("task", "neuron")
    else:
        row = catalog.row(section, name or "")
        build, defaults, skip = row.build, row.defaults, ()
    for option in inspect.signature(build).parameters.values():
        if option.name not in skip:
            default = defaults.get(option.name, option.default)
            required = default is inspect.Parameter.empty
            field = (option.name, _widened(option.annotation))
            fields.append(field if required else (*field, default))
    return msgspec.defstruct(
        section, fields, frozen=True, forbid_unknown_fields=True, kw_only=True
    )


def _widened(annotation: Any) -> Any:
    # TOML and the shell write one size as 100, many as [60, 30].
    if typing.get_origin(annotation) is tuple:
        return annotation | typing.get_args(annotation)[0]
    return annotation


def _assemble(tables: dict, kinds: dict, seed: Any) -> Spec:
    parts = {
        name: _convert(name, tables.get(name, {}), kinds[name]) for name in SECTIONS
    }
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be a whole number >= 0; got {seed!r}")
    if seed >= 2**32:
        raise ValueError(f"seed must be less than 2**32; got {seed}")
    return Spec(**parts, seed=seed)


def _convert(section: str, table: dict[str, Any], kind: type) -> Any:
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in table:
            raise ValueError(
                f"{section}.{field.name} must be set: --set {section}.{field.name}=..."
            )
    checked = {}
    for option, value in table.items():
        fields = {f.name: f.type for f in msgspec.structs.fields(kind)}
        checks.known(f"option in [{section}]", option, fields)
        choices = typing.get_args(fields[option])
        if choices and all(isinstance(choice, str) for choice in choices):
            checks.known(f"{section}.{option}", str(value), choices)
        try:
            want = fields[option]
            value = msgspec.convert(value, want, strict=False, dec_hook=_from_plain)
        except msgspec.ValidationError as error:
            raise ValueError(f"{section}.{option}: {error}; got {value!r}") from None
        many = typing.get_origin(fields[option]) is types.UnionType and any(
            typing.get_origin(kind) is tuple for kind in typing.get_args(fields[option])
        )
        checked[option] = (value,) if many and not isinstance(value, tuple) else value
    return kind(**checked)


def _who_has(section: str, option: str) -> list[str]:
    """Rows of the catalogue with an option of that name."""
    rows = catalog.KINDS.get(section, {})
    return [n for n in rows if option in set(kind_of(section, n).__struct_fields__[1:])]


def _from_plain(kind: type, value: Any) -> Any:
    # A run can be resumed from any directory, so its files are named in full.
    if kind is Path and isinstance(value, str | Path) and str(value):
        return Path(value).expanduser().absolute()
    raise ValueError(f"expected a {kind.__name__}")


def _options(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__struct_fields__}


def _split(path: str) -> tuple[str, str]:
    section, dot, option = path.partition(".")
    if not dot:
        raise ValueError(f"--set needs section.option=value; got '{path}'")
    checks.known("section", section, SECTIONS)
    return section, option
