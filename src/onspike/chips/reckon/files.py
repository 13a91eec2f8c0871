"""Files of arrays, and the configuration beside them."""

import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

Arrays = dict[str, np.ndarray]


def configuration(file: Path) -> dict[str, Any]:
    """The configuration beside a file: `NAME.json`, also of `NAME_part.npz`.

    Raises:
        ValueError: If there is none, or it is not one.
    """
    near = (file.with_suffix(".json"), file.with_name(f"{_stem(file)}.json"))
    path = next((p for p in near if p.is_file()), None)
    if path is None:
        raise ValueError(f"{file}: no configuration beside it ({near[0].name})")
    try:
        found = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("registers"), dict):
        raise ValueError(f"{path}: not a configuration: it lacks 'registers'")
    return found


def arrays(file: Path) -> Arrays:
    """The arrays of a file.

    Raises:
        ValueError: If it is not a file of arrays.
    """
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as found:
            return dict(found)
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError, AttributeError, TypeError, BadZipFile):
        raise ValueError(f"{file}: not a file of arrays (.npz)") from None


def need(file: Path, found: Arrays, *names: str) -> None:
    """Raises ValueError if a file lacks an array."""
    lacking = [name for name in names if name not in found]
    if lacking:
        raise ValueError(f"{file}: lacks {', '.join(lacking)}")


def shaped(
    file: Path, found: Arrays, forms: dict[str, tuple[str, ...]], sizes: dict[str, int]
) -> None:
    """Raises ValueError unless arrays are whole numbers of these shapes.

    Args:
        file: Where they are from.
        found: The arrays; those without a form may be anything.
        forms: The names of each array's axes.
        sizes: Lengths of axes; of one that is not there, the first array decides.
    """
    for name in (n for n in forms if n in found):
        kind, shape, form = found[name].dtype, found[name].shape, forms[name]
        if kind.kind not in "iub":
            raise ValueError(f"{file}: {name} must be whole numbers; got {kind}")
        pairs = zip(form, shape, strict=False)
        fits = [n == sizes.setdefault(axis, n) for axis, n in pairs]
        if len(shape) != len(form) or not all(fits):
            known = ", ".join(f"{a} = {sizes[a]}" for a in form if a in sizes)
            raise ValueError(
                f"{file}: {name} must have shape ({', '.join(form)}), where {known}; "
                f"got {shape}"
            )


def data_of(file: Path) -> Path:
    """The inputs that belong to `NAME_part.npz`: `NAME_data.npz`.

    Raises:
        ValueError: If there are none.
    """
    path = file.with_name(f"{_stem(file)}_data.npz")
    if not path.is_file():
        raise ValueError(f"{file}: its inputs are missing ({path.name})")
    return path


def _stem(file: Path) -> str:
    return file.stem.rpartition("_")[0] or file.stem
