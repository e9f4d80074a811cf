from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Campaign, Customer, Enrolment, Segment, SegmentMember, Store
from automation.stages.advance import advance
from automation.stages.summarise import summarise
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep

EVERY = timedelta(minutes=5)


def scene(app: App, kind: str = "segment_entered") -> tuple[Store, Segment]:
    """A segment of Germans with a live campaign on it, and Ada in it from the beginning."""
    with app.db.write() as session:
        store = make.store(session)
        rule = {"field": "country", "is": "is", "value": "DE"}
        segment = Segment(store_id=store.id, name="Germans", rule=rule, created_at=NOW, updated_at=NOW)
        session.add(segment)
        session.flush()
        campaign(app, session, store, kind, segment=segment.id)
        make.customer(session, store, "Ada", country="DE")
        make.customer(session, store, "Ben", country="FR")
    summarise(app, NOW, 100)
    return store, segment


def move(app: App, name: str, country: str) -> None:
    with app.db.write() as session:
        session.scalars(select(Customer).where(Customer.first_name == name)).one().country = country


def look(app: App, clock: TurnableClock) -> list[str]:
    """Who is enrolled after the next look at the segment."""
    clock.turn(EVERY)
    summarise(app, clock(), 100)
    return [name for name, _ in sweep(app)]


def test_who_comes_in_starts_it_and_who_was_there_does_not(app: App, clock: TurnableClock) -> None:
    store, _ = scene(app)
    assert look(app, clock) == []
    move(app, "Ben", "DE")
    with app.db.write() as session:
        make.customer(session, store, "Cleo", country="DE")
        make.customer(session, make.store(session, name="Another"), "Dan", country="DE")
    assert look(app, clock) == ["Ben", "Cleo"]
    assert look(app, clock) == ["Ben", "Cleo"]


def test_segments_are_looked_at_every_five_minutes(app: App, clock: TurnableClock) -> None:
    scene(app)
    move(app, "Ben", "DE")
    clock.turn(EVERY - timedelta(seconds=1))
    assert summarise(app, clock(), 100) == 0
    assert sweep(app) == []
    clock.turn(timedelta(seconds=1))
    assert summarise(app, clock(), 100) == 1
    assert summarise(app, clock(), 100) == 0
    assert [name for name, _ in sweep(app)] == ["Ben"]


def test_leaving_ends_it_and_coming_back_starts_it_again(app: App, clock: TurnableClock) -> None:
    scene(app)
    move(app, "Ben", "DE")
    assert look(app, clock) == ["Ben"]
    move(app, "Ben", "FR")
    assert look(app, clock) == ["Ben"]
    advance(app, clock(), 10)
    with app.db.read() as session:
        assert session.scalars(select(Enrolment.exit_reason)).one() == "no longer true: they are still in the segment"
    move(app, "Ben", "DE")
    assert look(app, clock) == ["Ben", "Ben"]


def test_editing_the_segment_is_no_news_of_anybody(app: App, clock: TurnableClock) -> None:
    _, segment = scene(app)
    clock.turn(EVERY)
    with app.db.write() as session:
        row = session.get_one(Segment, segment.id)
        row.rule, row.updated_at = {"field": "country", "is": "is", "value": "FR"}, clock()
    assert look(app, clock) == []
    move(app, "Ada", "FR")
    assert look(app, clock) == ["Ada"]


def test_what_happened_while_nobody_watched_is_no_news_either(app: App, clock: TurnableClock) -> None:
    scene(app)
    with app.db.write() as session:
        session.scalars(select(Campaign)).one().state = "paused"
    assert look(app, clock) == []
    with app.db.read() as session:
        assert session.scalars(select(SegmentMember.id)).all() == []
    move(app, "Ben", "DE")
    with app.db.write() as session:
        session.scalars(select(Campaign)).one().state = "live"
    assert look(app, clock) == []


def test_members_are_exactly_those_of_whom_the_rule_is_true(app: App, clock: TurnableClock) -> None:
    scene(app)
    for name, country in (("Ben", "DE"), ("Ada", "FR"), ("Ada", "DE"), ("Ben", "FR"), ("Ben", "DE")):
        move(app, name, country)
        look(app, clock)
        with app.db.read() as session:
            inside: Any = select(SegmentMember.customer_id).where(SegmentMember.left_at.is_(None))
            germans = select(Customer.id).where(Customer.country == "DE")
            assert set(session.scalars(inside)) == set(session.scalars(germans))
