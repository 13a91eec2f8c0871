"""How much memory a program may take."""

import os

import jax

_SHARE = 2  # a program may take one part in so many
_UNKNOWN = 8 * 2**30  # where nothing tells


def room() -> int:
    """Bytes: half of what the device has that JAX computes on."""
    found = jax.devices()[0].memory_stats()
    if found and "bytes_limit" in found:
        return found["bytes_limit"] // _SHARE
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _SHARE
    return _UNKNOWN // _SHARE
