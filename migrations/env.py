"""Runs migrations on the database that the settings name, or on the connection that a caller hands in."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import JSON, Connection

from automation.database import Database
from automation.models import Record, UTCDateTime
from automation.settings import load


def _plain_type(kind: str, value: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write our column types as what they are in the database: a migration must not change when they do."""
    if kind != "type":
        return False
    if isinstance(value, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(value, JSON):
        autogen_context.imports.add("from sqlalchemy.dialects.postgresql import JSONB")
        return "sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), 'postgresql')"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Record.metadata,
        # SQLite cannot alter most things in place: Alembic then copies the table.
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=_plain_type,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    database = Database(load().database)
    with database.engine.begin() as opened:
        _run(opened)
    database.dispose()
