"""Databases of the campaign: made, copied, put back, and dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from automation.app import App
from automation.security import random_id
from tests.conftest import SERVER


@contextmanager
def database(kind: str) -> Iterator[str | None]:
    """An empty database of its own: None stands for SQLite in the campaign's folder."""
    if kind == "sqlite":
        yield None
        return
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = f"cartwheel_crash_{random_id()[:8]}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        _hurry(connection, name)
    try:
        yield server.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            for one in (name, f"{name}_copy"):
                connection.execute(text(f"DROP DATABASE IF EXISTS {one} WITH (FORCE)"))


def _hurry(connection: Any, name: str) -> None:
    """It is workers that die here, not the server or the machine."""
    connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))


class Backup(Protocol):
    """A copy of the database, made while workers are stopped in the middle of whatever they did."""

    database: str
    """Its name on the server; empty for SQLite."""

    def copy(self) -> None:
        """Copy the database as it is now."""

    def restore(self) -> None:
        """Put the copy in the database's place; nobody is connected."""


def backup_of(app: App, folder: Path) -> Backup:
    """How this installation's database is copied."""
    return _File(app, folder) if app.db.is_sqlite else _Server(app)


class _File:
    """SQLite's backup API, as `VACUUM INTO` and backup tools use it."""

    database = ""

    def __init__(self, app: App, folder: Path) -> None:
        self._app, self._copy = app, folder / "copy.sqlite"
        self._path = Path(make_url(app.db.url).database or "")

    def copy(self) -> None:
        self._copy.unlink(missing_ok=True)
        module = self._app.db.engine.dialect.dbapi
        assert module is not None
        with closing(module.connect(str(self._path))) as source, closing(module.connect(str(self._copy))) as target:
            source.backup(target)

    def restore(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        self._copy.rename(self._path)


class _Server:
    """A PostgreSQL template copy: it needs a database without connections, so it is made once everybody is dead."""

    def __init__(self, app: App) -> None:
        self.database = make_url(app.db.url).database or ""
        self._server = create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def copy(self) -> None:
        """Nothing yet."""

    def restore(self) -> None:
        name, copy = self.database, f"{self.database}_copy"
        others = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        with self._server.connect() as connection:
            while connection.execute(others, {"name": name}).all():
                time.sleep(0.01)
            connection.execute(text(f"CREATE DATABASE {copy} TEMPLATE {name}"))
            connection.execute(text(f"DROP DATABASE {name}"))
            connection.execute(text(f"ALTER DATABASE {copy} RENAME TO {name}"))
            _hurry(connection, name)
