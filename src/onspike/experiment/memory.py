"""How much memory a program may take."""

import os
from pathlib import Path

import jax

_SHARE = 2  # a program may take one part in so many
_UNKNOWN = 8 * 2**30  # where nothing tells
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def room() -> int:
    """Bytes: half of what the device has that JAX computes on."""
    found = jax.devices()[0].memory_stats()
    if found and "bytes_limit" in found:
        return found["bytes_limit"] // _SHARE
    most = _UNKNOWN
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if _CONTAINER.exists():
        limit = _CONTAINER.read_text().strip()
        most = min(most, int(limit)) if limit.isdigit() else most
    return most // _SHARE
