"""The distributed shape for real: PostgreSQL, a broker, and worker processes, one of which is cut off in mid-send."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from kombu.connection import Connection
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from automation.app import App, build
from automation.clock import real_time, stopwatch
from automation.models import Heartbeat, Lease, Message
from automation.queue import celery, leader
from automation.settings import Settings, child_environment
from tests import make
from tests.distributed.cable import Cable
from tests.distributed.postmark import Postmark

BROKERS = {"rabbitmq": "amqp://guest:guest@127.0.0.1:5672//", "redis": "redis://127.0.0.1:6379/7"}
KEY = "a key for tests only, long enough"
SECONDS = {"CARTWHEEL_LEASE_SECONDS": "4", "CARTWHEEL_SETTLE_SECONDS": "2", "CARTWHEEL_TICK_SECONDS": "0.3"}


def _connect(url: str) -> Any:
    return Connection(url, connect_timeout=2)  # type: ignore[no-untyped-call]  # kombu's own


def _answers(url: str) -> bool:
    with suppress(Exception), _connect(url) as connection:
        connection.ensure_connection(max_retries=1, timeout=2)
        return True
    return False


@pytest.fixture(params=list(BROKERS))
def broker(request: pytest.FixtureRequest) -> str:
    url = BROKERS[request.param]
    if not _answers(url):
        if os.environ.get("CI"):
            pytest.fail(f"{request.param} does not answer")
        pytest.skip(f"no {request.param}: the distributed shape is not tried on it")
    return url


class Team:
    """Worker processes of one installation."""

    def __init__(self, app: App, broker: str, folder: Path, stack: ExitStack) -> None:
        self.app, self._broker, self._folder, self._stack = app, broker, folder, stack

    def start(self, name: str, *, database: str = "", broker: str = "") -> subprocess.Popen[bytes]:
        """One more worker, in a data folder of its own, as on another host."""
        environment = child_environment(
            CARTWHEEL_DATA=str(self._folder / name),
            CARTWHEEL_DATABASE_URL=database or self.app.settings.database,
            CARTWHEEL_BROKER_URL=broker or self._broker,
            CARTWHEEL_SECRET_KEY=KEY,
            CARTWHEEL_BATCH_SIZE="20",
            CARTWHEEL_LOG_LEVEL="ERROR",
            **SECONDS,
        )
        process = subprocess.Popen([sys.executable, "-m", "automation", "worker"], env=environment)
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until(question: Callable[[], bool], seconds: float, what: str) -> None:
    end = stopwatch() + seconds
    while stopwatch() < end:
        if question():
            return
        threading.Event().wait(0.1)
    pytest.fail(f"{what} within {seconds:g} seconds")


@pytest.fixture
def team(broker: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    found = request.getfixturevalue("_postgresql")
    if found is None:
        pytest.skip("no PostgreSQL server: the distributed shape is not tried")
    request.getfixturevalue("_emptied")
    settings = Settings(data=tmp_path, database_url=found[0], secret_key=KEY, broker_url=broker)
    app = build(settings)
    with ExitStack() as stack:
        stack.callback(app.close)
        yield Team(app, broker, tmp_path, stack)
        _remove_queue(app, broker)


def _remove_queue(app: App, broker: str) -> None:
    queue = celery.queue_of(app)
    with _connect(broker) as connection, suppress(Exception):
        connection.default_channel.queue_delete(queue)


def _drafts(app: App, port: int, count: int) -> None:
    now = real_time()
    with app.db.write() as session:
        store = make.store(session, policy={"quiet_from": "00:00", "quiet_until": "00:00"})
        make.connection(
            app, session, store, "provider", "postmark", server_token="t", base_url=f"http://127.0.0.1:{port}"
        )
        for i in range(count):
            customer = make.customer(session, store, f"Ada{i}")
            make.message(
                session, customer, state="draft", due_at=now, created_at=now, expires_at=now + timedelta(hours=4)
            )


def _accepted(app: App) -> int:
    with app.db.read() as session:
        return session.scalar(select(func.count()).select_from(Message).where(Message.state == "accepted")) or 0


def _through(url: str, cable: Cable) -> str:
    """The same address, by a cable."""
    if url.startswith("postgresql"):
        return make_url(url).set(host="127.0.0.1", port=cable.port).render_as_string(hide_password=False)
    return url.replace(str(urlsplit(url).port), str(cable.port))


def test_three_workers_send_everything_once_though_one_is_cut_off_in_mid_send(team: Team, broker: str) -> None:
    app, provider = team.app, Postmark(0.3)
    cables = [Cable(make_url(app.settings.database).port or 5432), Cable(urlsplit(broker).port or 0)]
    lonely = team.start(
        "lonely", database=_through(app.settings.database, cables[0]), broker=_through(broker, cables[1])
    )
    _drafts(app, provider.port, 120)
    # Alone at first, so that it is the one that is sending when its cables are pulled.
    _wait_until(lambda: provider.under_way > 0, 40, "no mail left")
    for cable in cables:
        cable.cut()
    for name in ("second", "third"):
        team.start(name)
    threading.Event().wait(5)
    for cable in cables:
        cable.mend()
    _wait_until(lambda: _accepted(app) == 120, 60, "not everything was accepted")
    assert lonely.poll() is None, "it came back by itself"
    assert len(provider.taken) == 120
    assert set(provider.taken.values()) == {1}, "no mail left twice"
    provider.close()


def test_a_leader_that_is_stopped_past_its_lease_is_followed(team: Team) -> None:
    app = team.app
    first = team.start("first")
    _wait_until(lambda: _leads(app) != "", 120, "nobody led")
    leading = _leads(app)
    team.start("second")
    _wait_until(lambda: _heard(app) >= {"clock", "worker"}, 120, "no heartbeat")
    first.send_signal(signal.SIGSTOP)
    # Not 15 seconds in a test: as if they had passed.
    with app.db.write() as session:
        session.get_one(Lease, leader.CLOCK).until = real_time() - timedelta(seconds=1)
    _wait_until(lambda: _leads(app) not in ("", leading), 120, "nobody followed")
    with app.db.read() as session:
        assert session.get_one(Lease, leader.CLOCK).term >= 2
    successor = _leads(app)
    first.send_signal(signal.SIGCONT)
    threading.Event().wait(1.5)
    assert _leads(app) == successor, "who wakes up does not take the lead back"


def _leads(app: App) -> str:
    with app.db.read() as session:
        row = session.get(Lease, leader.CLOCK)
        return row.holder if row is not None and row.until > real_time() else ""


def _heard(app: App) -> set[str]:
    with app.db.read() as session:
        return set(session.scalars(select(Heartbeat.name)))
