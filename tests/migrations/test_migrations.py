"""Migrations: up, down, up again, and nothing between them and the models."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from automation.database import Database
from automation.models import Record
from tests import make
from tests.conftest import SERVER

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "sqlite":
        found = Database(f"sqlite:///{tmp_path / 'new.sqlite'}")
        yield found
        found.dispose()
        return
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    name = f"cartwheel_migrations_{os.getpid()}"
    try:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no PostgreSQL server (CARTWHEEL_TEST_POSTGRESQL): its half of the tests is skipped")
    found = Database(server.url.set(database=name).render_as_string(hide_password=False))
    yield found
    found.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def _all_but(names: set[str]) -> Callable[..., bool]:
    """Of the indexes that are made on PostgreSQL alone Alembic's comparison knows nothing."""
    return lambda _object, name, *_: name not in names


def _migrate(database: Database, target: str) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if target == "base" else command.upgrade)(config, target)


def test_up_down_and_up_again_leaves_the_same_tables(database: Database) -> None:
    _migrate(database, "head")
    first = set(inspect(database.engine).get_table_names())
    _migrate(database, "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    _migrate(database, "head")
    assert set(inspect(database.engine).get_table_names()) == first
    assert set(Record.metadata.tables) < first


# On SQLite nothing can be read back about an index on lower(name); that both make it shows in the test of its plan.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_models_ask_for_nothing_that_the_migrations_do_not_make(database: Database) -> None:
    _migrate(database, "head")
    with database.engine.begin() as connection:
        missing = {"ix_customers_email_key"} if connection.dialect.name == "sqlite" else set()
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _all_but(missing)}
        )
        assert compare_metadata(context, Record.metadata) == []


def test_the_consent_ledger_cannot_be_rewritten(database: Database) -> None:
    _migrate(database, "head")
    with database.write() as session:
        make.agree(session, make.customer(session, make.store(session), consent=False), "granted")
    for statement in ("UPDATE consents SET status = 'withdrawn'", "DELETE FROM consents"):
        with pytest.raises(DBAPIError, match="append-only"), database.write() as session:
            session.execute(text(statement))
    with database.write() as session:
        session.execute(text("UPDATE consents SET ip = ''"))
