from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from automation.app import App, build
from automation.clock import TurnableClock
from automation.models import Lease, Message
from automation.queue import celery, leader
from automation.queue.beat import STAGES
from automation.settings import Settings
from tests import make
from tests.conftest import NOW


@pytest.fixture
def distributed(database_url: str, tmp_path: Path, clock: TurnableClock) -> Iterator[App]:
    settings = Settings(
        data=tmp_path,
        database_url=database_url,
        secret_key="a key for tests only, long enough",
        broker_url=f"memory://{tmp_path.name}",
        senders=3,
    )
    app = build(settings, clock=clock, http=httpx.Client)
    yield app
    app.close()


def _clock(app: App) -> tuple[celery.Clock, Celery, str]:
    queue = celery.queue_of(app)
    application = celery.build(app.settings, queue)
    return celery.Clock(app, application, queue), application, queue


def _messages(application: Celery, queue: str) -> list[list[object]]:
    found = []
    with application.connection_for_read() as connection, connection.SimpleQueue(queue) as waiting:
        while waiting.qsize():
            message = waiting.get(block=False)
            found.append(message.payload[0])
            message.ack()
    return found


def test_the_leader_sends_a_message_for_every_stage_and_sender(distributed: App) -> None:
    clock, application, queue = _clock(distributed)
    assert clock.tick() == len(STAGES) + 2
    sent = _messages(application, queue)
    assert sorted(str(name) for name, _ in sent) == sorted([*STAGES, "deliver", "deliver"])
    assert {term for _, term in sent} == {1}


def test_who_does_not_lead_sends_nothing(distributed: App) -> None:
    with distributed.db.write() as session:
        leader.hold(session, leader.CLOCK, "somebody else", NOW)
    clock, application, queue = _clock(distributed)
    assert clock.tick() == 0
    assert _messages(application, queue) == []


def test_messages_that_nobody_takes_do_not_pile_up(distributed: App) -> None:
    clock, application, queue = _clock(distributed)
    for _ in range(30):
        clock.tick()
    assert len(_messages(application, queue)) <= (celery.BACKLOG + 1) * (len(STAGES) + 2)


def test_a_leader_that_woke_up_late_moves_nothing(distributed: App) -> None:
    with distributed.db.write() as session:
        store = make.store(session)
        make.connection(distributed, session, store, "provider", "mailbox")
        old = leader.hold(session, leader.CLOCK, "sleeper", NOW)
        new = leader.hold(session, leader.CLOCK, "successor", NOW + timedelta(minutes=1))
        make.message(session, make.customer(session, store), state="draft")
    assert old is not None
    assert new is not None
    assert celery.work(distributed, "decide", old) == 0
    with distributed.db.read() as session:
        assert session.query(Message).one().state == "draft"
    assert celery.work(distributed, "decide", new) == 1


def test_a_message_of_a_newer_release_is_left_alone(distributed: App) -> None:
    with distributed.db.write() as session:
        term = leader.hold(session, leader.CLOCK, "a", NOW)
    assert term is not None
    assert celery.work(distributed, "no_such_stage", term) == 0


def test_a_clock_that_stops_lets_another_lead_at_once(distributed: App) -> None:
    clock, _, _ = _clock(distributed)
    clock.start()
    clock.tick()
    clock.stop()
    with distributed.db.read() as session:
        assert session.get_one(Lease, leader.CLOCK).until <= NOW


def test_what_carries_the_ticks_is_safe(distributed: App) -> None:
    for url in ("amqp://guest@127.0.0.1//", "redis://127.0.0.1/0"):
        settings = distributed.settings.model_copy(update={"broker_url": SecretStr(url)})
        conf = celery.build(settings, "q").conf
        assert conf.task_acks_late
        assert conf.task_reject_on_worker_lost
        assert conf.accept_content == ["json"]
        assert conf.worker_prefetch_multiplier == 1


def test_a_broker_that_is_away_costs_no_more_than_ticks(
    tmp_path: Path, database_url: str, clock: TurnableClock
) -> None:
    settings = Settings(
        data=tmp_path,
        database_url=database_url,
        secret_key="a key for tests only, long enough",
        broker_url="redis://127.0.0.1:1/0",
    )
    app = build(settings, clock=clock)
    ticking, application, _ = _clock(app)
    application.conf.broker_transport_options = {"max_retries": 0, "socket_connect_timeout": 1}
    with pytest.raises(OperationalError):
        ticking.tick()
    ticking._tick_safely()
    application.close()
    app.close()
