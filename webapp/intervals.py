"""Intervals as drawings: where each line begins and ends on a common scale. What is drawn is also written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_ROOM = 0.06
"""Of the scale, free on either side."""
WIDTH = 1000
"""Units of the drawing's width."""


@dataclass(frozen=True, slots=True)
class Line:
    """One interval, in units of the drawing."""

    low: float
    middle: float
    high: float
    wide_low: float
    """Of the wider span around it; the same as `low` where there is none."""
    wide_high: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Several intervals above one another."""

    lines: tuple[Line, ...]
    zero: float | None
    """Where nothing is, if that is on the scale."""
    first: float
    """The value at the left edge, and at the right one."""
    last: float


def scale(
    intervals: Sequence[tuple[float, float, float, float | None, float | None]], *, with_zero: bool = True
) -> Scale | None:
    """Intervals (low, middle, high, wider low, wider high) on one scale; None where there is nothing to draw.

    The wider span may reach beyond the edges: it must not squeeze the others into a dot.
    """
    if not intervals:
        return None
    edges = [edge for low, _, high, *_ in intervals for edge in (low, high)]
    if with_zero:
        edges.append(0.0)
    least, most = min(edges), max(edges)
    if most <= least:
        return None
    room = (most - least) * _ROOM
    first, last = least - room, most + room
    if not with_zero and least >= 0:
        first = max(first, 0.0)

    def at(value: float) -> float:
        return round(max(0.0, min(1.0, (value - first) / (last - first))) * WIDTH, 1)

    lines = tuple(
        Line(at(low), at(middle), at(high), at(low if wider is None else wider), at(high if widest is None else widest))
        for low, middle, high, wider, widest in intervals
    )
    return Scale(lines, at(0.0) if first <= 0 <= last else None, first, last)
