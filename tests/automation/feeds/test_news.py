"""What the poll stage makes of feeds: each new item told once, whatever the feed does to its names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from automation.actions import feeds
from automation.app import App
from automation.clock import TurnableClock
from automation.concerns import concerns
from automation.errors import NotAllowed, Unreadable
from automation.feeds import news
from automation.models import Event, Feed, FeedItem, Store
from automation.stages.poll import poll
from tests import make
from tests.automation.feeds.serving import item, rss, served
from tests.conftest import NOW, Net

URL = "https://wren.example.com/feed"
HOUR = timedelta(hours=1)


class Blog:
    """A feed whose contents a test changes, and an installation that reads it."""

    def __init__(self, app: App, clock: TurnableClock, net: Net) -> None:
        self.app, self.clock, self.net = app, clock, net
        self.link = "https://wren.example.com/"
        self.answer: Any = None
        net.answer = lambda _: (
            self.answer() if self.answer else served(rss(*self.items, link=self.link), **self.headers)
        )
        self.items: list[str] = [item("1"), item("2")]
        self.headers: dict[str, Any] = {}
        with app.db.write() as session:
            self.store: Store = make.store(session)
            self.id = feeds.add(session, store_id=self.store.id, url=URL, title="The Journal", now=clock()).id

    def turn(self, span: timedelta = HOUR) -> Feed:
        """Let time pass and the stage run; the feed afterwards."""
        self.clock.turn(span)
        while poll(self.app, self.clock(), 50):
            pass
        return self.row()

    def row(self) -> Feed:
        with self.app.db.read() as session:
            return session.get_one(Feed, self.id)

    def told(self) -> list[str]:
        with self.app.db.read() as session:
            found = session.scalars(select(Event).where(Event.name == "feed.item_published").order_by(Event.id))
            return [event.properties["title"] for event in found]


@pytest.fixture
def blog(app: App, clock: TurnableClock, net: Net) -> Blog:
    found = Blog(app, clock, net)
    found.turn(timedelta())
    return found


def test_what_stands_in_a_feed_when_it_is_added_is_not_new(blog: Blog) -> None:
    assert blog.told() == []
    blog.items = [item("3", "Tue, 10 Mar 2026 11:00:00 GMT"), *blog.items]
    assert blog.turn().changed_at == blog.clock()
    assert blog.told() == ["Post 3"]
    blog.turn()
    assert blog.told() == ["Post 3"]
    with blog.app.db.read() as session:
        event = session.scalars(select(Event)).one()
        known = session.scalars(select(FeedItem).order_by(FeedItem.id)).all()
    assert (event.customer_id, event.at) == (None, NOW + HOUR + news.SETTLES)
    assert event.properties["feed"] == "the-journal"
    assert event.properties["published_at"] == "2026-03-10T11:00:00+00:00"
    assert [row.is_told for row in known] == [False, False, True]


def test_items_are_told_oldest_first_and_a_dated_back_one_is_told_too(blog: Blog) -> None:
    blog.items = [
        item("c", "Tue, 10 Mar 2026 11:00:00 GMT"),
        item("b", "Tue, 10 Mar 2026 10:00:00 GMT"),
        item("a", "Sun, 01 Feb 2026 10:00:00 GMT"),
    ]
    blog.turn()
    assert blog.told() == ["Post a", "Post b", "Post c"]


@pytest.mark.parametrize(
    "again",
    [
        item("1", link="https://wren.example.com/journal/moved"),
        item("1", guid="another"),
        item("1", guid="another", link="http://www.wren.example.com/journal/1/?utm_source=rss&amp;fbclid=x"),
        item("1", guid="another", link="https://new.example.com/posts/1"),
        item("1", "Tue, 10 Mar 2026 11:00:00 GMT", title="Edited", description="New words"),
    ],
    ids=["moved link", "other guid", "trackers", "moved site", "published again"],
)
def test_one_item_under_other_names_is_told_no_more(blog: Blog, again: str) -> None:
    for _ in range(2):
        blog.items = [again, item("2")]
        blog.turn()
        assert blog.told() == []


@pytest.mark.parametrize(
    "other",
    [
        item("x", link="https://wren.example.com/journal/1"),
        item("x", title="Post 1"),
        item("x", link="https://wren.example.com/"),
        item("x", guid="", link=""),
        item("x", "", guid="", link="", title=""),
    ],
    ids=["same link", "same title and date", "link to the home page", "no guid", "nothing but text"],
)
def test_another_item_is_told_though_it_shares_a_name_with_one_that_is_there(blog: Blog, other: str) -> None:
    blog.items = [other, item("1"), item("2")]
    blog.turn()
    blog.turn()
    assert len(blog.told()) == 1


def test_an_item_that_leaves_and_comes_back_is_not_new(blog: Blog) -> None:
    blog.items = [item("2")]
    blog.turn()
    blog.items = [item("1"), item("2")]
    blog.turn(timedelta(days=30))
    assert blog.told() == []


def test_an_item_that_was_forgotten_and_comes_back_is_not_told_twice(blog: Blog) -> None:
    blog.items = [item("3"), *blog.items]
    blog.turn()
    blog.items = [item("2")]
    blog.turn()
    blog.turn(timedelta(days=401))
    blog.items = [item("3"), item("2")]
    blog.turn(timedelta(days=2))
    assert len(blog.told()) == 1


def test_a_feed_that_changes_all_its_names_at_once_floods_nobody(blog: Blog) -> None:
    blog.items = [item(f"new{n}", f"Tue, 10 Mar 2026 08:{n:02}:00 GMT") for n in range(30)]
    assert blog.turn().message.startswith("30 items were new at once: the newest 20 were told")
    assert len(blog.told()) == 20
    assert blog.told()[-1] == "Post new29"
    blog.turn()
    assert len(blog.told()) == 20


def test_it_is_asked_politely(blog: Blog) -> None:
    blog.headers = {"etag": '"v1"', "last_modified": "Tue, 10 Mar 2026 11:00:00 GMT"}
    first = blog.turn()
    wait = first.due_at - blog.clock()
    assert timedelta(minutes=30) <= wait <= timedelta(minutes=33)
    count = len(blog.net.requests)
    blog.turn(timedelta(minutes=5))
    assert len(blog.net.requests) == count
    blog.answer = lambda: served(status=304)
    blog.turn()
    assert blog.net.requests[-1].headers["If-None-Match"] == '"v1"'
    assert blog.net.requests[-1].headers["If-Modified-Since"] == "Tue, 10 Mar 2026 11:00:00 GMT"
    blog.answer = lambda: served(rss(), cache_control="public, max-age=7200")
    assert blog.turn().due_at - blog.clock() >= timedelta(hours=2)


def test_a_server_in_trouble_is_left_alone_longer_and_longer_and_what_it_asks_for_counts(blog: Blog) -> None:
    blog.answer = lambda: served(status=503, retry_after="7200")
    row = blog.turn()
    assert (row.state, row.failures, row.due_at - blog.clock()) == ("active", 1, timedelta(hours=2))
    blog.answer = lambda: served(status=500)
    waits = []
    for _ in range(6):
        row = blog.turn(timedelta(days=2))
        waits.append(row.due_at - blog.clock())
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(hours=5)
    with blog.app.db.read() as session:
        said = [c.text for c in concerns(session, blog.store, blog.clock()) if c.key == "feed"]
    assert said == ["The feed The Journal: It answers with an error (500)."]
    blog.answer = None
    row = blog.turn(timedelta(days=2))
    assert (row.failures, row.message) == (0, "")


def test_a_feed_that_is_gone_stops_and_somebody_is_told(blog: Blog) -> None:
    blog.answer = lambda: served(status=410)
    assert blog.turn().state == "stopped"
    count = len(blog.net.requests)
    blog.turn(timedelta(days=9))
    assert len(blog.net.requests) == count
    with blog.app.db.read() as session:
        said = [c.text for c in concerns(session, blog.store, blog.clock()) if c.key == "feed"]
    assert said == ["The feed The Journal: The feed is gone for good (410). Give it another address, or remove it."]
    with blog.app.db.write() as session:
        row = session.get_one(Feed, blog.id)
        feeds.change(session, row, title="J", url="https://wren.example.com/new", every_minutes=60, now=blog.clock())
    blog.answer = None
    blog.items = [item("9", "Tue, 10 Mar 2026 11:00:00 GMT")]
    assert blog.turn().state == "active"
    assert blog.told() == ["Post 9"]


def test_a_feed_that_moved_for_good_is_asked_at_its_new_address(blog: Blog) -> None:
    def moved(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/feed":
            return served(status=301, location="https://www.wren.example.com/atom")
        return served(rss(item("3", "Tue, 10 Mar 2026 11:00:00 GMT")))

    blog.net.answer = moved
    assert blog.turn().url == "https://www.wren.example.com/atom"
    assert blog.told() == ["Post 3"]


def test_an_answer_that_is_no_feed_loses_nothing(blog: Blog) -> None:
    blog.answer = lambda: served("<html>Maintenance</html>")
    row = blog.turn()
    assert (row.state, row.failures, row.message) == ("active", 1, "This is a web page, not a feed.")
    blog.answer, blog.items = None, [item("3", "Tue, 10 Mar 2026 11:00:00 GMT"), *blog.items]
    blog.turn()
    assert blog.told() == ["Post 3"]


def test_while_it_is_fetched_no_transaction_is_open_and_a_pause_meanwhile_holds(blog: Blog) -> None:
    def pausing() -> httpx.Response:
        with blog.app.db.write() as session:
            feeds.pause(session, session.get_one(Feed, blog.id), blog.clock())
        return served(rss(item("3")))

    blog.answer = pausing
    assert blog.turn().state == "paused"
    assert blog.told() == []
    with blog.app.db.write() as session:
        feeds.resume(session, session.get_one(Feed, blog.id), blog.clock())
    blog.answer, blog.items = None, [item("3")]
    blog.turn(timedelta())
    assert blog.told() == ["Post 3"]


def test_a_worker_that_dies_while_it_fetches_is_followed_by_another(blog: Blog) -> None:
    blog.clock.turn(HOUR)
    with blog.app.db.write() as session:
        assert len(news.claim(session, blog.clock())) == 1
    blog.items = [item("3")]
    blog.turn(timedelta(minutes=1))
    assert blog.told() == []
    blog.turn(news.LEASE)
    assert blog.told() == ["Post 3"]


def test_removing_a_feed_keeps_what_it_told(blog: Blog) -> None:
    blog.items = [item("3")]
    blog.turn()
    with blog.app.db.write() as session:
        feeds.remove(session, feeds.find(session, blog.store.id, blog.row().public_id), blog.clock())
    assert blog.told() == ["Post 3"]
    with blog.app.db.read() as session:
        assert session.scalars(select(FeedItem)).all() == []


@pytest.mark.parametrize(
    "url", ["http://localhost/feed", "https://10.0.0.1/", "file:///etc/passwd", "https://a.example:99/", "wren"]
)
def test_inner_addresses_cannot_be_added(app: App, url: str) -> None:
    with app.db.write() as session:
        store = make.store(session)
        with pytest.raises(NotAllowed, match="This address is not asked"):
            feeds.add(session, store_id=store.id, url=url, title="X", now=NOW)


def test_adding_twice_is_refused_and_codes_differ(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        feeds.add(session, store_id=store.id, url="wren.example.com/feed", title="Übersicht!", now=NOW)
        second = feeds.add(session, store_id=store.id, url="https://b.example.com", title="ubersicht", now=NOW)
        assert second.code == "ubersicht-2"
        with pytest.raises(NotAllowed, match="read already"):
            feeds.add(session, store_id=store.id, url=URL, title="X", now=NOW)


def test_a_look_stores_nothing_and_says_what_is_wrong(app: App, net: Net) -> None:
    net.answer = lambda _: served(rss(item("1")))
    assert [i.title for i in feeds.look(app, "feed://wren.example.com/feed", NOW).document.items] == ["Post 1"]
    net.answer = lambda _: served("<html>")
    with pytest.raises(Unreadable):
        feeds.look(app, URL, NOW)
    with app.db.read() as session:
        assert session.scalars(select(Feed)).all() == []
