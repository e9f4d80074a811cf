"""Waiting for an event: who does it in time goes on at once, the others when the time is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import event

from automation import waking
from automation.app import App
from automation.changes import EventHappened, Person
from automation.clock import TurnableClock
from automation.intake import record
from automation.models import Connection
from automation.stages.advance import advance
from automation.step import Next, Stay
from automation.steps.wait_for import WaitFor, WaitForSettings
from tests import make
from tests.automation.steps.desk import Desk, place
from tests.automation.steps.flows import DAY, HOUR, World, mail, node
from tests.conftest import NOW

FLOW = [
    node("w", "wait_for", {"happened": [mail("yes")], "timed_out": [mail("no")]}, event="review.left", amount=3),
    mail("after"),
]


def told(world: World, person: int, name: str, **properties: object) -> None:
    """A platform tells of an event."""
    with world.app.db.write() as session:
        connection = session.get(Connection, 1) or make.connection(world.app, session, world.store, "platform", "api")
        change = EventHappened(
            name=name,
            at=world.app.clock(),
            person=Person(email=f"a{person}@example.com"),
            properties=dict(properties),
            external_id=f"{name}{person}{world.app.clock()}",
        )
        record(session, connection, [change], world.app.clock())


def test_who_does_it_goes_on_at_once_and_who_does_not_when_the_time_is_over(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW, people=2)
    world.run()
    clock.turn(5 * HOUR)
    told(world, 0, "review.left")
    world.run()
    assert (world.mailed(0), world.mailed(1)) == (["yes", "after"], [])
    clock.now = NOW + 3 * DAY - timedelta(seconds=1)
    world.run()
    assert world.mailed(1) == []
    clock.now = NOW + 3 * DAY
    world.run()
    assert (world.mailed(0), world.mailed(1)) == (["yes", "after"], ["no", "after"])


def test_an_event_wakes_only_those_who_wait_for_it(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW, people=20)
    world.run()
    clock.turn(timedelta(minutes=1))
    told(world, 3, "product.viewed")
    assert advance(app, clock(), 1000) == 0
    told(world, 3, "review.left")
    assert advance(app, clock(), 1000) == 1
    assert world.mailed(3) == ["yes", "after"]


def test_what_happened_before_the_customer_came_to_the_step_does_not_count(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW)
    world.happens(world.people[0], "review.left", NOW - HOUR)
    world.run()
    clock.turn(3 * DAY)
    world.run()
    assert world.mailed() == ["no", "after"]


def test_only_an_event_with_the_right_properties_counts(app: App, clock: TurnableClock) -> None:
    where = [{"property": "stars", "is": "at_least", "value": 4}]
    world = World(app, [node("w", "wait_for", {"happened": [mail("yes")]}, event="review.left", where=where)])
    world.run()
    clock.turn(HOUR)
    told(world, 0, "review.left", stars=2)
    world.run()
    assert world.mailed() == []
    clock.turn(HOUR)
    told(world, 0, "review.left", stars=5)
    world.run()
    assert world.mailed() == ["yes"]


def test_an_event_that_woke_nobody_is_found_at_the_next_look(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW)
    world.run()
    # Written while the enrolment began to wait: neither transaction saw the other.
    world.happens(world.people[0], "review.left", NOW + timedelta(seconds=1))
    clock.turn(waking.FIRST_LOOK)
    world.run()
    assert world.mailed() == ["yes", "after"]


def test_looks_grow_rare() -> None:
    at, looks = NOW, 0
    while at < NOW + timedelta(days=30):
        at = waking.next_look(NOW, at)
        looks += 1
    assert looks <= 9


def test_waking_costs_one_statement_whatever_waits(app: App, clock: TurnableClock) -> None:
    world = World(app, FLOW, people=30)
    world.run()
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    with app.db.write() as session:
        waking.stir(session, [(p.id, "review.left") for p in world.people], clock() + HOUR)
    assert len([s for s in statements if "enrolments" in s]) == 1
    clock.turn(HOUR)
    assert advance(app, clock(), 1000) == 30


def test_it_takes_the_branch_by_what_the_desk_knows() -> None:
    settings = WaitForSettings(event="review.left", amount=1, unit="hours")
    places = [place(1), place(2), place(3, arrived_at=NOW - HOUR, is_back=True)]
    moves = WaitFor().take(places, "w", settings, Desk(happened={1: NOW}))
    assert moves == {
        1: Next("happened"),
        2: Stay(NOW + waking.FIRST_LOOK, "review.left"),
        3: Next("timed_out"),
    }


@pytest.mark.parametrize("name", ["mail.opened", "cart.left", "Not An Event"])
def test_what_cannot_be_awaited_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        WaitForSettings(event=name)
