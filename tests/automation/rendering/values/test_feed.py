from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Message, Store
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW

PUBLISHED = {"published_at": (NOW - timedelta(days=10)).isoformat()}


def issue(session: Session, days_ago: float, name: str = "Ada", **settings: Any) -> Message:
    """A mail of the issue that went out so long ago."""
    store = session.scalars(select(Store)).first() or make.store(session)
    customer = make.customer(session, store, name)
    at = NOW - timedelta(days=days_ago)
    origin = make.about(
        session, customer, "feed_published", customer.id, key=str(days_ago), anchor_at=at, **PUBLISHED, **settings
    )
    return message(session, customer, "feed", **origin)


def test_an_issue_holds_what_is_new_since_the_one_before(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for days, title in (
            (12, "Before it was published"),
            (9, "First"),
            (5, "Second"),
            (3, "Third"),
            (-1, "Tomorrow"),
        ):
            make.event(
                session,
                store,
                None,
                "feed.item_published",
                NOW - timedelta(days=days),
                title=title,
                link="https://x.example",
            )
        first, second = issue(session, 8), issue(session, 0, "Eve")
    assert [i["title"] for i in value(app, first, "feed")["items"]] == ["First"]
    found = value(app, second, "feed")
    assert [i["title"] for i in found["items"]] == ["Third", "Second"]
    assert found["items"][0]["url"] == "https://x.example"
    assert found["count"] == 2


def test_only_the_feed_that_is_meant_counts(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for feed in ("journal", "jobs"):
            make.event(session, store, None, "feed.item_published", NOW - timedelta(days=1), title=feed, feed=feed)
        row = issue(session, 0, feed="journal")
    assert [i["title"] for i in value(app, row, "feed")["items"]] == ["journal"]


def test_an_item_bears_its_own_date_and_clean_html_and_an_issue_is_as_long_as_the_trigger_says(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        for n in range(4):
            said: dict[str, Any] = {"published_at": "2026-03-01T08:00:00+00:00", "html": "<p>x</p>"}
            make.event(session, store, None, "feed.item_published", NOW - timedelta(hours=n + 1), title=str(n), **said)
        row = issue(session, 0, most=3)
    found = value(app, row, "feed")
    assert ([i["title"] for i in found["items"]], found["count"]) == (["0", "1", "2"], 4)
    assert (found["items"][0]["on"], found["items"][0]["html"]) == ("2026-03-01", "<p>x</p>")
