"""Strict settings for all tests, set before anything imports the package."""

import mmap
import os
from pathlib import Path

import jax
import jaxlib
import pytest
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parents[1]


def quick_compiler():
    """XLA's flags for programs that run for a moment: a quarter of its time.

    Those that this jaxlib knows, as it ends a process that asks for another.
    """
    flags = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
    known = set()
    for library in Path(jaxlib.__file__).parent.glob("libjax_common.*"):
        with library.open() as file:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                known |= {flag for flag in flags if text.find(flag.encode()) >= 0}
    return " ".join(f"--{flag}={flags[flag]}".lower() for flag in sorted(known))


# Whoever sets XLA_FLAGS decides: `make test-full` sets none, and compiles as users do.
os.environ.setdefault("XLA_FLAGS", quick_compiler())

# Exactness is claimed in double precision. No silent broadcasting or promotion.
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# Compiling is the suite's cost, so it outlives the process.
jax.config.update("jax_compilation_cache_dir", str(ROOT / ".jax_cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

# Every call in the package has its shapes and types checked.
install_import_hook("onspike", "beartype.beartype")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data that lies beside the repository; tests that need it skip without it."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"no {path.name}/ folder beside the repository")
    return path
