"""Five fixtures that most tests share: `app` on both databases, `clock`, `net`, and the rows that `make` makes.

SQLite runs everywhere. PostgreSQL runs where there is a server; elsewhere those tests skip and say so, unless CI
is set: then a missing server is a failure.
"""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, literal, select, text, union_all
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from automation.app import App, build
from automation.clock import TurnableClock
from automation.database import Database
from automation.errors import TemplateBroken
from automation.models import Record
from automation.rendering.mail import Compiled, MailSource
from automation.rendering.pool import RenderPool
from automation.rendering.process import Finished
from automation.security import Keyring
from automation.settings import Settings

KEY = "a key for tests only, long enough"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
"""The tests' present: a Tuesday at noon."""

SERVER = os.environ.get("CARTWHEEL_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


_IN_MEMORY = Path("/dev/shm")  # noqa: S108  where Linux keeps files in memory


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Keep the tests' databases in memory where that is offered: on a disk each commit of each waits for it."""
    if os.access(_IN_MEMORY, os.W_OK):
        tempfile.tempdir = str(_IN_MEMORY)


def pytest_collection_finish() -> None:
    """Let the collector pass over thousands of tests that stay to the end."""
    gc.collect()
    gc.freeze()


class Net:
    """The outside world: tests say who answers, and look at what was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(503)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        return self.answer(request)

    def client(self) -> httpx.Client:
        """A client that talks to this world."""
        return httpx.Client(transport=httpx.MockTransport(self))


@pytest.fixture(scope="session")
def _empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "empty.sqlite"
    database = Database(f"sqlite:///{path}")
    Record.metadata.create_all(database.engine)
    database.dispose()
    return path


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[tuple[str, Engine] | None]:
    checkout = hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:8]
    lane = os.environ.get("PYTEST_XDIST_WORKER", "main")
    # A run that was killed may still be ending; its successor has names of its own.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:8]
    name = f"cartwheel_test_{checkout}_{run}_{lane}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name}"))
            # No test pulls the plug of this server; those that kill things have databases of their own.
            connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    except OperationalError:
        if os.environ.get("CI"):
            raise
        yield None
        return
    url = server.url.set(database=name).render_as_string(hide_password=False)
    engine = create_engine(url)
    Record.metadata.create_all(engine)
    yield url, engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    server.dispose()


def _empty(engine: Engine) -> None:
    tables = Record.metadata.sorted_tables
    filled = union_all(
        *(select(literal(t.name)).where(select(literal(1)).select_from(t).limit(1).exists()) for t in tables)
    )
    counted = {t.name for t in tables if t.autoincrement_column is not None}
    with engine.begin() as connection:
        names = connection.execute(filled).scalars().all()
        if not names:
            return
        # TRUNCATE costs 150 ms, this 6: a replica asks neither foreign keys nor the ledger's triggers.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for name in names:
            connection.execute(text(f"DELETE FROM {name}"))
        numbers = [f"setval(pg_get_serial_sequence('{name}', 'id'), 1, false)" for name in names if name in counted]
        if numbers:
            connection.execute(text(f"SELECT {', '.join(numbers)}"))


@pytest.fixture
def _emptied(request: pytest.FixtureRequest) -> None:
    """The PostgreSQL server's tables, emptied: for tests that need no other database."""
    server = request.getfixturevalue("_postgresql")
    if server is not None:
        _empty(server[1])


@pytest.fixture(scope="session")
def _sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sqlite")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database with every table, once on each of the two."""
    if request.param == "sqlite":
        folder: Path = request.getfixturevalue("_sqlite_folder")
        for left in folder.iterdir():
            left.unlink()
        path = folder / "cartwheel.sqlite"
        shutil.copy(request.getfixturevalue("_empty_sqlite"), path)
        return f"sqlite:///{path}"
    server = request.getfixturevalue("_postgresql")
    if server is None:
        pytest.skip("no PostgreSQL server (CARTWHEEL_TEST_POSTGRESQL): its half of the tests is skipped")
    url, engine = server
    _empty(engine)
    return str(url)


@pytest.fixture
def clock() -> TurnableClock:
    """A clock that stands at NOW until a test turns it."""
    return TurnableClock(NOW)


@pytest.fixture
def net() -> Net:
    """The outside world."""
    return Net()


class SharedPool(RenderPool):
    """Render children that outlive a test: starting one costs more than most tests do, and so does compiling a mail."""

    def __init__(self, link_key: bytes) -> None:
        super().__init__(1, link_key)
        self._run = 0
        self._compiled: dict[str, Compiled] = {}

    def begin(self) -> None:
        """Forget what the last test read from its database."""
        self._run += 1
        self.versions = {}
        self.guises = {}
        self.patience = None

    def finish(
        self, version_key: str, compiled: Compiled, contexts: Sequence[dict[str, Any]], *, is_strict: bool = False
    ) -> list[Finished | TemplateBroken]:
        # "version 1" is another mail in every test.
        return super().finish(f"{self._run} {version_key}", compiled, contexts, is_strict=is_strict)

    def compile(self, source: MailSource) -> Compiled:
        key = repr(source)
        if key not in self._compiled:
            self._compiled[key] = super().compile(source)
        return self._compiled[key]

    def close(self) -> None:
        """The test is over; the children stay."""

    def end(self) -> None:
        """Stop the children."""
        super().close()


@pytest.fixture(scope="session")
def _pool() -> Iterator[SharedPool]:
    pool = SharedPool(Keyring(KEY.encode()).derive("links"))
    yield pool
    pool.end()


class Databases:
    """Engines that outlive a test: each would otherwise compile anew every statement that the last one compiled."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._kept: dict[str, Database] = {}

    def at(self, url: str) -> Database:
        """A database as a new one would be: what a test listens to on its engine is heard in that test alone."""
        kept = self._kept.get(url) or self._kept.setdefault(url, Database(url, self._key))
        mine = copy(kept)
        mine.engine = kept.engine.execution_options()  # shares pool and cache
        return mine

    def close(self) -> None:
        """Close every connection."""
        for database in self._kept.values():
            database.dispose()


@pytest.fixture(scope="session")
def _databases() -> Iterator[Databases]:
    databases = Databases(Keyring(KEY.encode()).derive("erasure"))
    yield databases
    databases.close()


@pytest.fixture
def app(
    database_url: str, tmp_path: Path, clock: TurnableClock, net: Net, request: pytest.FixtureRequest
) -> Iterator[App]:
    """A whole installation on an empty database."""
    settings = Settings(
        data=tmp_path,
        database_url=database_url,
        secret_key=KEY,
        base_url="https://mail.example.com",
    )
    pool: SharedPool = request.getfixturevalue("_pool")
    pool.begin()
    databases: Databases = request.getfixturevalue("_databases")
    db = databases.at(database_url)
    yield replace(build(settings, clock=clock, http=net.client), db=db, renderer=pool)
    if db.is_sqlite:
        db.dispose()
