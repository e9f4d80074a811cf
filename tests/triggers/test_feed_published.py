"""Feed to mail: an issue for what is new, none when nothing is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Event, Store
from automation.stages.enrol import enrol
from tests import make
from tests.conftest import NOW
from tests.triggers.sweeps import campaign, entered, live, sweep

DAY = timedelta(days=1)
NINE = datetime(2026, 3, 11, 8, 0, tzinfo=UTC)
"""The next nine o'clock in Berlin."""


def publishing(app: App, **settings: Any) -> Store:
    with app.db.write() as session:
        store = make.store(session)
        row = campaign(app, session, store, "feed_published", **settings)
        campaigns.publish(app, session, row, NOW)
        make.customer(session, store, "Ada")
        make.customer(session, store, "Ben", consent=False)
    return store


def tell(app: App, store: Store, at: datetime, **properties: Any) -> None:
    """One new item."""
    with app.db.write() as session:
        session.add(Event(store_id=store.id, name="feed.item_published", at=at, properties=properties, recorded_at=at))


def issues(app: App) -> list[str]:
    return [key for _, key in entered(app)]


def test_nothing_new_no_issue(app: App, clock: TurnableClock) -> None:
    store = publishing(app)
    tell(app, store, NOW - DAY)
    live(app, clock, NOW + 3 * DAY, timedelta(hours=3))
    assert issues(app) == []
    tell(app, store, clock())
    live(app, clock, NOW + 6 * DAY, timedelta(hours=3))
    assert entered(app) == [("Ada", "2026-03-14T08:00:00Z")]


def test_what_is_too_little_waits_for_the_next_issue(app: App, clock: TurnableClock) -> None:
    store = publishing(app, minimum=2)
    tell(app, store, NOW + timedelta(hours=1))
    live(app, clock, NOW + 3 * DAY, timedelta(hours=6))
    assert issues(app) == []
    tell(app, store, clock())
    live(app, clock, NOW + 6 * DAY, timedelta(hours=6))
    assert issues(app) == ["2026-03-14T08:00:00Z"]


def test_an_issue_reaches_everybody_though_it_takes_several_batches(app: App, clock: TurnableClock) -> None:
    store = publishing(app)
    with app.db.write() as session:
        for number in range(6):
            make.customer(session, store, f"Zoe{number}")
    tell(app, store, NOW + timedelta(hours=1))
    clock.now = NINE
    while enrol(app, clock(), 2):
        clock.turn(timedelta(minutes=1))
    assert len(issues(app)) == 7


def test_after_a_downtime_one_issue_goes_out(app: App, clock: TurnableClock) -> None:
    store = publishing(app)
    for days in (0, 1, 2):
        tell(app, store, NOW + timedelta(days=days, hours=1))
    clock.now = NINE + 2 * DAY + timedelta(hours=8)
    assert sweep(app) == [("Ada", "2026-03-13T08:00:00Z")]
    clock.turn(DAY)
    tell(app, store, NINE + timedelta(days=2, hours=-4))
    assert sweep(app) == [("Ada", "2026-03-13T08:00:00Z")]


def test_other_feeds_and_stores_are_not_ours(app: App, clock: TurnableClock) -> None:
    store = publishing(app, feed="blog")
    with app.db.write() as session:
        other = make.store(session, name="Another")
    tell(app, other, NOW, feed="blog")
    tell(app, store, NOW + timedelta(hours=1), feed="jobs")
    clock.now = NINE
    assert sweep(app) == []
    tell(app, store, NOW + timedelta(hours=1), feed="blog")
    assert sweep(app) == [("Ada", "2026-03-11T08:00:00Z")]
