"""Spans that differ from row to row, without date arithmetic in a WHERE clause.

A trigger whose delay is the row's own (a customer's usual days between orders) joins a small table of literals that
holds, for each possible number of days, the window it looks at: each line is one probe of a plain index.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CTE, ColumnElement, Float, Integer, column, values
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from automation.models.record import UTCDateTime
from automation.trigger import Window

_SPANS = ("days", Integer()), ("span", Float()), ("since", UTCDateTime()), ("until", UTCDateTime())


class later(GenericFunction[datetime]):
    """An instant and so many days of 24 hours after it. For SELECT lists: no index serves it."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(later, "sqlite")
def _later_sqlite(element: later, compiler: SQLCompiler, **kw: Any) -> str:
    instant, days = element.clauses
    # %f gives milliseconds, the column type stores microseconds.
    return (
        f"strftime('%Y-%m-%d %H:%M:%f000', {compiler.process(instant, **kw)}, "
        f"({compiler.process(days, **kw)}) || ' days')"
    )


@compiles(later, "postgresql")
def _later_postgresql(element: later, compiler: SQLCompiler, **kw: Any) -> str:
    instant, days = element.clauses
    return f"({compiler.process(instant, **kw)} + ({compiler.process(days, **kw)}) * interval '24 hours')"


def windows(spans: Mapping[int, float], window: Window, name: str = "spans") -> CTE:
    """A table of `days` (the row's own number), `span` (days it stands for), `since` and `until` (span earlier)."""
    lines = []
    for days, span in spans.items():
        shifted = window.earlier(timedelta(days=span))
        lines.append((days, span, shifted.since, shifted.until))
    return values(*(column(key, kind) for key, kind in _SPANS), name=name).data(lines).cte(name)


def inside(at: ColumnElement[datetime], spans: CTE) -> ColumnElement[bool]:
    """`at` lies in the window of its line."""
    return (at > spans.c.since) & (at <= spans.c.until)
