"""Brings the database's tables up to this release, with the migrations that come with it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from automation.database import Database

ROOT = Path(__file__).resolve().parent.parent


def configuration(database: Database) -> Config:
    """Alembic's configuration for a database; `migrations/env.py` takes the engine from it."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["engine"] = database.engine
    return config


def newest(database: Database) -> str | None:
    """The revision that this release expects."""
    return ScriptDirectory.from_config(configuration(database)).get_current_head()


def present(database: Database) -> str | None:
    """The revision that the database is at; None before the first."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> bool:
    """Bring the tables up to date; False when they were."""
    if present(database) == newest(database):
        return False
    command.upgrade(configuration(database), "head")
    return True
