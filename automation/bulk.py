"""Many rows in one statement, on both databases.

Rows travel as one JSON parameter that the database unfolds (`json_each`, `jsonb_to_recordset`): the statement's
text is the same for 1 and for 1,000 rows, so nothing is compiled twice, and there is one round trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Dialect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session
from sqlalchemy.types import JSON

from automation.models import Record

Rows = Sequence[Mapping[str, Any]]


def update(session: Session, model: type[Record], rows: Rows, *, key: str = "id", fence: bool = False) -> list[int]:
    """Set every other column of each row where `key` matches; the keys of the rows that were changed.

    All rows name the same columns. With `fence`, a row only changes while its `fence` column still has the value
    that the row gives: whoever lost its lease changes nothing.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    statement = _update(model, columns, key, fence, session.get_bind().dialect.name)
    return list(session.execute(text(statement), {"rows": _dump(model, rows)}).scalars())


def insert(session: Session, model: type[Record], rows: Rows, *, ignore_conflicts: bool = False) -> int:
    """Insert rows that all name the same columns; how many went in."""
    if not rows:
        return 0
    statement = _insert(model, tuple(rows[0]), ignore_conflicts, session.get_bind().dialect.name)
    count: int = session.connection().execute(text(statement), {"rows": _dump(model, rows)}).rowcount
    return max(count, 0)


def _dump(model: type[Record], rows: Rows) -> str:
    # JSON columns travel as text inside the JSON, so that both databases take them for what they are.
    nested = [name for name in rows[0] if isinstance(_column(model, name).type, JSON)]
    if nested:
        rows = [
            {**row, **{name: None if row[name] is None else orjson.dumps(row[name]).decode() for name in nested}}
            for row in rows
        ]
    return orjson.dumps(rows, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        # SQLite's storage format, which PostgreSQL reads too once the zone is said in the statement.
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    raise TypeError(f"{type(value).__name__} cannot be written in bulk")


def _column(model: type[Record], name: str) -> ColumnElement[Any]:
    return model.__table__.c[name]


@cache
def _dialect() -> Dialect:
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    return dialect


def _unfold(model: type[Record], columns: Sequence[str], dialect: str) -> str:
    """A SELECT that turns the parameter into rows."""
    if dialect == "sqlite":
        listed = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns)
        return f"SELECT {listed} FROM json_each(:rows)"
    typed: list[str] = []
    fields: list[str] = []
    for name in columns:
        kind = _column(model, name).type
        sql = kind.compile(_dialect())
        if isinstance(kind, JSON):
            typed.append(f"{name} text")
            fields.append(f"CAST({name} AS jsonb) AS {name}")
        elif sql.startswith("TIMESTAMP"):
            typed.append(f"{name} timestamp")
            fields.append(f"{name} AT TIME ZONE 'UTC' AS {name}")
        else:
            typed.append(f"{name} {sql}")
            fields.append(name)
    return f"SELECT {', '.join(fields)} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS rows({', '.join(typed)})"


@cache
def _update(model: type[Record], columns: tuple[str, ...], key: str, fence: bool, dialect: str) -> str:
    table = model.__tablename__
    sets = ", ".join(f"{name} = v.{name}" for name in columns if name != key and not (fence and name == "fence"))
    guard = f" AND {table}.fence = v.fence" if fence else ""
    return (
        f"WITH v AS ({_unfold(model, columns, dialect)}) "
        f"UPDATE {table} SET {sets} FROM v WHERE {table}.{key} = v.{key}{guard} RETURNING {table}.{key}"
    )


@cache
def _insert(model: type[Record], columns: tuple[str, ...], ignore: bool, dialect: str) -> str:
    names = ", ".join(columns)
    # SQLite needs the WHERE to tell ON CONFLICT from a join's ON.
    where = " WHERE true" if dialect == "sqlite" else ""
    conflict = " ON CONFLICT DO NOTHING" if ignore else ""
    rows = _unfold(model, columns, dialect)
    return f"INSERT INTO {model.__tablename__} ({names}) {rows}{where}{conflict}"
