"""Five fixtures that most tests share: `app` on both databases, `clock`, `net`, and the rows that `make` makes.

SQLite runs everywhere. PostgreSQL runs where there is a server; elsewhere those tests skip and say so, unless CI
is set: then a missing server is a failure.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, literal, select, text, union_all
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from automation.app import App, build
from automation.clock import TurnableClock
from automation.database import Database
from automation.models import Record
from automation.settings import Settings

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
"""The tests' present: a Tuesday at noon."""

SERVER = os.environ.get("CARTWHEEL_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


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
    except OperationalError:
        if os.environ.get("CI"):
            raise
        yield None
        return
    url = server.url.set(database=name).render_as_string(hide_password=False)
    engine = create_engine(url, connect_args={"options": "-c synchronous_commit=off"})
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


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with every table, once on each of the two."""
    if request.param == "sqlite":
        path = tmp_path / "cartwheel.sqlite"
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


@pytest.fixture
def app(database_url: str, tmp_path: Path, clock: TurnableClock, net: Net) -> Iterator[App]:
    """A whole installation on an empty database."""
    settings = Settings(
        data=tmp_path,
        database_url=database_url,
        secret_key="a key for tests only, long enough",
        base_url="https://mail.example.com",
    )
    app = build(settings, clock=clock, http=net.client)
    yield app
    app.close()
