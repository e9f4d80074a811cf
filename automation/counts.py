"""What a process has counted since it began: for monitors, who work out rates from it."""

from __future__ import annotations

import threading
from collections import defaultdict


class Counts:
    """Sums by name and label. Any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def add(self, name: str, label: str, amount: float = 1) -> None:
        """Add to a sum; names are those that `metrics.COUNTED` explains."""
        with self._lock:
            self._sums[name][label] += amount

    def snapshot(self) -> dict[str, dict[str, float]]:
        """{name: {label: sum}} as it is now."""
        with self._lock:
            return {
                name: {label: round(value, 3) for label, value in sums.items()} for name, sums in self._sums.items()
            }
