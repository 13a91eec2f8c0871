"""The command that makes a run again."""

import json
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from onspike.report.load import Record, table

NAMED = ("rule", "neuron", "device")  # parts that have an option of their own


def command(spec: Record, environment: Record | None) -> str:
    """The command as it was given, or one that says all of the spec.

    Args:
        spec: The content of `spec.toml`.
        environment: The content of `environment.json`, if there is one.
    """
    words = _given(environment)
    if words[1:2] == ["train"]:
        return shlex.join(["onspike", *words[1:]])
    return _from_spec(spec)


def new_seeds(sweep: Record, settings: Record, out: PurePath) -> str:
    """The command that tests settings of a sweep on five seeds that it has not seen.

    Args:
        sweep: The content of `sweep.toml`.
        settings: What was chosen, by "section.option".
        out: Where the runs are to go.
    """
    first = max(sweep.get("seeds") or [-1]) + 1
    lines = [shlex.join(["onspike", "compare", str(sweep.get("task", "TASK"))])]
    for option, part in zip(("rules", "neuron", "devices"), NAMED, strict=True):
        lines.append(shlex.join([f"--{option}", str(sweep.get(part))]))
    lines.append(f"--seeds {','.join(str(first + k) for k in range(5))}")
    lines.append(shlex.join(["--out", str(out)]))
    for path, value in {**table(sweep, "settings"), **settings}.items():
        lines.append(shlex.join(["--set", f"{path}={written(value)}"]))
    return " \\\n  ".join(lines)


def _given(environment: Record | None) -> list[str]:
    given = (environment or {}).get("command") or []
    if isinstance(given, list):
        return [str(word) for word in given]
    try:
        words = shlex.split(str(given))
    except ValueError:
        return []
    if words and PurePath(words[0]).name.startswith("python"):
        words = words[1:]
        words = words[1:] if words[:1] == ["-m"] else words
    return words


def _from_spec(spec: Record) -> str:
    task = table(spec, "task")
    lines = [shlex.join(["onspike", "train", str(task.get("name", "TASK"))])]
    for part in NAMED:
        named = table(spec, part)
        if "name" in named:
            lines.append(shlex.join([f"--{part}", str(named["name"])]))
    if "seed" in spec:
        lines.append(shlex.join(["--seed", str(spec["seed"])]))
    for path, value in _fields(spec):
        top_level = "." not in path
        named = path.endswith(".name") and path.count(".") == 1
        if not (top_level or named):
            lines.append(shlex.join(["--set", f"{path}={written(value)}"]))
    return " \\\n  ".join(lines)


def _fields(tables: Record, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def written(value: Any) -> str:
    """A value as `--set` reads it: TOML, or text that is no TOML."""
    if isinstance(value, str):
        return json.dumps(value) if _is_toml(value) else value
    return _toml(value)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return False
    return True


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, default=str)
