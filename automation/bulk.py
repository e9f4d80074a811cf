"""Many rows in one statement, on both databases: rows travel as one JSON parameter and are joined like a table.

`json_each` reads them on SQLite, `jsonb_to_recordset` on PostgreSQL; the statement's text does not depend on how
many there are, so it is compiled once and the round trip is paid once. Column types convert as they do elsewhere.

    bulk.insert(session, Event, [{"customer_id": 1, ...}, ...])
    bulk.update(session, Message, [{"id": 1, "fence": 3, "state": "ready"}, ...], key=("id", "fence"))
    given = bulk.table(session, [Message.id], [{"id": 1}, ...]); session.execute(select(...).join(given, ...))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    FromClause,
    LargeBinary,
    Row,
    String,
    Table,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy import update as sql_update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.schema import Column
from sqlalchemy.types import JSON, TypeDecorator

from automation.models.record import Record

Rows = Sequence[Mapping[str, Any]]


def table(
    session: Session, columns: Sequence[Column[Any] | InstrumentedAttribute[Any]], rows: Rows, name: str = "given"
) -> FromClause:
    """Rows as something to select from or join: `.c.<column name>`, typed as the columns are.

    Raises ValueError when a row lacks one of the columns.
    """
    dialect = session.get_bind().dialect
    plain: list[Column[Any]] = [c.property.columns[0] if isinstance(c, InstrumentedAttribute) else c for c in columns]
    data = orjson.dumps(_encoded(dialect, plain, rows)).decode()
    # A name of its own for the parameter: two such tables may stand in one statement.
    parameter = bindparam(f"{name}_rows", data, type_=String())
    if dialect.name == "sqlite":
        each = func.json_each(parameter).table_valued("value", name=f"{name}_each")
        values = [_from_sqlite(c, each.c.value, i).label(c.name) for i, c in enumerate(plain)]
        return select(*values).subquery(name)
    return (
        func.jsonb_to_recordset(cast(parameter, postgresql.JSONB(none_as_null=True)))
        .table_valued(*(column(c.name, _stored_type(c, dialect)) for c in plain), name=name)
        .render_derived(name=name, with_types=True)
    )


def insert(
    session: Session,
    model: type[Record],
    rows: Rows,
    *,
    skip: Sequence[str] | bool = False,
    replace: Sequence[str] = (),
    returning: Sequence[InstrumentedAttribute[Any]] = (),
) -> list[Row[Any]]:
    """Insert rows; every row has the same columns, and what they leave out takes the model's default.

    `skip=True` leaves out rows that any unique constraint already knows, `skip=("a", "b")` those known under that
    one; with `replace` the named columns of the known row are overwritten instead. Answers `returning` of the
    rows that were written, in no particular order.
    """
    if not rows:
        return []
    target = _target(model)
    columns = [target.c[name] for name in rows[0]]
    given = table(session, columns, rows)
    # SQLite takes ON CONFLICT after a SELECT for a join's ON, unless a WHERE stands between the two.
    source = select(*(given.c[c.name] for c in columns)).where(literal_column("1") == literal_column("1"))
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(target).from_select([c.name for c in columns], source)
    unique = None if isinstance(skip, bool) else list(skip)
    if replace:
        statement = statement.on_conflict_do_update(
            index_elements=unique, set_={name: statement.excluded[name] for name in replace}
        )
    elif skip:
        statement = statement.on_conflict_do_nothing(index_elements=unique)
    if not returning:
        session.execute(statement)
        return []
    return list(session.execute(statement.returning(*returning)))


def update(
    session: Session,
    model: type[Record],
    rows: Rows,
    *,
    key: Sequence[str] = ("id",),
    where: ColumnElement[bool] | None = None,
    values: Mapping[str, Any] | None = None,
    returning: Sequence[InstrumentedAttribute[Any]] = (),
) -> list[Row[Any]]:
    """Update the rows whose `key` columns all match; the other columns of `rows` are what to set.

    `where` guards every row, `values` are set alike on all (may be expressions). Answers `returning` of the rows
    that were touched: what is missing did not match its key or the guard.
    """
    if not rows:
        return []
    target = _target(model)
    columns = [target.c[name] for name in rows[0]]
    given = table(session, columns, rows)
    statement = (
        sql_update(target)
        .values({c.name: given.c[c.name] for c in columns if c.name not in key} | dict(values or {}))
        .where(*(target.c[name] == given.c[name] for name in key))
    )
    if where is not None:
        statement = statement.where(where)
    if not returning:
        session.execute(statement)
        return []
    return list(session.execute(statement.returning(*returning)))


def _target(model: type[Record]) -> Table:
    found = model.__table__
    assert isinstance(found, Table)
    return found


def _encoded(dialect: Dialect, columns: Sequence[Column[Any]], rows: Rows) -> list[Any]:
    """Rows as JSON holds them: arrays for SQLite (shorter, quicker to read), objects for PostgreSQL."""
    names = [str(c.name) for c in columns]  # not SQLAlchemy's own kind of string
    try:
        # Column by column: most need no encoding, and the values of one tend to be alike.
        encoded = [_column(dialect, c, [row[c.name] for row in rows]) for c in columns]
    except KeyError as error:
        raise ValueError(f"Every row needs the same columns ({', '.join(names)}); one lacks {error}.") from error
    if dialect.name == "sqlite":
        return list(zip(*encoded, strict=True))
    return [dict(zip(names, values, strict=True)) for values in zip(*encoded, strict=True)]


def _column(dialect: Dialect, c: Column[Any], values: list[Any]) -> list[Any]:
    encode = _encoder(c, dialect)
    if encode is None:
        return values
    if not isinstance(_plain_type(c), DateTime):
        return [encode(value) for value in values]
    # A batch has few instants, often one: each is encoded once.
    known = {value: encode(value) for value in set(values)}
    return [known[value] for value in values]


def _plain_type(c: Column[Any]) -> Any:
    return c.type.impl_instance if isinstance(c.type, TypeDecorator) else c.type


def _stored_type(c: Column[Any], dialect: Dialect) -> Any:
    return c.type.dialect_impl(dialect)


def _encoder(c: Column[Any], dialect: Dialect) -> Any:
    """How a column's values become JSON; None for those that are JSON as they are."""
    is_sqlite = dialect.name == "sqlite"
    kind = _plain_type(c)
    if isinstance(kind, JSON):
        # PostgreSQL reads the nested value as it is; SQLite stores text.
        return (lambda v: None if v is None else orjson.dumps(v).decode()) if is_sqlite else (lambda v: v)
    if isinstance(kind, LargeBinary):
        return (
            (lambda v: None if v is None else v.hex())
            if is_sqlite
            else (lambda v: None if v is None else f"\\x{v.hex()}")
        )
    if not isinstance(kind, DateTime | Date):
        return None
    bind = c.type.dialect_impl(dialect).bind_processor(dialect)

    def encode(value: Any) -> Any:
        # The type's own checks (an instant needs its zone) and, on SQLite, its own spelling.
        value = bind(value) if bind else value
        return value.isoformat() if isinstance(value, datetime | date) else value

    return encode


def _from_sqlite(c: Column[Any], value: ColumnElement[Any], index: int) -> ColumnElement[Any]:
    found: ColumnElement[Any] = func.json_extract(value, literal_column(f"'$[{index}]'"))
    if isinstance(_plain_type(c), LargeBinary):
        found = func.unhex(found)
    return type_coerce(found, c.type)
