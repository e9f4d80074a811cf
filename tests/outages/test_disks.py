"""Disks that are full, cannot be written or hold a damaged database: clear words, nothing lost, and it goes on."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from automation.app import App
from automation.database import sentence
from automation.provider import Mail, Outcome
from automation.stages.deliver import deliver
from tests.automation.commands.conftest import Cartwheel, cartwheel, environment  # noqa: F401  fixtures
from tests.automation.stages.outbox import shop, states
from tests.conftest import NOW
from tests.fakes import accept_all, scripted

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def full() -> Iterator[None]:
    """Nothing is written beyond 8 KB of a file: so the database cannot go on, and the journal of sends still can."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_sent_before_the_disk_ran_full_is_recorded_when_there_is_room(app: App) -> None:
    app, world = scripted(app, "C")
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob")
    filled = full()

    def send(mails: Sequence[Mail], key: str) -> list[Outcome]:
        filled.__enter__()
        return accept_all(mails, key)

    world.send = send
    with pytest.raises(OperationalError) as error:
        deliver(app, NOW, 10)
    assert "full" in sentence(error.value)
    assert [state for state, _ in states(app)] == ["submitting"] * 2
    with pytest.raises(OperationalError):
        deliver(app, NOW, 10)
    filled.__exit__(None, None, None)
    world.send = accept_all
    deliver(app, NOW, 10)
    assert [state for state, _ in states(app)] == ["accepted"] * 2
    assert len(world.requests) == 1, "nothing left twice"


def test_a_disk_that_is_full_before_anything_leaves_sends_nothing_and_goes_on_later(app: App) -> None:
    app, world = scripted(app, "C")
    with app.db.write() as session:
        shop(app, session, "Ada")
    with full(), pytest.raises(OperationalError):
        deliver(app, NOW, 10)
    assert world.requests == []
    deliver(app, NOW, 10)
    assert world.recipients == ["ada@example.com"]


@pytest.fixture
def damaged(environment: dict[str, str]) -> Path:  # noqa: F811  the fixture
    """A data folder whose database is being damaged by a test."""
    path = Path(environment["CARTWHEEL_DATA"]) / "cartwheel.sqlite"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("command", ["run", "worker", "migrate", "status", "doctor"])
def test_a_file_that_is_no_database_is_named_at_start(
    cartwheel: Cartwheel,  # noqa: F811  the fixture
    damaged: Path,
    command: str,
    database_url: str,
) -> None:
    damaged.write_bytes(b"this is no database, however one looks at it. " * 100)
    answer = cartwheel(command)
    assert answer.exit_code in (1, 2)
    assert "Traceback" not in answer.output
    assert "damaged" in answer.output
    assert damaged.read_bytes().startswith(b"this is no database")


def test_a_damaged_page_is_named(cartwheel: Cartwheel, damaged: Path, database_url: str) -> None:  # noqa: F811  as above
    cartwheel("migrate")
    with sqlite3.connect(damaged) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    body = bytearray(damaged.read_bytes())
    body[100:4096] = b"\xff" * 3996
    damaged.write_bytes(body)
    answer = cartwheel("status")
    assert (answer.exit_code, "damaged" in answer.output) == (2, True)


def test_a_folder_that_cannot_be_written_is_named(cartwheel: Cartwheel, database_url: str) -> None:  # noqa: F811  as above
    for command in ("run", "worker", "migrate", "status"):
        answer = cartwheel(command, CARTWHEEL_DATA="/proc/cartwheel")
        assert answer.exit_code == 2
        assert "/proc/cartwheel" in answer.output
        assert "Traceback" not in answer.output


def test_a_locked_database_is_named(
    cartwheel: Cartwheel,  # noqa: F811  the fixture
    damaged: Path,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
) -> None:
    cartwheel("migrate")
    monkeypatch.setattr("automation.database.BUSY_SECONDS", 0.05)
    # In a process of its own: within one, closing any of its files would let go of the lock.
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE')"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{hold}; print('held', flush=True); input()", str(damaged)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    answer = cartwheel("admin", "ada@example.com")
    holder.communicate("\n")
    assert (answer.exit_code, "Another program holds the database locked" in answer.output) == (2, True)
