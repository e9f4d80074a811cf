"""INSERT … ON CONFLICT, which both databases have and SQLAlchemy spells once for each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from automation.models import Record


def insert_into(session: Session, model: type[Record]) -> Any:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, for the session's database."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(table_of(model))


def table_of(model: type[Record]) -> Table:
    """A model's table: statements on it skip the object layer, which a thousand rows at once have no use for."""
    table = model.__table__
    assert isinstance(table, Table)
    return table
