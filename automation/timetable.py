"""A small table that Python has worked out, to be joined in SQL: which zone's hour strikes when, for which dates.

Its rows travel as one JSON parameter, so the statement's text is the same for three rows and for a thousand. Unlike
`automation.bulk` it needs no session: a trigger describes what is due without knowing the database.

    due = timetable("due", {"zone": String(), "month": Integer(), "at": instant}, rows)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    String,
    Subquery,
    bindparam,
    column,
    func,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeEngine

from automation.models.record import UTCDateTime

INSTANT = UTCDateTime()
TEXT = String()
NUMBER = Integer()
ID = BigInteger()


class json_elements(GenericFunction[Any]):
    """The elements of a JSON list, one a row, in a column called value."""

    inherit_cache = True


@compiles(json_elements, "sqlite")
def _elements_sqlite(element: json_elements, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(json_elements, "postgresql")
def _elements_postgresql(element: json_elements, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kw)} AS JSONB))"


class _Item(FunctionElement[Any]):
    """One item of a JSON list: `place` is 0 for the first."""

    name = "item"
    # Of two items, a statement that is known has to have the same place and type.
    _traverse_internals = [  # noqa: RUF012  as SQLAlchemy declares it
        *FunctionElement._traverse_internals,  # noqa: SLF001  SQLAlchemy has no other way to say what a kind adds
        ("place", InternalTraversal.dp_plain_obj),
        ("type", InternalTraversal.dp_type),
    ]
    inherit_cache = True

    def __init__(self, value: ColumnElement[Any], place: int, kind: TypeEngine[Any]) -> None:
        self.place = place
        self.type = kind
        super().__init__(value)


@compiles(_Item, "sqlite")
def _item_sqlite(element: _Item, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({compiler.process(element.clauses, **kw)}, '$[{element.place}]')"


@compiles(_Item, "postgresql")
def _item_postgresql(element: _Item, compiler: SQLCompiler, **kw: Any) -> str:
    text = f"({compiler.process(element.clauses, **kw)} ->> {element.place})"
    match element.type:
        case UTCDateTime():
            return f"(CAST({text} AS TIMESTAMP) AT TIME ZONE 'UTC')"
        case BigInteger():
            return f"CAST({text} AS BIGINT)"
        case Integer():
            return f"CAST({text} AS INTEGER)"
        case _:
            return text


class stamp(GenericFunction[str]):
    """An instant as text to the second, in UTC and the same on both databases: 2026-03-10 12:00:00."""

    type = String()
    inherit_cache = True


@compiles(stamp, "sqlite")
def _stamp_sqlite(element: stamp, compiler: SQLCompiler, **kw: Any) -> str:
    return f"substr({compiler.process(element.clauses, **kw)}, 1, 19)"


@compiles(stamp, "postgresql")
def _stamp_postgresql(element: stamp, compiler: SQLCompiler, **kw: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"


def timetable(name: str, columns: Mapping[str, TypeEngine[Any]], rows: Sequence[Sequence[Any]]) -> Subquery:
    """Rows as a table with `columns`, each row's values in their order: texts, whole numbers and aware instants."""
    data = orjson.dumps([[_plain(value) for value in row] for row in rows]).decode()
    each = json_elements(bindparam(f"{name}_rows", data, type_=String())).table_valued(
        column("value", String()), name=f"{name}_each"
    )
    items = [
        type_coerce(_Item(each.c.value, place, kind), kind).label(word)
        for place, (word, kind) in enumerate(columns.items())
    ]
    # The limit tells PostgreSQL how many rows there are; else it takes any list for a hundred, and reads whole tables.
    return select(*items).limit(len(rows)).subquery(name)


def _plain(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    # As SQLite stores instants, so that they compare as text.
    return value.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def lives_in(timezone: ColumnElement[Any], zone: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a customer's zone is that of a timetable's row, where "" means customers who have none."""
    return func.coalesce(timezone, "") == zone
