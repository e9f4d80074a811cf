from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, update

from automation.actions.connections import set_pacing
from automation.app import App, build
from automation.clock import TurnableClock
from automation.delivery import rates
from automation.errors import Later, Refused
from automation.models import Connection, Message, RateState
from automation.pacing import Pacing
from automation.provider import Mail, Outcome, Rate
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import rows
from tests.conftest import NOW, Net
from tests.fakes import PlainRenderer, Post, accept_all


def shop(app: App, count: int, **pacing: object) -> Connection:
    """A store with a paced connection and so many ready messages."""
    with app.db.write() as session:
        store = make.store(session)
        row = make.connection(app, session, store, "provider", "scripted")
        set_pacing(session, row, Pacing.model_validate(pacing), NOW)
        for n in range(count):
            make.message(session, make.customer(session, store, f"Ada{n}"), state="ready")
        return row


def state_of(app: App) -> RateState:
    with app.db.read() as session:
        return session.scalars(select(RateState)).one()


def test_mails_leave_no_faster_than_the_connection_may_send(post: tuple[App, Post]) -> None:
    app, world = post
    shop(app, 12, per_second=2, burst=4)
    seen = []
    for second in range(6):
        deliver(app, NOW + timedelta(seconds=second), 100)
        seen.append(len(world.recipients))
    assert seen == [4, 6, 8, 10, 12, 12]
    assert {m.state for m in rows(app)} == {"accepted"}
    assert {m.attempt_count for m in rows(app)} == {1}


def test_workers_share_one_bucket_also_after_a_restart(post: tuple[App, Post]) -> None:
    app, world = post
    connection = shop(app, 0, per_second=10, burst=10)
    others = [replace(app, worker_id=f"worker-{n}") for n in range(3)]
    assert [rates.take(other, connection, 4, NOW) for other in others] == [4, 4, 2]
    again = build(app.settings, clock=app.clock, http=httpx.Client)
    again = replace(again, providers=app.providers)
    assert rates.take(again, connection, 4, NOW) == 0
    assert rates.take(again, connection, 4, NOW + timedelta(seconds=0.2)) == 2
    again.close()
    assert world.requests == []


def test_a_connection_without_a_limit_keeps_no_bucket(post: tuple[App, Post]) -> None:
    app, world = post
    shop(app, 7)
    deliver(app, NOW, 100)
    assert len(world.recipients) == 7
    with app.db.read() as session:
        assert session.scalars(select(RateState)).all() == []


def test_a_provider_that_counts_requests_is_asked_so_often_and_no_more(post: tuple[App, Post]) -> None:
    app, world = post
    app.providers["scripted"].rate = Rate(1, 2, "requests")
    shop(app, 9)
    deliver(app, NOW, 100)
    assert [len(tos) for _, tos in world.requests] == [3, 3]
    deliver(app, NOW + timedelta(seconds=1), 100)
    assert [len(tos) for _, tos in world.requests] == [3, 3, 3]


def test_a_refused_batch_is_halved_to_its_end_and_what_that_takes_is_waited_for(post: tuple[App, Post]) -> None:
    app, world = post
    app.providers["scripted"].rate = Rate(1, 1, "requests")
    shop(app, 3)

    def refuse(mails: Sequence[Mail], key: str) -> list[Outcome]:
        if any(m.to_email.startswith("ada1") for m in mails):
            raise Refused("one of them is no good")
        return accept_all(mails, key)

    world.send = refuse
    deliver(app, NOW, 100)
    assert [m.state for m in rows(app)] == ["accepted", "rejected", "accepted"]
    assert len(world.requests) == 5
    with app.db.read() as session:
        connection = session.scalars(select(Connection)).one()
    kind = app.providers["scripted"]
    assert rates.left(connection, kind, state_of(app), NOW + timedelta(seconds=4)) == 0
    assert rates.left(connection, kind, state_of(app), NOW + timedelta(seconds=5)) == 3


def test_after_too_many_requests_it_sends_half_as_fast_and_says_so(post: tuple[App, Post]) -> None:
    app, world = post
    shop(app, 12, per_second=4, burst=4)

    def too_many(_mails: Sequence[Mail], _key: str) -> list[Outcome]:
        raise Later("slow down", code="429", after=timedelta(seconds=1))

    world.send = too_many
    deliver(app, NOW, 100)
    assert (state_of(app).per_second, state_of(app).lowered_at) == (2, NOW)
    world.send = accept_all
    world.requests.clear()
    deliver(app, NOW + timedelta(seconds=1), 100)
    assert len(world.recipients) == 2
    later = NOW + timedelta(minutes=10)
    deliver(app, later, 100)
    assert len(world.recipients) == 6
    assert state_of(app).lowered_at is None


def test_without_a_known_limit_too_many_requests_set_one_for_a_while(post: tuple[App, Post]) -> None:
    app, world = post
    connection = shop(app, 3)

    def too_many(_mails: Sequence[Mail], _key: str) -> list[Outcome]:
        raise Later("slow down", code="429", after=timedelta(seconds=1))

    world.send = too_many
    deliver(app, NOW, 100)
    kind = app.providers["scripted"]
    assert rates.left(connection, kind, state_of(app), NOW) == 0
    assert rates.left(connection, kind, state_of(app), NOW + timedelta(seconds=1)) == 500
    assert rates.left(connection, kind, state_of(app), NOW + timedelta(minutes=6)) is None


RESEND: dict[str, Any] = {"api_key": "re_test"}


def _resend(app: App, count: int) -> App:
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "resend", **RESEND)
        for n in range(count):
            make.message(session, make.customer(session, store, f"Ada{n}"), state="ready")
    app.renderer.close()
    return replace(app, renderer=PlainRenderer(0))


def test_a_providers_headers_lower_its_rate_and_raise_it_again(app: App, net: Net, clock: TurnableClock) -> None:
    app = _resend(app, 3)
    said = {"ratelimit-limit": "2", "ratelimit-remaining": "1", "ratelimit-reset": "1"}

    def answer(request: httpx.Request) -> httpx.Response:
        count = request.content.count(b'"message_id"')
        return httpx.Response(200, json={"data": [{"id": f"r{n}"} for n in range(count)]}, headers=said)

    net.answer = answer
    deliver(app, clock(), 100)
    assert (state_of(app).told, state_of(app).per_second) == (2, 2)
    said |= {"ratelimit-limit": "30", "ratelimit-remaining": "29"}
    with app.db.write() as session:
        session.execute(update(Message).values(state="ready"))
    deliver(app, clock.turn(timedelta(seconds=5)), 100)
    assert (state_of(app).told, state_of(app).per_second) == (30, 30)


def test_the_quota_of_an_account_is_its_rate(app: App, net: Net) -> None:
    app.renderer.close()
    app = replace(app, renderer=PlainRenderer(0))
    settings: dict[str, Any] = {
        "region": "eu-west-1",
        "access_key_id": "AKIAABCDEFGHIJKLMNOP",
        "secret_access_key": "secret",
        "configuration_set": "ours",
        "topic_arn": "arn:aws:sns:eu-west-1:123456789012:mails",
    }
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "ses", **settings)
        for n in range(3):
            make.message(session, make.customer(session, store, f"Ada{n}"), state="ready")

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            quota = {"MaxSendRate": 80.0, "Max24HourSend": 50_000.0, "SentLast24Hours": 3.0}
            return httpx.Response(200, json={"SendQuota": quota})
        return httpx.Response(200, json={"MessageId": "m"})

    net.answer = answer
    deliver(app, NOW, 100)
    assert {m.state for m in rows(app)} == {"accepted"}
    state = state_of(app)
    assert (state.told, state.asked_at) == (80, NOW)
    assert state.quota == "80 mails a second, 50,000 a day, 3 in the last 24 hours"
    assert sum(r.method == "GET" for r in net.requests) == 1
