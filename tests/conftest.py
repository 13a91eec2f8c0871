"""Strict settings for all tests, set before anything imports the package."""

from pathlib import Path

import jax
import pytest
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parents[1]

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
