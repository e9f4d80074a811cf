"""Customers move through a flow: waits, mails, exits, and what ends their way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Campaign, Cart, Enrolment, Message, Store
from automation.stages.advance import MAX_VISITS, advance
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW

IDLE = timedelta(minutes=30)


def run(app: App) -> int:
    """Enrol and advance until both rest."""
    total = 0
    while count := enrol(app, app.clock(), 10_000) + advance(app, app.clock(), 1000):
        total += count
    return total


def steps_mailed(app: App) -> list[str]:
    """Ids of the steps that have drafted a mail, in order."""
    with app.db.read() as session:
        return [step or "" for step in session.scalars(select(Message.step_id).order_by(Message.id))]


def the_enrolment(app: App) -> Enrolment:
    with app.db.read() as session:
        return session.scalars(select(Enrolment)).one()


@pytest.fixture
def cart(app: App) -> Cart:
    """A cart left just now, in a store with the cart campaign."""
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store)
        return make.cart(session, store, make.customer(session, store), left_at=NOW)


def test_mails_are_drafted_one_hour_one_day_and_three_days_after_the_cart_was_left(
    app: App, clock: TurnableClock, cart: Cart
) -> None:
    assert cart.last_activity_at == NOW
    seen = []
    for minutes in range(0, 80 * 60, 15):
        clock.now = NOW + timedelta(minutes=minutes)
        before = len(steps_mailed(app))
        run(app)
        if len(steps_mailed(app)) > before:
            seen.append(timedelta(minutes=minutes))
    assert seen == [timedelta(hours=1), timedelta(hours=24), timedelta(hours=72)]
    assert the_enrolment(app).state == "finished"


def test_an_order_within_the_hour_silences_the_reminder(app: App, clock: TurnableClock, cart: Cart) -> None:
    clock.turn(IDLE)
    run(app)
    with app.db.write() as session:
        store = session.get_one(Store, cart.store_id)
        make.order(session, store, None, clock(), customer_id=cart.customer_id)
    clock.turn(IDLE)
    run(app)
    assert steps_mailed(app) == []
    assert the_enrolment(app).exit_reason == "no longer true: no order was placed since the cart was left"


def test_an_order_is_not_forgotten_when_the_cart_is_touched_afterwards(
    app: App, clock: TurnableClock, cart: Cart
) -> None:
    clock.turn(IDLE)
    run(app)
    with app.db.write() as session:
        store = session.get_one(Store, cart.store_id)
        make.order(session, store, None, clock(), customer_id=cart.customer_id)
        session.get_one(Cart, cart.id).last_activity_at = clock() + timedelta(minutes=5)
    clock.turn(IDLE)
    run(app)
    assert steps_mailed(app) == []


def test_an_emptied_cart_ends_the_run_before_the_second_mail(app: App, clock: TurnableClock, cart: Cart) -> None:
    clock.turn(timedelta(hours=1))
    run(app)
    assert steps_mailed(app) == ["mail_1"]
    with app.db.write() as session:
        session.get_one(Cart, cart.id).item_count = 0
    clock.turn(timedelta(hours=23))
    run(app)
    assert steps_mailed(app) == ["mail_1"]
    assert the_enrolment(app).exit_reason == "no longer true: the cart still has items"


def test_after_downtime_the_mails_do_not_follow_on_each_others_heels(
    app: App, clock: TurnableClock, cart: Cart
) -> None:
    assert cart.item_count
    clock.turn(timedelta(hours=30))
    run(app)
    assert steps_mailed(app) == ["mail_1"]
    clock.turn(timedelta(hours=22))
    run(app)
    assert steps_mailed(app) == ["mail_1"]
    clock.turn(timedelta(hours=1))
    run(app)
    assert steps_mailed(app) == ["mail_1", "mail_2"]


def test_a_paused_campaign_holds_everybody_where_they_are(app: App, clock: TurnableClock, cart: Cart) -> None:
    clock.turn(IDLE)
    run(app)
    with app.db.write() as session:
        session.scalars(select(Campaign)).one().state = "paused"
    clock.turn(timedelta(hours=10))
    assert run(app) == 0
    with app.db.write() as session:
        session.scalars(select(Campaign)).one().state = "live"
    run(app)
    assert steps_mailed(app) == ["mail_1"]
    assert cart.id


def test_running_twice_drafts_nothing_twice(app: App, clock: TurnableClock, cart: Cart) -> None:
    clock.turn(timedelta(hours=1))
    run(app)
    assert run(app) == 0
    assert steps_mailed(app) == ["mail_1"]
    with app.db.read() as session:
        message = session.scalars(select(Message)).one()
    assert (message.state, message.mail_class, message.subject_id) == ("draft", "lifecycle", cart.id)
    assert message.expires_at == clock() + timedelta(hours=48)


def _flow(*nodes: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": i, "kind": kind, "settings": settings} for i, kind, settings in nodes]


def test_an_exit_step_ends_the_way_with_its_reason(app: App, clock: TurnableClock) -> None:
    flow = _flow(("a", "exit", {"reason": "that is all"}), ("b", "mail", {"template": "cart_reminder_1"}))
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store, flow=flow)
        make.cart(session, store, make.customer(session, store), left_at=NOW)
    clock.turn(IDLE)
    run(app)
    assert steps_mailed(app) == []
    assert (the_enrolment(app).state, the_enrolment(app).exit_reason) == ("exited", "that is all")


def test_a_thousand_enrolments_take_as_many_statements_as_one(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.campaign(app, session, store)
        for i in range(200):
            make.cart(session, store, make.customer(session, store, f"C{i}"), left_at=NOW, external_id=f"c{i}")
    clock.turn(timedelta(hours=1))
    enrol(app, clock(), 10_000)
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    counts = []
    for limit in (1, 199):
        statements.clear()
        assert advance(app, clock(), limit) == limit
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 8
    with app.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 200


def test_a_flow_that_goes_in_a_circle_is_stopped(app: App, clock: TurnableClock, cart: Cart) -> None:
    clock.turn(IDLE)
    enrol(app, clock(), 10)
    with app.db.write() as session:
        session.scalars(select(Enrolment)).one().visits = MAX_VISITS
    advance(app, clock(), 10)
    assert "goes in a circle" in the_enrolment(app).exit_reason
    assert cart.id


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_due_is_found_by_when_and_not_by_campaign(app: App, clock: TurnableClock, cart: Cart) -> None:
    clock.turn(IDLE)
    assert enrol(app, clock(), 1000) == 1
    with app.db.write() as session:
        # A campaign that many are in, as the database knows by its statistics.
        names = ", ".join(c.name for c in Enrolment.__table__.c if c.name not in ("id", "key"))
        session.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
                f"INSERT INTO enrolments (key, {names}) SELECT 'before-' || i, {names} FROM enrolments, n"
            )
        )
    with app.db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    app.db.dispose()  # connections keep the statistics that they began with
    seen: list[Any] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: seen.append((a[2], a[3])))
    clock.turn(timedelta(hours=2))
    assert advance(app, clock(), 10) == 10
    statement, values = next(s for s in seen if s[0].startswith("SELECT enrolments.id, enrolments.customer_id"))
    with app.db.read() as session:
        rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        plan = " ".join(row[3] for row in rows)
    assert "ix_enrolments_due_at" in plan
    assert "TEMP B-TREE" not in plan
