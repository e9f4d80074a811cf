"""How far a nightly check has come, and what it found."""

from __future__ import annotations

from datetime import time, timedelta

from automation.app import App
from automation.nightly import Nightly
from tests.conftest import NOW

CHECK = Nightly("shelves.check", "shelves.differences", time(3))
NIGHT = (NOW + timedelta(days=1)).replace(hour=3)


def note(app: App, position: int, last: int | None, wrong: int = 0) -> None:
    with app.db.write() as session:
        CHECK.go_on(session, position, last, wrong, NIGHT)


def test_the_first_check_is_the_next_nights_and_each_goes_once_to_the_end(app: App) -> None:
    assert CHECK.stands_at(app, NOW) is None
    assert CHECK.stands_at(app, NIGHT - timedelta(seconds=1)) is None
    assert CHECK.stands_at(app, NIGHT) == 0
    note(app, 0, 250)
    assert CHECK.stands_at(app, NIGHT) == 250
    note(app, 250, None)
    assert CHECK.stands_at(app, NIGHT + timedelta(hours=23)) is None
    assert CHECK.stands_at(app, NIGHT + timedelta(days=1)) == 0


def test_differences_add_up_over_a_night_and_are_told_for_two_days(app: App) -> None:
    CHECK.stands_at(app, NOW)
    note(app, 0, 250, 2)
    note(app, 250, None, 1)
    with app.db.read() as session:
        assert CHECK.found(session, NIGHT) == 3
        assert CHECK.found(session, NIGHT + timedelta(days=2)) == 0
    note(app, 0, None)
    with app.db.read() as session:
        assert CHECK.found(session, NIGHT) == 0
