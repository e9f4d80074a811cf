"""What shops take away comes back, gaps are asked for, and a back-fill says how far it is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from automation.app import App
from automation.clock import TurnableClock
from automation.errands import OVERLAP, standing
from automation.errors import Later, Refused
from automation.platform import Page
from tests.automation.stages.corner import Town, person, raising, three_pages


@pytest.fixture
def town(app: App, clock: TurnableClock) -> Town:
    return Town(app, clock)


def test_a_subscription_that_the_shop_took_away_comes_back_within_hours(town: Town) -> None:
    there: set[str] = set()

    def subscribe(url: str) -> str:
        there.add(url)
        return "It sends."

    town.script.subscribed = subscribe
    town.connect()
    town.rest()
    there.clear()  # it failed too often; nobody was told
    for _ in range(5):
        town.clock.turn(timedelta(hours=1))
        town.rest()
    assert there == set(), "it was looked after lately"
    town.clock.turn(timedelta(hours=1))
    town.rest()
    assert len(there) == 1
    assert town.errand("subscribe").state == "done"


def test_after_five_days_away_the_gap_is_asked_for_and_the_subscription_looked_after(town: Town) -> None:
    calls: list[str] = []
    town.script.subscribed = lambda url: calls.append(url) or "It sends."  # type: ignore[func-returns-value]  # on purpose
    town.connect()
    town.rest()
    town.clock.turn(timedelta(hours=1))
    town.rest()
    town.script.asked.clear()
    calls.clear()
    last = town.clock()
    town.clock.turn(timedelta(days=5))
    town.script.pages = three_pages
    town.rest()
    assert town.script.asked == [(last - OVERLAP, None), (last - OVERLAP, "2"), (last - OVERLAP, "3")]
    assert town.names() == ["ada1", "ada2", "ada3"]
    assert len(calls) == 1
    assert town.errand("reconcile").due_at == town.clock() + timedelta(hours=1)


def test_a_subscription_that_was_refused_waits_for_a_person(town: Town) -> None:
    def refuse(_url: str) -> str:
        raise Refused("No.")

    town.script.subscribed = refuse
    town.connect()
    town.rest()
    town.clock.turn(timedelta(days=1))
    town.rest()
    assert (town.errand("subscribe").state, town.errand("subscribe").message) == ("failed", "No.")


def test_a_back_fill_says_how_far_it_is_and_when_it_will_be_done(town: Town) -> None:
    def pages(_since: datetime | None, cursor: str | None) -> Page:
        number = int(cursor or 1)
        return Page([person(f"ada{number}")], str(number + 1) if number < 4 else None, number / 4)

    town.script.pages = pages
    town.connect()
    assert standing(town.errand("back_fill"), town.clock()).expected is None
    town.poll()
    town.clock.turn(timedelta(minutes=1))
    town.poll()
    half = standing(town.errand("back_fill"), town.clock())
    assert (half.state, half.share, half.done, half.expected) == ("reading", 0.5, 2, 4)
    assert half.ends_at == town.clock() + timedelta(minutes=1)
    town.script.pages = raising(Later("503: busy"))
    town.poll()
    stuck = standing(town.errand("back_fill"), town.clock())
    assert (stuck.is_stuck, stuck.message, stuck.done, stuck.ends_at) == (True, "503: busy", 2, None)
    town.script.pages = pages
    town.clock.turn(timedelta(minutes=1))
    town.rest()
    whole = standing(town.errand("back_fill"), town.clock())
    assert (whole.state, whole.share, whole.done, whole.expected, whole.next_at) == ("done", 1.0, 4, 4, None)
    assert not whole.is_stuck
