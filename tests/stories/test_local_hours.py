"""A newsletter and a digest, to readers in three zones: each has them in the morning of their own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from automation.actions import campaigns
from automation.app import App
from automation.clock import TurnableClock
from automation.models import Campaign, Customer, Event, Message
from tests import make
from tests.automation import lived

HOMES = {"Ada": "Europe/Berlin", "Ben": "America/New_York", "Cleo": "Asia/Tokyo"}
HALF_AN_HOUR = timedelta(minutes=30)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def shop(app: App, clock: TurnableClock) -> lived.Shop:
    """The week in which America has changed its clocks and Europe has not."""
    clock.now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    found = lived.shop(app, clock, 1, customers=0)
    with app.db.write() as session:
        found.people = [make.customer(session, found.store, name, timezone=zone) for name, zone in HOMES.items()]
    return found


def publish(shop: lived.Shop, recipe: str) -> None:
    with shop.app.db.write() as session:
        row: Campaign = make.campaign(shop.app, session, shop.store, recipe)
        campaigns.publish(shop.app, session, row, shop.clock())
        row.live_since = shop.clock()


def received(shop: lived.Shop) -> dict[str, list[str]]:
    """When each had a mail, by their own clock."""
    with shop.app.db.read() as session:
        rows = session.execute(
            select(Customer.first_name, Message.accepted_at)
            .join(Message, Message.customer_id == Customer.id)
            .where(Message.state == "accepted")
            .order_by(Message.accepted_at)
        ).all()
    found: dict[str, list[str]] = {name: [] for name in HOMES}
    for name, at in rows:
        assert at is not None
        found[name].append(f"{at.astimezone(ZoneInfo(HOMES[name])):%a %H:%M}")
    return found


def test_the_weekly_letter_comes_on_thursday_at_ten_wherever_one_lives(shop: lived.Shop) -> None:
    publish(shop, "newsletter_weekly")
    shop.live(shop.clock() + timedelta(days=10), HALF_AN_HOUR)
    assert received(shop) == {name: ["Thu 10:00", "Thu 10:00"] for name in HOMES}


def test_the_digest_comes_in_the_morning_with_the_same_items_for_all(shop: lived.Shop) -> None:
    publish(shop, "feed_digest")
    for number, at in enumerate((datetime(2026, 3, 10, 20, tzinfo=UTC), datetime(2026, 3, 12, 6, tzinfo=UTC))):
        row = Event(
            store_id=shop.store.id,
            name="feed.item_published",
            at=at,
            properties={"title": f"Post {number}"},
            recorded_at=at,
        )
        shop.add(at, lambda session, row=row: session.add(row))  # type: ignore[misc]  # bound now
    shop.live(shop.clock() + timedelta(days=5), HALF_AN_HOUR)
    # Settled at six in Berlin, which is one in the afternoon in Tokyo: their next morning is the day after.
    assert received(shop) == {
        "Ada": ["Wed 09:00", "Fri 09:00"],
        "Ben": ["Wed 09:00", "Fri 09:00"],
        "Cleo": ["Thu 09:00", "Sat 09:00"],
    }
