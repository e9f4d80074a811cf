"""What benchmarks share: figures, empty databases, a sink that takes every mail, and a meter of processor time."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from automation.app import App, build
from automation.clock import Clock, stopwatch
from automation.models import Record
from automation.settings import Settings

SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, what it is, and what it is held against."""

    bench: str
    name: str
    lane: str
    value: float
    unit: str
    target: str = ""
    is_met: bool | None = None
    note: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


def lanes() -> list[str]:
    """The databases to measure on: SQLite, and PostgreSQL where a server answers."""
    found = ["sqlite"]
    try:
        engine = create_engine(SERVER, connect_args={"connect_timeout": 3})
        with engine.connect():
            found.append("postgresql")
        engine.dispose()
    except OperationalError:
        print("no PostgreSQL server: measuring SQLite only")
    return found


@contextmanager
def installation(lane: str, clock: Clock | None = None, **settings: Any) -> Iterator[App]:
    """A whole installation on an empty database, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cartwheel-bench-"))
    url = f"sqlite:///{folder / 'bench.sqlite'}"
    name = f"cartwheel_bench_{os.getpid()}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    if lane == "postgresql":
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = server.url.set(database=name).render_as_string(hide_password=False)
    app = build(Settings(**{"data": folder, "database_url": url, **settings}), clock=clock)
    try:
        Record.metadata.create_all(app.db.engine)
        yield app
    finally:
        app.close()
        if lane == "postgresql":
            with server.connect() as connection:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        server.dispose()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def filling(app: App) -> Iterator[None]:
    """Make ten million rows a matter of minutes on PostgreSQL: no keys asked, indexes made when all rows are there.

    What is measured afterwards is the same database.
    """
    if app.db.is_sqlite:
        yield
        return
    name = app.db.engine.url.database
    plain = (
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made FROM pg_index "
        "JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace AND NOT indisunique"
    )
    with app.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        indexes = connection.execute(text(plain)).all()
        for index in indexes:
            connection.exec_driver_sql(f"DROP INDEX {index.name}")
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET session_replication_role = 'replica'")
    # Connections read the setting when they are opened.
    app.db.engine.dispose()
    yield
    with app.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET maintenance_work_mem = '512MB'")
        for index in indexes:
            connection.exec_driver_sql(index.made)
        connection.exec_driver_sql(f"ALTER DATABASE {name} RESET session_replication_role")
    app.db.engine.dispose()


def analyse(app: App) -> None:
    """Let the database look at its tables, as it would have by itself in a running installation."""
    with app.db.engine.connect() as connection:
        if app.db.is_sqlite:
            connection.exec_driver_sql("ANALYZE")
        else:
            connection.commit()
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")  # noqa: PLW2901  the same connection
            connection.exec_driver_sql("VACUUM ANALYZE")


def median_ms(action: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of an action in milliseconds."""
    spans = []
    for _ in range(repeats):
        start = stopwatch()
        action()
        spans.append((stopwatch() - start) * 1000)
    return statistics.median(spans)


def cpu_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def cpu_of(process: psutil.Process) -> float:
    """Processor time of a process and of its children that live."""
    times = process.cpu_times()
    own: float = times.user + times.system
    return own + sum(cpu_of(child) for child in process.children())


@contextmanager
def sink(*arguments: str) -> Iterator[str]:
    """A provider in its own process that takes every mail at once; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
