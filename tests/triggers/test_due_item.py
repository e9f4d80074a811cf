"""Due items: several offsets, moved dates, done ones, each in the customer's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, DueItem, Enrolment, Store
from automation.stages.advance import advance
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, due_at, entered, live, sweep

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def item(session: Session, store: Store, customer: Customer, due_at: datetime, **values: Any) -> DueItem:
    """A payment."""
    row = DueItem(
        **{
            "store_id": store.id,
            "customer_id": customer.id,
            "kind": "payment",
            "external_id": f"i{due_at:%d%H%M}{customer.id}",
            "due_at": due_at,
            "created_at": NOW - 60 * DAY,
            "updated_at": NOW - 60 * DAY,
            **values,
        }
    )
    session.add(row)
    session.flush()
    return row


def reminding(app: App, **settings: Any) -> Store:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "due_item", **settings)
    return store


def offsets(app: App) -> list[str]:
    return sorted(key.rsplit(":", 1)[1] for _, key in entered(app))


def test_it_starts_once_for_each_offset(app: App, clock: TurnableClock) -> None:
    store = reminding(app, days=[-7, -1, 3], hours=[-2])
    with app.db.write() as session:
        item(session, store, make.customer(session, store), NOW + 10 * DAY)
    live(app, clock, NOW + 3 * DAY - HOUR, 7 * HOUR)
    assert offsets(app) == []
    clock.turn(HOUR)
    sweep(app)
    assert entered(app) == [("Ada", "1:2026-03-20 12:00:00:-7d")]
    live(app, clock, NOW + 20 * DAY, 5 * HOUR)
    assert offsets(app) == ["-1d", "-2h", "-7d", "3d"]


def test_moving_the_date_moves_what_has_not_started(app: App, clock: TurnableClock) -> None:
    store = reminding(app, days=[-7, -1])
    with app.db.write() as session:
        row = item(session, store, make.customer(session, store), NOW + 7 * DAY)
    assert len(sweep(app)) == 1
    with app.db.write() as session:
        session.get_one(DueItem, row.id).due_at = NOW + 20 * DAY
    advance(app, clock(), 100)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).all() == ["no longer true: its date was not moved"]
    live(app, clock, NOW + 12 * DAY, 12 * HOUR)
    assert len(entered(app)) == 1
    live(app, clock, NOW + 25 * DAY, 12 * HOUR)
    assert [key for _, key in entered(app)] == [
        "1:2026-03-17 12:00:00:-7d",
        "1:2026-03-30 12:00:00:-1d",
        "1:2026-03-30 12:00:00:-7d",
    ]


def test_what_is_done_is_left_alone(app: App, clock: TurnableClock) -> None:
    store = reminding(app, days=[-7])
    with app.db.write() as session:
        item(session, store, make.customer(session, store, "Ada"), NOW + 7 * DAY, done_at=NOW - HOUR)
        ben = item(session, store, make.customer(session, store, "Ben"), NOW + 7 * DAY)
    assert [name for name, _ in sweep(app)] == ["Ben"]
    with app.db.write() as session:
        session.get_one(DueItem, ben.id).done_at = clock()
    advance(app, clock(), 100)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).all() == ["no longer true: it is not done"]


def test_only_the_last_of_several_starts_when_an_item_becomes_known_late(app: App) -> None:
    store = reminding(app, days=[-7, -3, -2])
    with app.db.write() as session:
        item(session, store, make.customer(session, store), NOW + DAY + HOUR)
    sweep(app)
    assert offsets(app) == ["-2d"]


def test_the_hour_is_that_of_the_customer(app: App, clock: TurnableClock) -> None:
    store = reminding(app, days=[-1], at="09:00")
    late = datetime(2026, 3, 12, 2, 0, tzinfo=UTC)  # in New York it is still the 11th
    with app.db.write() as session:
        item(session, store, make.customer(session, store, "Ada"), late)
        item(session, store, make.customer(session, store, "Ben", timezone="America/New_York"), late)
    clock.now = datetime(2026, 3, 10, 12, 59, tzinfo=UTC)
    assert sweep(app) == []
    clock.turn(timedelta(minutes=1))
    assert [name for name, _ in sweep(app)] == ["Ben"]
    clock.now = datetime(2026, 3, 11, 8, 0, tzinfo=UTC)
    assert [name for name, _ in sweep(app)] == ["Ada", "Ben"]
    assert due_at(app)["Ada"] == clock()


def test_an_item_moved_within_its_day_is_spoken_of_once(app: App, clock: TurnableClock) -> None:
    store = reminding(app, days=[-1], at="09:00")
    clock.now = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
    with app.db.write() as session:
        row = item(session, store, make.customer(session, store), clock() + DAY)
    assert len(sweep(app)) == 1
    with app.db.write() as session:
        session.get_one(DueItem, row.id).due_at += 3 * HOUR
    assert len(sweep(app)) == 1
    # What had not gone out yet ends with the old hour, and the new hour brings its own.
    advance(app, clock(), 100)
    assert len(sweep(app)) == 2


def test_other_kinds_and_stores_are_not_ours(app: App) -> None:
    store = reminding(app, kinds=["payment", "renewal"], days=[-7])
    with app.db.write() as session:
        other = make.store(session, name="Another")
        item(session, other, make.customer(session, other), NOW + 7 * DAY)
        item(session, store, make.customer(session, store, "Ben"), NOW + 7 * DAY, kind="appointment")
        item(session, store, make.customer(session, store, "Cleo"), NOW + 7 * DAY, kind="renewal")
    assert [name for name, _ in sweep(app)] == ["Cleo"]
