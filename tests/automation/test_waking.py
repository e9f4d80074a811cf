"""Goals end the way at once: those given as rules, and those reached before the first step."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Customer, Enrolment, Message, Store
from automation.rules import language
from automation.stages.advance import advance
from automation.stages.enrol import enrol
from automation.waking import ANY, awaited_by, stir
from tests import make
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)
ORDERED: dict[str, Any] = {"event": "order.placed", "within": {"since_entry": True}}
REVIEWED: dict[str, Any] = {"event": "review.left", "within": {"last_days": 2}}


def begin(app: App, clock: TurnableClock, goal: dict[str, Any], **changes: Any) -> tuple[Store, Customer]:
    """A customer who enters a campaign with a goal, by something that they did; the trigger has no conditions."""
    trigger = {"kind": "event_happened", "settings": {"event": "quiz.done"}}
    with app.db.write() as session:
        store = make.store(session)
        who = make.customer(session, store)
        make.campaign(app, session, store, trigger=trigger, goal=goal, **changes)
        make.event(session, store, who, "quiz.done", NOW)
    clock.turn(MINUTE)
    assert enrol(app, clock(), 100) == 1
    return store, who


def the_enrolment(app: App) -> Enrolment:
    with app.db.read() as session:
        return session.scalars(select(Enrolment)).one()


def happen(app: App, store: Store, who: Customer, name: str, at: datetime) -> None:
    with app.db.write() as session:
        _tell(session, store, who, name, at)
        stir(session, [(who.id, name)], at)


def _tell(session: Session, store: Store, who: Customer, name: str, at: datetime) -> None:
    if name == "order.placed":
        make.order(session, store, who, at)
    else:
        make.event(session, store, who, name, at)


@pytest.mark.parametrize("name", ["order.placed", "review.left"])
def test_a_goal_that_is_a_rule_ends_the_way_when_its_event_comes(app: App, clock: TurnableClock, name: str) -> None:
    store, who = begin(app, clock, {"rule": {"any": [ORDERED, REVIEWED]}})
    advance(app, clock(), 100)
    waiting = the_enrolment(app)
    assert (waiting.state, waiting.waits_for) == ("active", ANY)
    clock.turn(MINUTE)
    happen(app, store, who, "page.seen", clock())
    assert advance(app, clock(), 100) == 1
    again = the_enrolment(app)
    assert (again.state, again.step_id, again.due_at) == ("active", waiting.step_id, waiting.due_at)
    assert again.waits_for == ANY
    clock.turn(MINUTE)
    happen(app, store, who, name, clock())
    advance(app, clock(), 100)
    assert (the_enrolment(app).state, the_enrolment(app).goal_at) == ("converted", clock())


@pytest.mark.parametrize("goal", [{"rule": ORDERED}, {"event": "order.placed"}])
def test_a_goal_reached_before_the_first_step_sends_nothing(
    app: App, clock: TurnableClock, goal: dict[str, Any]
) -> None:
    mail = {"id": "m", "kind": "mail", "settings": {"template": "newsletter"}}
    store, who = begin(app, clock, goal, flow=[mail])
    clock.turn(MINUTE)
    happen(app, store, who, "order.placed", clock())
    advance(app, clock(), 100)
    assert the_enrolment(app).state == "converted"
    with app.db.read() as session:
        assert session.scalar(select(Message.id)) is None


def test_a_step_that_waits_for_one_event_is_woken_by_the_goals_too(app: App, clock: TurnableClock) -> None:
    wait = {"id": "w", "kind": "wait_for", "settings": {"event": "review.left"}, "branches": {"happened": []}}
    mail = {"id": "m", "kind": "mail", "settings": {"template": "newsletter"}}
    store, who = begin(app, clock, {"event": "order.placed"}, flow=[wait, mail])
    advance(app, clock(), 100)
    assert the_enrolment(app).waits_for == ANY
    clock.turn(MINUTE)
    happen(app, store, who, "order.placed", clock())
    advance(app, clock(), 100)
    assert the_enrolment(app).state == "converted"


def test_what_a_rule_waits_for_is_what_it_asks_of() -> None:
    bought = {"bought": {"sku": ["X"]}}
    assert awaited_by(language.read({"all": [bought, {"not": REVIEWED}]})) == {"order.placed", "review.left"}
    assert awaited_by(language.read({"field": "country", "is": "is", "value": "DE"})) == set()


def test_who_waits_in_a_paused_campaign_costs_nothing(app: App, clock: TurnableClock) -> None:
    if not app.db.is_sqlite:
        pytest.skip("SQLite tells how much it did")
    with app.db.write() as session:
        store = make.store(session)
        paused, live = make.campaign(app, session, store), make.campaign(app, session, store)
        live.state = "paused"
        for n in range(400):
            make.cart(session, store, make.customer(session, store, f"C{n}"), NOW, f"c{n}")
    clock.turn(timedelta(hours=2))
    assert enrol(app, clock(), 1000) == 400
    with app.db.write() as session:
        session.merge(paused).state = "paused"
        session.merge(live).state = "live"
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    connection: Any = app.db.engine.raw_connection()
    # The pool hands the same connection out again.
    connection.driver_connection.set_progress_handler(count, 10)
    connection.close()
    assert advance(app, clock(), 1000) == 0
    assert steps[0] < 40
    with app.db.write() as session:
        session.merge(paused).state = "live"
    assert advance(app, clock(), 1000) == 400
