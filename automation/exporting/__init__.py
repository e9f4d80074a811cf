"""Everything that a store has, written out as CSV or JSON lines, a thousand rows at a time.

What CSV calls its columns is what imports understand: a file that was written here comes in again as it was.
"""

from __future__ import annotations

from automation.exporting.datasets import DATASETS, Dataset
from automation.exporting.writing import FORMATS, export

__all__ = ["DATASETS", "FORMATS", "Dataset", "export"]
