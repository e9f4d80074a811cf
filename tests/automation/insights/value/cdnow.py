"""The customers of CDNOW after 39 weeks: see tests/recordings/cdnow/SOURCES.md."""

from __future__ import annotations

import csv
from pathlib import Path

from automation.insights.value.purchasing import History
from automation.insights.value.spending import Spent

RECORDED = Path(__file__).parents[3] / "recordings" / "cdnow" / "customers.csv"


def _rows() -> list[tuple[History, float]]:
    with RECORDED.open(encoding="utf-8") as file:
        return [(History(int(r["x"]), float(r["t_x"]), float(r["T"])), float(r["m_x"])) for r in csv.DictReader(file)]


def histories() -> list[History]:
    """Of all 2,357."""
    return [history for history, _ in _rows()]


def spent() -> list[Spent]:
    """Of the 946 who bought again."""
    return [Spent(history.repeats, mean) for history, mean in _rows() if history.repeats and mean > 0]
