"""A database server that is gone for five minutes: nothing is lost or doubled, and sending goes on by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from automation.app import App, build
from automation.clock import TurnableClock
from automation.provider import Mail, Outcome
from automation.queue.beat import Beat
from automation.settings import Settings
from automation.stages.deliver import deliver
from tests.automation.stages.outbox import shop, states
from tests.conftest import NOW
from tests.distributed.cable import Cable
from tests.fakes import Post, accept_all, scripted

GONE = timedelta(minutes=5)


class Line:
    """The way to the database server, which can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.cable = Cable(port)
        self.port = self.cable.port

    def refuse(self) -> None:
        """Nobody listens, and whoever was connected is not any more."""
        self.cable.close()

    def mend(self) -> None:
        """The server is back where it was."""
        self.cable = Cable(self._target, self.port)


@pytest.fixture
def distant(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnableClock
) -> Iterator[tuple[App, Post, Line, TurnableClock]]:
    """An installation whose server is at the other end of a line."""
    found = request.getfixturevalue("_postgresql")
    if found is None:
        pytest.skip("no PostgreSQL server: its outages are not tried")
    request.getfixturevalue("_emptied")
    url = make_url(found[0])
    line = Line(url.port or 5432)
    through = url.set(host="127.0.0.1", port=line.port).render_as_string(hide_password=False)
    settings = Settings(data=tmp_path, database_url=through, secret_key="a key for tests only, long enough")
    app, post = scripted(build(settings, clock=clock), "C")
    yield app, post, line, clock
    app.close()
    line.cable.close()
    # Those connections of the tests' own may have been ended too.
    found[1].dispose()


def test_an_answer_that_comes_while_the_server_is_gone_is_recorded_five_minutes_later(
    distant: tuple[App, Post, Line, TurnableClock],
) -> None:
    app, world, line, clock = distant
    with app.db.write() as session:
        shop(app, session, "Ada", "Bob", "Cid", "Dan")

    def send(mails: Sequence[Mail], key: str) -> list[Outcome]:
        line.refuse()
        return accept_all(mails, key)

    world.send = send
    for _ in range(3):
        with pytest.raises(OperationalError):
            deliver(app, clock(), 10)
    clock.now = NOW + GONE
    line.mend()
    world.send = accept_all
    for _ in range(3):
        deliver(app, clock(), 10)
    assert [state for state, _ in states(app)] == ["accepted"] * 4
    assert sorted(world.recipients) == [f"{n}@example.com" for n in ("ada", "bob", "cid", "dan")]


def test_connections_that_the_server_ends_cost_one_round(distant: tuple[App, Post, Line, TurnableClock]) -> None:
    app, world, _, clock = distant
    with app.db.write() as session:
        shop(app, session, "Ada")

    def send(mails: Sequence[Mail], key: str) -> list[Outcome]:
        with app.db.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        return accept_all(mails, key)

    world.send = send
    deliver(app, clock(), 10)
    assert [state for state, _ in states(app)] == ["accepted"]
    assert len(world.requests) == 1


def test_a_worker_says_once_a_minute_that_it_waits_and_then_that_it_goes_on(
    distant: tuple[App, Post, Line, TurnableClock], caplog: pytest.LogCaptureFixture
) -> None:
    app, _, line, _ = distant
    belt = Beat(app)
    caplog.set_level(logging.INFO)
    belt._run("heartbeat", belt._beat)
    line.refuse()
    for _ in range(3):
        belt._run("heartbeat", belt._beat)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "heartbeat waits. The database does not answer" in caplog.text
    assert "Traceback" not in caplog.text
    line.mend()
    belt._run("heartbeat", belt._beat)
    assert "the database answers again" in caplog.text
