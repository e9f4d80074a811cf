"""Brings the database's tables up to this release, with the migrations that come with it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from automation.database import Database

ROOT = Path(__file__).resolve().parent.parent


def _configuration() -> Config:
    return Config(ROOT / "alembic.ini")


def newest() -> str | None:
    """The revision that this release expects."""
    return ScriptDirectory.from_config(_configuration()).get_current_head()


def present(database: Database) -> str | None:
    """The revision that the database is at; None before the first."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> bool:
    """Bring the tables up to date, in one transaction; False when they were."""
    if present(database) == newest():
        return False
    config = _configuration()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True
