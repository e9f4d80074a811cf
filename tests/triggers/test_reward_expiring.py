from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from automation.app import App
from automation.clock import TurnableClock
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, sweep
from tests.triggers.test_points_reached import line

DAY = timedelta(days=1)


def scene(app: App, ledgers: dict[str, list[tuple[int, float | None]]], **settings: Any) -> None:
    """Customers whose ledgers have lines of so many points that expire in so many days."""
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "reward_expiring", **settings)
        for name, lines in ledgers.items():
            who = make.customer(session, store, name)
            for n, (points, days) in enumerate(lines):
                expires_at = None if days is None else NOW + days * DAY
                line(session, who, points, 100 - n, expires_at=expires_at)


def names(app: App) -> list[str]:
    return [name for name, _ in sweep(app)]


def test_it_starts_two_weeks_before_and_not_sooner(app: App, clock: TurnableClock) -> None:
    scene(app, {"Ada": [(100, 20)]})
    clock.turn(6 * DAY - timedelta(seconds=1))
    assert names(app) == []
    clock.turn(timedelta(seconds=1))
    assert names(app) == ["Ada"]


@pytest.mark.parametrize(
    ("lines", "is_told"),
    [
        ([(100, 14)], True),
        ([(100, 14), (-99, None)], True),
        ([(100, 14), (-100, None)], False),
        ([(100, 14), (100, 200), (-100, None)], False),
        ([(100, 14), (100, None), (-100, None)], False),
        ([(100, 14), (100, 200), (-60, None)], True),
        ([(100, None)], False),
        ([(100, 200)], False),
    ],
    ids=str,
)
def test_only_what_is_left_of_them_counts(app: App, lines: list[tuple[int, float | None]], is_told: bool) -> None:
    scene(app, {"Ada": lines})
    assert names(app) == (["Ada"] if is_told else [])


def test_a_few_points_are_not_worth_a_mail_and_one_day_is_one_mail(app: App) -> None:
    scene(app, {"Ada": [(60, 14), (-20, None)], "Ben": [(30, 13.5), (30, 13.7), (30, 13.7)]}, least=50)
    assert names(app) == ["Ben"]
