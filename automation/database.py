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
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from automation.errors import SetupError

BUSY_SECONDS = 30.0
"""How long a connection to SQLite waits for another program's."""
_SAFE_SQLITE = (3, 51, 3)
"""The first release without the WAL-reset bug."""

ERASURE_KEY = "erasure_key"
"""What a session's `info` calls the key of the marks of erased people; see `automation.erasing.marks`."""


_WORDS = (
    ("no such table", "The database is not migrated ({said}): run `cartwheel migrate`."),
    ("relation", "The database is not migrated ({said}): run `cartwheel migrate`."),
    ("is locked", "Another program holds the database locked. End it, or wait for it, and start again."),
    ("is full", "The disk is full. Make room; what was begun goes on then."),
    ("disk i/o", "The disk does not take what is written: it is full or broken. What was begun goes on afterwards."),
    ("readonly", "The database's file or folder cannot be written. Give it to the user that Cartwheel runs as."),
    ("read-only", "The database takes no writes: it is a stand-by, or was set to read only."),
    ("unable to open", "The database's file cannot be opened. Is CARTWHEEL_DATA a folder that can be written?"),
    ("not a database", "The database's file is damaged, or is none. Put back a backup; nothing was changed."),
    ("malformed", "The database's file is damaged. Stop everything and put back a backup; nothing was changed."),
)
"""What databases say in passing, and what to do about it."""


def sentence(error: DBAPIError) -> str:
    """A database's error in words that say what to do."""
    said = (str(error.orig or error).strip().splitlines() or [type(error).__name__])[0]
    for sign, words in _WORDS:
        if sign in said.lower() and (sign != "relation" or "does not exist" in said):
            return words.format(said=said)
    return f"The database does not answer: {said}"


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
        # An error's text goes to the log; what customers are called does not.
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
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
            f"busy_timeout={BUSY_SECONDS * 1000:.0f}",
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
        # An error's text goes to the log; what customers are called does not.
        hide_parameters=True,
        pool_size=20,
        max_overflow=40,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            "options": "-c timezone=UTC -c lock_timeout=30s -c statement_timeout=600s "
            "-c idle_in_transaction_session_timeout=120s "
            # Compiling a query takes longer than any of ours runs, but for reports, which gain little.
            "-c jit=off",
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

    def analyse(self, table: str) -> None:
        """Let PostgreSQL look at a table anew after many rows came at once: by itself it waits for a tenth of them,
        and meanwhile takes what it has never seen (a campaign's first enrolments) to be one row or two. A table of
        millions takes a third of a second; nobody waits for it.
        """
        if self.is_sqlite:
            return
        name = self.engine.dialect.identifier_preparer.quote(table)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"ANALYZE {name}")

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
