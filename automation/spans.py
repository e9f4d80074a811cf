"""Spans that differ from row to row, without date arithmetic in a WHERE clause.

A trigger whose delay is the row's own (a customer's usual days between orders) asks for each possible number of days
with a window of its own: each is one probe of a plain index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import BindParameter, ColumnElement, bindparam, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from automation.models.record import UTCDateTime
from automation.timetable import INSTANT
from automation.trigger import Window


class later(GenericFunction[datetime]):
    """An instant and so many days of 24 hours after it. For SELECT lists: no index serves it."""

    type = UTCDateTime()
    inherit_cache = True


@compiles(later, "sqlite")
def _later_sqlite(element: later, compiler: SQLCompiler, **kw: Any) -> str:
    instant, days = element.clauses
    # SQLite reckons in milliseconds, the column type stores microseconds: what is below a second is kept as it is.
    at = compiler.process(instant, **kw)
    whole = f"strftime('%Y-%m-%d %H:%M:%S', substr({at}, 1, 19), ({compiler.process(days, **kw)}) || ' days')"
    return f"({whole} || substr({at}, 20))"


@compiles(later, "postgresql")
def _later_postgresql(element: later, compiler: SQLCompiler, **kw: Any) -> str:
    instant, days = element.clauses
    return f"({compiler.process(instant, **kw)} + ({compiler.process(days, **kw)}) * interval '24 hours')"


def any_inside(
    at: ColumnElement[datetime],
    days: ColumnElement[int],
    spans: Mapping[int, float],
    window: Window,
    store_id: ColumnElement[int],
) -> ColumnElement[bool]:
    """`at` lies in the window that is earlier by the row's own span; `spans` holds the span for each value of `days`.

    One part for each span, each complete in itself, so that an index over (store, days, at) serves every part. As a
    join with a table of windows it would read better, but PostgreSQL cannot tell how few rows a window holds whose
    bounds are not constants, and reads everything instead.
    """
    sql, alike = _parts(at, days, store_id, tuple(spans.items()))
    binds: list[BindParameter[Any]] = [bindparam("span_store", window.store_id)]
    for place, span in enumerate(alike):
        shifted = window.earlier(timedelta(days=span))
        binds.append(bindparam(f"span_since_{place}", shifted.since, INSTANT))
        binds.append(bindparam(f"span_until_{place}", shifted.until, INSTANT))
    return cast("ColumnElement[bool]", text(sql).bindparams(*binds))


@lru_cache(maxsize=64)
def _parts(
    at: ColumnElement[datetime],
    days: ColumnElement[int],
    store_id: ColumnElement[int],
    spans: tuple[tuple[int, float], ...],
) -> tuple[str, tuple[float, ...]]:
    """The parts as text, and the spans in their order.

    A sweep asks every second; two hundred comparisons take SQLAlchemy longer to make than the database to answer.
    """
    alike: dict[float, list[int]] = defaultdict(list)
    for value, span in spans:
        alike[span].append(value)
    parts = [
        f"{store_id} = :span_store AND {days} IN ({', '.join(str(int(value)) for value in values)})"
        f" AND {at} > :span_since_{place} AND {at} <= :span_until_{place}"
        for place, values in enumerate(alike.values())
    ]
    return f"({' OR '.join(parts) or '1 = 0'})", tuple(alike)
