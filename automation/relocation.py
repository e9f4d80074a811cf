"""Moves an installation to another database: every row of every table, counted and compared on both sides.

For growing from the embedded shape to the distributed one. The target must be empty, and nobody may be at work on
either. It is all or nothing: one transaction on the target, undone when any table differs afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Table, func, insert, select, text

from automation import migrating
from automation.database import Database
from automation.errors import NotAllowed
from automation.models import Record

_AT_ONCE = 1000
"""Rows read and written at a time: memory does not grow with the tables."""

Say = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one table."""

    table: str
    rows: int
    checksum: str
    """SHA-256 over all rows in the order of their primary keys, the same on both sides."""


def move(source: Database, target: Database, say: Say = lambda _share, _words: None) -> list[Moved]:
    """Copy everything from `source` to `target` and compare; what was moved, table by table.

    Brings the target's tables up to this release first. Raises NotAllowed when the source is at another revision,
    the target holds rows already, or a table does not come out the same; then the target is as it was.
    """
    if migrating.present(source) != migrating.newest():
        raise NotAllowed("The database to move is not at this release's revision: run `cartwheel migrate` first.")
    if source.url == target.url:
        raise NotAllowed("That is the same database.")
    migrating.upgrade(target)
    tables = Record.metadata.sorted_tables
    with source.engine.connect() as old, target.engine.connect() as new:
        old.execution_options(writes=False)
        with old.begin(), new.begin():
            _require_empty(new, tables)
            moved = []
            for number, table in enumerate(tables):
                say(number / len(tables), table.name)
                moved.append(_copy(old, new, table))
            if new.dialect.name == "postgresql":
                _count_on(new, tables)
            say(1, "compared")
    return moved


def _require_empty(new: Connection, tables: Sequence[Table]) -> None:
    for table in tables:
        if new.execute(select(1).select_from(table).limit(1)).first() is not None:
            raise NotAllowed(f"The other database is not empty: its table {table.name} holds rows.")


def _copy(old: Connection, new: Connection, table: Table) -> Moved:
    rows, sent = 0, hashlib.sha256()
    for part in _parts(old, table):
        new.execute(insert(table), [dict(row._mapping) for row in part])  # noqa: SLF001  SQLAlchemy's public name
        _add(sent, part)
        rows += len(part)
    arrived, count = hashlib.sha256(), 0
    for part in _parts(new, table):
        _add(arrived, part)
        count += len(part)
    if (rows, sent.digest()) != (count, arrived.digest()):
        raise NotAllowed(f"The table {table.name} did not arrive as it was ({rows:,} rows left, {count:,} arrived).")
    return Moved(table.name, rows, sent.hexdigest())


def _parts(connection: Connection, table: Table) -> Iterator[list[Row[Any]]]:
    """All rows by primary key, some at a time; each part begins after the last key of the one before."""
    keys = list(table.primary_key.columns)
    ordered = select(table).order_by(*(_sortable(connection, key) for key in keys))
    # The transaction holds the picture still, and the driver's cursor the place in it.
    result = connection.execute(ordered, execution_options={"stream_results": True, "yield_per": _AT_ONCE})
    for part in result.partitions(_AT_ONCE):
        yield list(part)


def _sortable(connection: Connection, key: Any) -> Any:
    # PostgreSQL sorts text by language; SQLite by bytes.
    if connection.dialect.name == "postgresql" and issubclass(key.type.python_type, str):
        return key.collate("C")
    return key


def _add(checksum: Any, rows: Sequence[Row[Any]]) -> None:
    for row in rows:
        checksum.update(orjson.dumps([_plain(value) for value in row], option=orjson.OPT_SORT_KEYS))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    # 0.5 and 0.50 are one number on either side.
    return float(value) if type(value).__name__ == "Decimal" else value


def _count_on(new: Connection, tables: Sequence[Table]) -> None:
    """The next row gets the next number, as if all had been made here."""
    for table in tables:
        column = table.autoincrement_column
        if column is None or new.execute(select(func.max(column))).scalar() is None:
            continue
        new.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "
                f"(SELECT max({column.name}) FROM {table.name}))"
            )
        )
