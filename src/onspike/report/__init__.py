"""Reports of run folders: plain files in, one self-contained page out.

Nothing here imports JAX: a report can be made on a machine that cannot train.
"""

from onspike.report.comparison import compare_table, write_comparison
from onspike.report.page import write

__all__ = ["compare_table", "write", "write_comparison"]
