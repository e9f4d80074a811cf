"""A newsletter's backlog keeps no cart mail waiting, and is not kept waiting for ever itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from automation.app import App
from automation.clock import TurnableClock
from automation.delivery import claims, routes
from automation.delivery.turns import Turns
from automation.errors import Refused
from automation.models import Connection, Message, Store
from automation.pacing import Pacing
from automation.provider import Mail, Outcome
from automation.security import random_id
from automation.stages.deliver import deliver
from bench.rig import analyse
from tests import make
from tests.conftest import NOW
from tests.fakes import Post, accept_all

BACKLOG = 5_000


def backlog(app: App, count: int, mail_class: str = "promotional", store: Store | None = None) -> Store:
    """So many ready messages of a class, all due at one instant, as a newsletter's are."""
    with app.db.write() as session:
        if store is None:
            store = make.store(session)
            make.connection(app, session, store, "provider", "scripted")
        reader = make.customer(session, store, f"Reader-of-{mail_class}")
        first = make.message(session, reader, state="ready", mail_class=mail_class, due_at=NOW - timedelta(hours=1))
        columns = {c.name: getattr(first, c.name) for c in Message.__table__.columns if c.name != "id"}
        rows = [{**columns, "public_id": random_id()} for _ in range(count - 1)]
        session.execute(insert(Message.__table__), rows)  # type: ignore[arg-type]  # a table all the same
        return store


def cart_mail(app: App, store: Store, name: str = "Cid", mail_class: str = "lifecycle") -> int:
    with app.db.write() as session:
        person = make.customer(session, store, name)
        return make.message(session, person, state="ready", mail_class=mail_class).id


def is_sent(app: App, message_id: int) -> bool:
    with app.db.read() as session:
        return session.get_one(Message, message_id).accepted_at is not None


def slow(clock: TurnableClock, each: float) -> Any:
    """A provider that needs so many seconds for a request."""

    def send(mails: Sequence[Mail], key: str) -> list[Outcome]:
        clock.turn(timedelta(seconds=each))
        return accept_all(mails, key)

    return send


def test_a_cart_mail_leaves_within_five_seconds_of_a_newsletter_that_is_under_way(
    post: tuple[App, Post], clock: TurnableClock
) -> None:
    app, world = post
    store = backlog(app, 300)
    world.send = slow(clock, 0.5)
    deliver(app, clock(), 500)
    for n in range(5):
        cart, due_at = cart_mail(app, store, f"Cid{n}"), clock()
        while not is_sent(app, cart):
            deliver(app, clock(), 500)
            assert clock() - due_at <= timedelta(seconds=5)


def test_a_refused_batch_is_halved_to_its_end_however_long_that_takes(
    post: tuple[App, Post], clock: TurnableClock
) -> None:
    app, world = post
    backlog(app, 3)
    bad: list[str] = []

    def refuse(mails: Sequence[Mail], key: str) -> list[Outcome]:
        clock.turn(timedelta(seconds=3))
        bad.extend([mails[1].message_id] if not bad else [])
        if any(m.message_id in bad for m in mails):
            raise Refused("one of them is no good")
        return accept_all(mails, key)

    world.send = refuse
    deliver(app, clock(), 500)
    with app.db.read() as session:
        assert sorted(session.scalars(select(Message.state))) == ["accepted", "accepted", "rejected"]


def test_at_its_rate_the_next_mail_is_the_most_urgent(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    store = backlog(app, 50)
    _pace(app, per_second=2, burst=2)
    deliver(app, clock(), 500)
    cart = cart_mail(app, store)
    deliver(app, clock.turn(timedelta(seconds=1)), 500)
    assert is_sent(app, cart)
    assert len(world.recipients) == 4


def _pace(app: App, **pacing: object) -> None:
    with app.db.write() as session:
        session.scalars(select(Connection)).one().pacing = Pacing.model_validate(pacing).model_dump(
            mode="json", exclude_defaults=True
        )


def test_a_store_does_not_wait_for_the_end_of_anothers_newsletter(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    backlog(app, 200)
    other = backlog(app, 3)
    world.send = slow(clock, 1)
    began = clock()
    while _open(app, other):
        deliver(app, clock(), 500)
    assert clock() - began <= timedelta(seconds=10)


def _open(app: App, store: Store) -> int:
    query = select(func.count()).where(Message.store_id == store.id, Message.state == "ready")
    with app.db.read() as session:
        return session.scalar(query) or 0


@pytest.mark.parametrize("limit", [1, 3, 20])
def test_however_many_urgent_mails_come_every_class_has_its_part(
    post: tuple[App, Post], clock: TurnableClock, limit: int
) -> None:
    app, _ = post
    store = backlog(app, 120, "transactional")
    for mail_class in ("lifecycle", "promotional"):
        backlog(app, 30, mail_class, store)
    for _ in range(12 if limit > 1 else 40):
        deliver(app, clock.turn(timedelta(seconds=1)), limit)
    with app.db.read() as session:
        gone = dict(
            session.execute(
                select(Message.mail_class, func.count()).where(Message.accepted_at.is_not(None)).group_by("mail_class")
            ).all()
        )
    assert gone["promotional"] >= 1
    assert gone["lifecycle"] >= 1 or limit == 1
    assert gone["transactional"] >= sum(gone.values()) // 3
    assert sum(gone.values()) == min(180, limit * (12 if limit > 1 else 40))


def test_a_claim_reads_its_batch_from_the_index_and_nothing_else(post: tuple[App, Post]) -> None:
    app, _ = post
    store = backlog(app, BACKLOG)
    cart_mail(app, store)
    analyse(app)
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "FROM messages" in statement:
            statements.append((statement, parameters))

    with app.db.read() as session:
        lanes, _ = routes.lanes(session, app, Turns(), NOW)
        session.expunge_all()
    event.listen(app.db.engine, "before_cursor_execute", note)
    with app.db.write() as session:
        messages, _ = claims.claim(session, app, lanes[0], NOW, 50)
    event.remove(app.db.engine, "before_cursor_execute", note)
    assert [m.mail_class for m in messages[:2]] == ["lifecycle", "promotional"]
    statement, parameters = statements[0]
    with app.db.engine.connect() as connection:
        prefix = "EXPLAIN QUERY PLAN " if app.db.is_sqlite else "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(prefix + statement, parameters))
        connection.rollback()
    assert "ix_messages_ready" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_a_claim_takes_as_many_statements_whatever_its_size(post: tuple[App, Post]) -> None:
    app, _ = post
    backlog(app, 400)
    counts = []
    for size in (5, 100):
        with app.db.read() as session:
            lanes, _ = routes.lanes(session, app, Turns(), NOW)
            session.expunge_all()
        seen: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any, seen: list[str] = seen) -> None:
            seen.append(statement)

        event.listen(app.db.engine, "before_cursor_execute", note)
        with app.db.write() as session:
            claims.claim(session, app, lanes[0], NOW, size)
        event.remove(app.db.engine, "before_cursor_execute", note)
        counts.append(len(seen))
    assert counts[0] == counts[1]
