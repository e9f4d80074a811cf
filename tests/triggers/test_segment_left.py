from __future__ import annotations

from sqlalchemy import select

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Enrolment, Segment
from automation.stages.advance import advance
from tests.triggers.test_segment_entered import EVERY, look, move, scene


def test_who_drops_out_starts_it_also_who_was_there_from_the_beginning(app: App, clock: TurnableClock) -> None:
    scene(app, "segment_left")
    assert look(app, clock) == []
    move(app, "Ada", "FR")
    assert look(app, clock) == ["Ada"]
    move(app, "Ben", "DE")
    assert look(app, clock) == ["Ada"]
    move(app, "Ben", "FR")
    assert look(app, clock) == ["Ada", "Ben"]


def test_coming_back_ends_it(app: App, clock: TurnableClock) -> None:
    scene(app, "segment_left")
    move(app, "Ada", "FR")
    assert look(app, clock) == ["Ada"]
    move(app, "Ada", "DE")
    look(app, clock)
    advance(app, clock(), 10)
    with app.db.read() as session:
        reason = session.scalars(select(Enrolment.exit_reason)).one()
    assert reason == "no longer true: they have not come back into the segment"


def test_who_drops_out_by_an_edit_does_not_start_it(app: App, clock: TurnableClock) -> None:
    _, segment = scene(app, "segment_left")
    clock.turn(EVERY)
    with app.db.write() as session:
        row = session.get_one(Segment, segment.id)
        row.rule, row.updated_at = {"field": "country", "is": "is", "value": "FR"}, clock()
    assert look(app, clock) == []
    assert look(app, clock) == []
