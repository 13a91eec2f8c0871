"""The run folder: everything plain, nothing half-written."""

import functools
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import safetensors
import safetensors.numpy

import onspike
from onspike.experiment import spec as specs
from onspike.experiment.run import Position
from onspike.types import Tree

_PACKAGES = ("jax", "jaxlib", "equinox", "optax", "numba", "numpy", "scikit-learn")


class RunFolder:
    """The folder of one run.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)

    # --- writing ---------------------------------------------------------------------

    def create(self, spec: specs.Spec) -> None:
        """Makes the folder and writes what is known before the first tick.

        Raises:
            ValueError: If it exists and is not empty, or cannot be written to.
        """
        vacant(self.path)
        made = environment()
        (self.path / "recordings").mkdir(parents=True)
        write_text(self.path / "spec.toml", spec.toml())
        write_json(self.path / "environment.json", made)

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Appends an epoch's line."""
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row, default=_plain) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def add_changes(self, changes: Iterable[Mapping[str, Any]]) -> None:
        """Writes what was changed while the run went on, one change a line."""
        if rows := list(changes):
            write_lines(self.path / "changes.jsonl", rows)

    def add_recording(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Writes one archive of arrays."""
        path = self.path / "recordings" / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        with _beside(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    def recording(self, name: str) -> dict[str, np.ndarray] | None:
        """Reads one archive of arrays, if there is one."""
        path = self.path / "recordings" / f"{name}.npz"
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes the verdict."""
        write_json(self.path / "result.json", result)

    def save(self, state: Tree, position: Position, extra: Mapping[str, Any]) -> None:
        """Writes a checkpoint. Whenever the process dies, one whole checkpoint stays.

        The state goes into a file of its own; the manifest, replaced in one step, says
        which file counts and what its checksum is.
        """
        folder = self.path / "checkpoint"
        folder.mkdir(exist_ok=True)
        name = _state_name(position)
        data = safetensors.numpy.save(_flat(state))
        with _beside(folder / name) as temporary:
            _write_bytes(temporary, data)
        manifest = {
            "format": 1,
            "file": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "spec_sha256": self._spec_digest(),
            **position._asdict(),
            "extra": dict(extra),
        }
        write_json(folder / "manifest.json", manifest)
        for old in folder.glob("state-*.safetensors"):
            if old.name != name:
                old.unlink()

    # --- reading ---------------------------------------------------------------------

    def spec(self) -> specs.Spec:
        """The run's specification.

        Raises:
            ValueError: If this is no run folder.
        """
        return specs.of_run(self.path)

    def metrics(self) -> list[dict[str, Any]]:
        """One object per epoch; a last line that was cut off does not count.

        Raises:
            ValueError: If the file is damaged.
        """
        remedy = "restore the file, or train again into another folder"
        return read_lines(self.path / "metrics.jsonl", remedy)

    def changes(self) -> list[dict[str, Any]]:
        """What was changed while the run went on: nothing of most runs.

        Raises:
            ValueError: If the file is damaged.
        """
        return read_lines(self.path / "changes.jsonl", "restore the file, or delete it")

    def result(self) -> dict[str, Any] | None:
        """The verdict, if the run is over.

        Raises:
            ValueError: If the file is damaged.
        """
        path = self.path / "result.json"
        remedy = f"delete the file and call `onspike resume {self.path}`"
        return _object(path, path.read_bytes(), remedy) if path.is_file() else None

    def begun(self) -> bool:
        """Whether there is a checkpoint, or anything that came after one."""
        manifest = self.path / "checkpoint" / "manifest.json"
        return manifest.exists() or bool(self.metrics())

    def load(self, like: Tree) -> tuple[Tree, Position, dict[str, Any]]:
        """Reads the checkpoint into a state of the same form as `like`.

        Raises:
            ValueError: If there is none, or it is corrupt or belongs to another run.
        """
        path = self.path / "checkpoint" / "manifest.json"
        if not path.is_file():
            raise ValueError(f"'{self.path}' has no checkpoint; train it again")
        corrupt = f"the checkpoint in '{path.parent}' is corrupt"
        try:
            manifest = json.loads(path.read_text())
            data = (path.parent / manifest["file"]).read_bytes()
            position = Position(int(manifest["epoch"]), int(manifest["samples"]))
            whole = hashlib.sha256(data).hexdigest() == manifest["sha256"]
            whole = whole and manifest["file"] == _state_name(position)
            same = manifest["spec_sha256"] == self._spec_digest()
            seconds = float(manifest["extra"]["seconds"])
            if not 0 <= seconds < math.inf:
                raise ValueError(f"seconds is {seconds}")
            extra = {**manifest["extra"], "seconds": seconds}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{corrupt}: {error!r}; train it again") from None
        if not whole:
            raise ValueError(f"{corrupt}: the checksum differs; train it again")
        if not same:
            raise ValueError(
                f"the checkpoint in '{path.parent}' belongs to another spec.toml; "
                "restore the file or train again"
            )
        return _unflat(like, safetensors.numpy.load(data)), position, extra

    def cut_metrics(self, epoch: int) -> None:
        """Forgets epochs that came after the checkpoint.

        Raises:
            ValueError: If epochs before it are missing.
        """
        rows = [row for row in self.metrics() if row["epoch"] <= epoch]
        if len(rows) < epoch:
            raise ValueError(
                f"'{self.path / 'metrics.jsonl'}' has {len(rows)} of {epoch} epochs "
                "before the checkpoint: restore the file, or train again"
            )
        write_lines(self.path / "metrics.jsonl", rows)

    def _spec_digest(self) -> str:
        return hashlib.sha256((self.path / "spec.toml").read_bytes()).hexdigest()


def vacant(path: Path) -> None:
    """Raises ValueError unless `path` can be made, or is an empty folder."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        asked = ("spec.toml", "compare.toml", "sweep.toml")
        resumable = any((path / name).is_file() for name in asked)
        hint = f", or go on with `onspike resume {path}`" if resumable else ""
        raise ValueError(
            f"'{path}' exists and is not empty: choose another --out{hint}"
        )
    parent = path if path.exists() else path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(f"cannot write to '{parent}': choose another --out")


def write_text(path: Path, text: str) -> None:
    """Writes a text file in one step."""
    with _beside(path) as temporary:
        _write_bytes(temporary, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file in one step."""
    pretty = msgspec.json.format(msgspec.json.encode(value, enc_hook=_plain), indent=2)
    write_text(path, pretty.decode() + "\n")


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes one JSON object a line, all in one step."""
    write_text(path, "".join(json.dumps(row, default=_plain) + "\n" for row in rows))


def read_lines(path: Path, remedy: str) -> list[dict[str, Any]]:
    """Reads such lines, none if there is no file; one that was cut off does not count.

    Raises:
        ValueError: If a line is damaged; the error names the remedy.
    """
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [_object(path, line, remedy) for line in lines]


@functools.cache
def environment() -> dict[str, Any]:
    """Versions, machine and command: what is needed to understand a number."""
    versions = {"onspike": onspike.__version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    here = Path(__file__).parent
    git = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, timeout=5)
        described = commit.stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        described = None
    return {
        "versions": versions,
        "commit": described,
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "backend": jax.default_backend(),
        },
        "command": shlex.join([Path(sys.argv[0]).name, *_open(sys.argv[1:])]),
    }


def _open(words: list[str]) -> list[str]:
    """The words of a command line without what only its user may know."""
    before = ["", *words]
    return [
        "***" if last == "--token" else re.sub("^--token=.*", "--token=***", word)
        for last, word in zip(before, words, strict=False)
    ]


def _object(path: Path, text: bytes, remedy: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"'{path}' is damaged: {error}; {remedy}") from None
    if not isinstance(value, dict):
        raise ValueError(f"'{path}' is damaged: not a JSON object; {remedy}")
    return value


class _beside:
    """A temporary path that replaces the real one if nothing goes wrong."""

    def __init__(self, path: Path):
        self.path, self.temporary = path, path.with_name(f".{path.name}.part")

    def __enter__(self) -> Path:
        return self.temporary

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            os.replace(self.temporary, self.path)
        else:
            self.temporary.unlink(missing_ok=True)


def _write_bytes(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _state_name(position: Position) -> str:
    return f"state-{position.epoch}-{position.samples}.safetensors"


def _leaves(tree: Tree) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path), leaf


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _flat(tree: Tree) -> dict[str, np.ndarray]:
    return {
        name: np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        for name, leaf in _leaves(tree)
    }


def _unflat(like: Tree, arrays: Mapping[str, np.ndarray]) -> Tree:
    leaves = []
    for name, leaf in _leaves(like):
        form = jax.random.key_data(leaf) if _is_key(leaf) else leaf
        found = arrays.get(name)
        if found is None or found.shape != form.shape or found.dtype != form.dtype:
            raise ValueError(
                f"the checkpoint does not fit this version of onspike: {name} should "
                f"be {form.dtype}{list(form.shape)}; train again"
            )
        if isinstance(leaf, np.ndarray):  # counts, which may exceed 32 bits
            leaves.append(found)
        elif _is_key(leaf):
            leaves.append(jax.random.wrap_key_data(jnp.asarray(found)))
        else:
            leaves.append(jnp.asarray(found))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
