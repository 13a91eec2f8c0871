"""Reports of run folders: plain files in, one self-contained page out.

Nothing here imports JAX: a report can be made on a machine that cannot train.
"""

from onspike.report.comparison import compare_table, unwritten, write_comparison
from onspike.report.page import write
from onspike.report.sweep import sweep_summary, write_sweep

__all__ = [
    "compare_table",
    "sweep_summary",
    "unwritten",
    "write",
    "write_comparison",
    "write_sweep",
]
