"""Files that are either the old ones or the new ones, never half of either."""

import os
import re
from pathlib import Path


def write_atomic(path: Path, content: bytes | str) -> None:
    """Writes beside the file, then renames."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.partial")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def slug(text: str, taken: set[str] | None = None) -> str:
    """A name that is safe as a file name and as an id.

    Args:
        text: Any name.
        taken: Names in use, which the result avoids and joins.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"
    taken = set() if taken is None else taken
    name, count = plain, 1
    while name in taken:
        count += 1
        name = f"{plain}-{count}"
    taken.add(name)
    return name
