from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from automation.app import App
from automation.clock import TurnableClock
from automation.properties import PropertyFilter
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, entered, sweep

HOUR = timedelta(hours=1)
PROPERTIES: dict[str, dict[str, Any]] = {
    "Ada": {"stars": 2, "text": "Cold tea", "is_public": True},
    "Ben": {"stars": 4.5, "text": "Fine", "is_public": False},
    "Cleo": {"stars": "2", "text": 7},
    "Dan": {"stars": None},
    "Eve": {},
}


def who(app: App, **settings: Any) -> list[str]:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "event_happened", **settings)
        for name, properties in PROPERTIES.items():
            make.event(session, store, make.customer(session, store, name), "review.left", NOW - HOUR, **properties)
        make.event(session, store, None, "review.left", NOW - HOUR, stars=1)
    return [name for name, _ in sweep(app)]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], ["Ada", "Ben", "Cleo", "Dan", "Eve"]),
        ([{"property": "stars", "is": "at_most", "value": 3}], ["Ada"]),
        ([{"property": "stars", "is": "more_than", "value": 2}], ["Ben"]),
        ([{"property": "stars", "is": "is", "value": "2"}], ["Cleo"]),
        ([{"property": "stars", "is": "is_not", "value": 2}], ["Ben"]),
        ([{"property": "stars", "is": "is_known"}], ["Ada", "Ben", "Cleo"]),
        ([{"property": "stars", "is": "is_unknown"}], ["Dan", "Eve"]),
        ([{"property": "text", "is": "contains", "value": "tea"}], ["Ada"]),
        ([{"property": "text", "is": "in", "value": ["Fine", "Good"]}], ["Ben"]),
        ([{"property": "is_public", "is": "is", "value": True}], ["Ada"]),
        (
            [{"property": "stars", "is": "less_than", "value": 5}, {"property": "is_public", "value": False}],
            ["Ben"],
        ),
    ],
    ids=str,
)
def test_only_events_with_such_properties_start_it(app: App, filters: list[dict[str, Any]], names: list[str]) -> None:
    assert who(app, where=filters) == names


@pytest.mark.parametrize(
    "broken",
    [
        {"property": "stars", "is": "at_least", "value": "two"},
        {"property": "stars", "is": "in", "value": "two"},
        {"property": "stars", "is": "is"},
        {"property": "stars", "is": "is_known", "value": 1},
        {"property": 'st"ars', "value": 1},
        {"property": "stars", "is": "resembles", "value": 1},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PropertyFilter.model_validate(broken)


def test_every_event_counts_or_each_customer_once(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "event_happened", event="survey.answered", each="customer", delay_minutes=60)
        campaign(app, session, store, "event_happened", event="survey.answered")
        ada = make.customer(session, store)
        for hours in (0, 1):
            make.event(session, store, ada, "survey.answered", NOW - HOUR * hours)
        make.event(session, store, ada, "review.left", NOW)
    assert [key for _, key in sweep(app)] == ["1", "2", "survey.answered"]
    clock.turn(HOUR)
    sweep(app)
    assert len(entered(app)) == 3


def test_an_event_waits_for_its_delay(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        campaign(app, session, store, "event_happened", delay_minutes=30)
        make.event(session, store, make.customer(session, store), "review.left", NOW)
    clock.turn(timedelta(minutes=30) - timedelta(seconds=1))
    assert sweep(app) == []
    clock.turn(timedelta(seconds=1))
    assert sweep(app) == [("Ada", "1")]
