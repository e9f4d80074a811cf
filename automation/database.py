"""The database: one engine, `read()` and `write()` transactions, and the rules that keep each of the two honest.

SQLite: WAL, BEGIN IMMEDIATE for writers (a transaction that reads first and writes later fails at once otherwise),
synchronous FULL (a power cut may not undo an acceptance), foreign keys on, and a library without the WAL-reset bug.
PostgreSQL: time-outs for statements, locks and idle transactions; connections are checked before use.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from automation.errors import SetupError

_SAFE_SQLITE = (3, 51, 3)
"""The first release without the WAL-reset bug."""

ERASURE_KEY = "erasure_key"
"""What a session's `info` calls the key of the marks of erased people; see `automation.erasing.marks`."""


def _sqlite_module() -> ModuleType:
    try:
        import pysqlite3  # noqa: PLC0415  only Linux has this wheel; elsewhere Python's own may be new enough
    except ImportError:
        pysqlite3 = sqlite3
    if tuple(map(int, pysqlite3.sqlite_version.split("."))) < _SAFE_SQLITE:
        raise SetupError(
            f"This Python's SQLite is {pysqlite3.sqlite_version}; releases before 3.51.3 can corrupt the database. "
            "Install the package pysqlite3, or use PostgreSQL (CARTWHEEL_DATABASE_URL)."
        )
    return pysqlite3  # type: ignore[no-any-return]


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _sqlite_engine(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        module=_sqlite_module(),
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        connect_args={"timeout": 30, "check_same_thread": False},
        pool_size=20,
        max_overflow=40,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "mmap_size=0",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: str) -> Engine:
    return create_engine(
        url,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        pool_size=20,
        max_overflow=40,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            "options": "-c timezone=UTC -c lock_timeout=30s -c statement_timeout=600s "
            "-c idle_in_transaction_session_timeout=120s",
        },
    )


class _Turn:
    """A lock that says so when a thread would wait for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def __enter__(self) -> None:
        if self._owner == threading.get_ident():
            raise RuntimeError("A write transaction was begun inside another one; pass the session on instead.")
        self._lock.acquire()
        self._owner = threading.get_ident()

    def __exit__(self, *_error: object) -> None:
        self._owner = None
        self._lock.release()


class Database:
    """One engine and its two kinds of transaction."""

    def __init__(self, url: str, erasure_key: bytes = b"") -> None:
        self._info = {ERASURE_KEY: erasure_key}
        name = make_url(url).get_backend_name()
        if name not in ("sqlite", "postgresql"):
            raise SetupError(f"CARTWHEEL_DATABASE_URL must be sqlite or postgresql, not {name}.")
        if name == "postgresql":
            url = make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        self.url = url
        self.is_sqlite = name == "sqlite"
        self.engine = _sqlite_engine(url) if self.is_sqlite else _postgresql_engine(url)
        # SQLite has one writer at a time; waiting in line here is fairer and quicker than its busy handler's naps.
        self._turn: Any = _Turn() if self.is_sqlite else nullcontext()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: commits at the end, rolls back on an exception."""
        with self._turn, Session(self.engine, expire_on_commit=False, info=self._info) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; nothing in it is kept."""
        with Session(self.engine, expire_on_commit=False, autoflush=False, info=self._info) as session:
            session.connection(execution_options={"writes": False})
            yield session

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
