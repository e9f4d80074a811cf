from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from automation.app import App
from automation.errors import NotAllowed
from automation.group_commit import GroupCommit
from automation.models import Heartbeat
from tests.conftest import NOW


@pytest.fixture
def writer(app: App) -> Iterator[GroupCommit]:
    writer = GroupCommit(app.db)
    yield writer
    writer.close()


def beat(name: str) -> Callable[[Session], str]:
    def work(session: Session) -> str:
        session.add(Heartbeat(name=name, at=NOW))
        session.flush()
        return name

    return work


def names(app: App) -> list[str]:
    with app.db.read() as session:
        return list(session.scalars(select(Heartbeat.name).order_by(Heartbeat.name)))


class Hold:
    """Keeps the writer busy, so that what comes meanwhile has to wait and shares the next transaction."""

    def __init__(self, writer: GroupCommit) -> None:
        self.go = threading.Event()
        is_held = threading.Event()

        def wait(_: Session) -> None:
            is_held.set()
            self.go.wait(10)

        self.done = writer.submit(wait)
        assert is_held.wait(10)


def commits(app: App) -> list[int]:
    seen: list[int] = []
    event.listen(app.db.engine, "commit", lambda _: seen.append(1))
    return seen


def test_a_row_is_committed_when_its_future_is_done(app: App, writer: GroupCommit) -> None:
    assert writer.submit(beat("a")).result(10) == "a"
    assert names(app) == ["a"]


def test_what_waits_shares_one_transaction(app: App, writer: GroupCommit) -> None:
    hold = Hold(writer)
    seen = commits(app)
    futures = [writer.submit(beat(f"{n:03}")) for n in range(200)]
    assert not any(f.done() for f in futures)
    hold.go.set()
    assert [f.result(10) for f in futures] == [f"{n:03}" for n in range(200)]
    assert len(names(app)) == 200
    assert len(seen) == 1  # what held the writer never touched the database


def test_a_bad_row_fails_alone(app: App, writer: GroupCommit) -> None:
    writer.submit(beat("taken")).result(10)
    hold = Hold(writer)
    futures: list[Future[str]] = [writer.submit(beat(name)) for name in ("a", "taken", "b")]
    hold.go.set()
    assert futures[0].result(10) == "a"
    assert futures[2].result(10) == "b"
    with pytest.raises(IntegrityError):
        futures[1].result(10)
    assert names(app) == ["a", "b", "taken"]


def test_a_mistake_in_one_job_leaves_the_writer_running(app: App, writer: GroupCommit) -> None:
    def broken(session: Session) -> None:
        session.add(Heartbeat(name="half done", at=NOW))
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        writer.submit(broken).result(10)
    assert writer.submit(beat("next")).result(10) == "next"
    assert names(app) == ["next"]


def test_an_unreachable_database_fails_everybody_at_once(app: App, writer: GroupCommit) -> None:
    asked = []

    def ask(session: Session) -> None:
        asked.append(1)
        raise OperationalError("SELECT 1", {}, Exception("the server closed the connection"))

    hold = Hold(writer)
    futures = [writer.submit(ask) for _ in range(50)]
    hold.go.set()
    for future in futures:
        with pytest.raises(OperationalError):
            future.result(10)
    assert len(asked) == 1


def test_what_is_gathered_is_done_at_once_and_answered_one_by_one(app: App, writer: GroupCommit) -> None:
    calls = []

    def take(session: Session, items: Sequence[str]) -> list[str]:
        calls.append(list(items))
        session.add_all(Heartbeat(name=name, at=NOW) for name in items)
        session.flush()
        return [name.upper() for name in items]

    writer.submit(beat("taken")).result(10)
    hold = Hold(writer)
    futures = [writer.gather(take, name) for name in ("a", "b", "c")]
    hold.go.set()
    assert [f.result(10) for f in futures] == ["A", "B", "C"]
    assert calls == [["a", "b", "c"]]
    hold = Hold(writer)
    futures = [writer.gather(take, name) for name in ("d", "taken", "e")]
    hold.go.set()
    assert (futures[0].result(10), futures[2].result(10)) == ("D", "E")
    with pytest.raises(IntegrityError):
        futures[1].result(10)
    assert names(app) == ["a", "b", "c", "d", "e", "taken"]


def test_fifty_threads_lose_and_double_nothing(app: App, writer: GroupCommit) -> None:
    def bring(start: int) -> None:
        for n in range(start, start + 20):
            assert writer.submit(beat(f"{n:04}")).result(30) == f"{n:04}"

    threads = [threading.Thread(target=bring, args=(n * 20,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert names(app) == [f"{n:04}" for n in range(1000)]


def test_closing_writes_what_waits_and_takes_no_more(app: App) -> None:
    writer = GroupCommit(app.db)
    hold = Hold(writer)
    futures = [writer.submit(beat(f"{n}")) for n in range(9)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    hold.go.set()
    closing.join(10)
    assert not closing.is_alive()
    assert all(f.done() for f in futures)
    assert len(names(app)) == 9
    with pytest.raises(NotAllowed):
        writer.submit(beat("late"))
    writer.close()


def test_a_writer_that_never_wrote_closes_at_once(app: App) -> None:
    GroupCommit(app.db).close()


_CHILD = """
import sys
from automation.database import Database
from automation.group_commit import GroupCommit
from automation.models import Heartbeat
from tests.conftest import NOW

def beat(name):
    def work(session):
        session.add(Heartbeat(name=name, at=NOW))
    return work

writer = GroupCommit(Database(sys.argv[1]))
for n in range(int(sys.argv[2])):
    writer.submit(beat(f"{n:05}")).result()
    print(n, flush=True)
if sys.argv[3] == "leave":
    writer.submit(beat("last"))  # not waited for: the end of the process does
"""


def run_child(url: str, count: int, end: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _CHILD, url, str(count), end], stdout=subprocess.PIPE, text=True)


def test_what_was_reported_survives_a_kill(app: App) -> None:
    child = run_child(app.db.url, 100_000, "stay")
    assert child.stdout is not None
    reported = 0
    for line in child.stdout:
        reported = int(line)
        if reported == 100:
            os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    found = names(app)
    assert found[: reported + 1] == [f"{n:05}" for n in range(reported + 1)]
    assert len(found) <= reported + 2  # the one that was committed but not yet reported


def test_leaving_the_process_writes_what_waits(app: App) -> None:
    child = run_child(app.db.url, 1, "leave")
    assert child.stdout is not None
    assert child.stdout.read() == "0\n"
    assert child.wait(10) == 0
    child.stdout.close()
    assert names(app) == ["00000", "last"]
