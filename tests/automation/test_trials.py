"""A test at work: when it is decided, what it takes where there is no difference, and what it does not decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from automation import trials
from automation.app import App
from automation.models import Trial
from automation.trials import Terms
from tests.automation.insights.experiments.shop import DAY, Shop
from tests.automation.steps.flows import mail, node
from tests.conftest import NOW

HOUR = timedelta(hours=1)
BEGAN = NOW - 2 * DAY


@pytest.fixture
def session(app: App) -> Iterator[Session]:
    with app.db.write() as session:
        yield session


class Case:
    """400 people in two arms, some of whom clicked."""

    def __init__(self, app: App, session: Session, clicks: tuple[int, int], people: int = 400) -> None:
        flow = [node("t", "ab_test", {"a": [mail("x")], "b": [mail("y")]})]
        self.session = session
        self.shop = Shop(app, session, flow=flow)
        self.shop.enter(self.shop.people(people), BEGAN)
        drawn = self.shop.pick("t", ["a", "b"], BEGAN)
        for arm, count in zip("ab", clicks, strict=True):
            self.shop.click([who for who, found in drawn.items() if found == arm][:count], BEGAN + HOUR)

    def checked(self, at: Any = NOW, **terms: Any) -> Trial:
        """The trial after a check."""
        usual: dict[str, Any] = {
            "arms": ("a", "b"),
            "metric": "click",
            "at_least": 100,
            "not_before": timedelta(hours=24),
            "ends_after": timedelta(days=30),
        }
        trial = trials.standing(self.session, self.shop.campaign.id, "t", BEGAN)
        trials.check(self.session, trial, self.shop.store.id, Terms(**{**usual, **terms}), at)
        return trial


def test_a_clear_winner_is_taken_before_the_end_but_not_before_its_time(app: App, session: Session) -> None:
    case = Case(app, session, (10, 60))
    assert case.checked(BEGAN + 23 * HOUR).decided_at is None
    trial = case.checked()
    assert (trial.winner, trial.is_proven, trial.decided_at) == ("b", True, NOW)
    assert [(arm["arm"], arm["clicked"]) for arm in trial.figures] == [("a", 10), ("b", 60)]


def test_what_luck_would_do_as_well_decides_nothing_until_the_end(app: App, session: Session) -> None:
    case = Case(app, session, (30, 38))
    assert case.checked().decided_at is None
    trial = case.checked(BEGAN + 30 * DAY)
    assert (trial.winner, trial.is_proven, trial.decided_at) == ("b", False, BEGAN + 30 * DAY)


def test_where_all_ways_shall_stay_the_end_takes_none(app: App, session: Session) -> None:
    trial = Case(app, session, (30, 38)).checked(ends_after=2 * DAY, otherwise="spread")
    assert (trial.winner, trial.decided_at) == (None, NOW)


def test_a_test_that_only_measures_never_takes_one(app: App, session: Session) -> None:
    trial = Case(app, session, (5, 90)).checked(is_automatic=False)
    assert (trial.winner, trial.decided_at) == (None, None)
    assert trial.figures[1]["clicked"] == 90


def test_with_too_few_people_it_stays_open_beyond_its_end(app: App, session: Session) -> None:
    case = Case(app, session, (2, 30), people=120)
    trial = case.checked(BEGAN + 31 * DAY)
    assert (trial.winner, trial.decided_at) == (None, None)


def test_it_is_counted_again_seldom_but_always_at_its_end(app: App, session: Session) -> None:
    case = Case(app, session, (30, 38))
    assert case.checked(NOW).checked_at == NOW
    assert case.checked(NOW + timedelta(minutes=4)).checked_at == NOW
    end = 2 * DAY + timedelta(minutes=4)
    assert case.checked(NOW + timedelta(minutes=4), ends_after=end).decided_at == NOW + timedelta(minutes=4)
