"""What becomes of mails whose worker died, came late, or lost the database for a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from automation import faults
from automation.app import App
from automation.clock import TurnableClock
from automation.delivery.recovery import journal_of
from automation.models import (
    Attempt,
    Message,
)
from automation.provider import Mail, Outcome
from automation.stages.deliver import deliver, replay
from tests.automation.stages.outbox import Died, die_at, rows, shop, states
from tests.conftest import NOW
from tests.fakes import Post, accept_all, scripted


def test_events_that_were_quicker_than_the_answer_stand(post: tuple[App, Post]) -> None:
    app, world = post

    def told_meanwhile(mails: Sequence[Mail], key: str) -> list[Outcome]:
        with app.db.write() as session:
            session.execute(
                update(Message).values(state="delivered", delivered_at=NOW, accepted_at=NOW, fence=Message.fence + 1)
            )
        return accept_all(mails, key)

    world.send = told_meanwhile
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 100)
    ada = rows(app)[0]
    assert (ada.state, ada.provider_id) == ("delivered", f"id-of-{ada.public_id}")


@pytest.mark.parametrize(
    "point", ["claim.before_commit", "deliver.claimed", "deliver.rendered", "submit.before_commit"]
)
def test_a_worker_that_dies_before_the_request_leaves_the_mail_to_the_next(
    post: tuple[App, Post], clock: TurnableClock, point: str
) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")
    die_at(point)
    with pytest.raises(Died):
        deliver(app, NOW, 100)
    clock.turn(timedelta(minutes=3))
    deliver(app, clock(), 100)
    assert (states(app), world.recipients) == ([("accepted", "")], ["ada@example.com"])


def test_a_message_that_saw_three_deaths_is_parked_and_its_neighbour_is_not(
    post: tuple[App, Post], clock: TurnableClock
) -> None:
    app, world = post
    with app.db.write() as session:
        _, messages = shop(app, session, "Ada", "Bob")

    def die_of_ada(name: str) -> None:
        if name == "deliver.rendered" and any(m.state == "claimed" and m.id == messages[0].id for m in rows(app)):
            raise Died

    faults.arm(die_of_ada)
    for _ in range(3):
        with pytest.raises(Died):
            deliver(app, clock(), 100)
        clock.turn(timedelta(minutes=3))
    deliver(app, clock(), 100)
    faults.arm(None)
    assert states(app) == [("parked", "poison"), ("accepted", "")]
    assert world.recipients == ["bob@example.com"]


@pytest.mark.parametrize("point", ["deliver.journalled", "settling.before_commit"])
def test_an_answer_in_the_journal_is_known_though_its_worker_died(
    post: tuple[App, Post], clock: TurnableClock, point: str
) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")
    die_at(point)
    with pytest.raises(Died):
        deliver(app, NOW, 100)
    assert [s for s, _ in states(app)] == ["submitting"]
    journal_of(app, NOW).close()
    replay(app, clock.turn(timedelta(seconds=5)))
    assert states(app) == [("accepted", "")]
    assert rows(app)[0].provider_id == f"id-of-{rows(app)[0].public_id}"
    assert list(app.settings.data.glob("*.journal")) == []
    assert len(world.requests) == 1


def test_a_database_that_was_away_for_a_moment_is_told_again(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")

    def fail(name: str) -> None:
        if name == "settling.before_commit":
            faults.arm(None)
            raise OSError("the database is away")

    faults.arm(fail)
    with pytest.raises(OSError, match="away"):
        deliver(app, NOW, 100)
    deliver(app, NOW, 100)
    assert (states(app), len(world.requests)) == ([("accepted", "")], 1)


def test_a_worker_that_lost_its_lease_does_not_send(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")

    def sleep(name: str) -> None:
        if name == "deliver.submitted":
            faults.arm(None)
            clock.turn(timedelta(seconds=100))

    faults.arm(sleep)
    deliver(app, NOW, 100)
    assert (states(app), world.requests) == ([("ready", "")], [])
    with app.db.read() as session:
        assert session.scalars(select(Attempt.state)).all() == ["abandoned"]


def test_an_acceptance_that_comes_after_the_lease_is_not_lost(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post

    def slow(mails: Sequence[Mail], key: str) -> list[Outcome]:
        world.send = accept_all
        deliver(app, clock.turn(timedelta(minutes=3)), 100)
        assert [s for s, _ in states(app)] == ["unknown"]
        return accept_all(mails, key)

    world.send = slow
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 100)
    assert (states(app), len(world.requests)) == ([("accepted", "")], 1)


def test_the_number_of_statements_does_not_grow_with_the_batch(post: tuple[App, Post]) -> None:
    app, _ = post
    app, _ = scripted(app, "B", batch_size=500)
    counts = []
    seen: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
    for size in (5, 50):
        with app.db.write() as session:
            shop(app, session, *(f"p{size}x{n}" for n in range(size)))
        seen.clear()
        assert deliver(app, NOW, 100) == size
        counts.append(len(seen))
    assert counts[1] <= counts[0]


def test_work_is_found_by_index_however_many_messages_there_are(post: tuple[App, Post]) -> None:
    app, _ = post
    if not app.db.is_sqlite:
        pytest.skip("PostgreSQL's planner answers by statistics")
    with app.db.write() as session:
        shop(app, session, "Ada")
    seen: list[tuple[str, Any]] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: seen.append((a[2], a[3])))
    deliver(app, NOW, 100)
    plans = []
    with app.db.read() as session:
        for statement, parameters in [s for s in seen if s[0].startswith(("SELECT", "UPDATE"))]:
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans += [row[3] for row in plan]
    assert [line for line in plans if line.startswith("SCAN messages")] == []
    for index in ("ix_messages_ready", "ix_messages_leased", "ix_messages_unknown"):
        assert any(index in line for line in plans), index
