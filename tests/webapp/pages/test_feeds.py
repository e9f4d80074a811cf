"""Feeds, as a manager uses them: look, add, change, pause, remove; and how errors show."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from automation.app import App
from automation.models import Feed, Store
from automation.stages.poll import poll
from tests.automation.feeds.serving import item, rss, served
from tests.conftest import NOW, Net
from tests.webapp.visitors import Visitor, logged_in

URL = "https://wren.example.com/feed"


def stored(app: App) -> list[Feed]:
    with app.db.read() as session:
        return list(session.scalars(select(Feed).order_by(Feed.id)))


def test_a_feed_is_looked_at_added_and_read(app: App, owner: Visitor, net: Net) -> None:
    net.answer = lambda _: served(rss(item("1", title="Tom &amp;amp; Ada")))
    assert "Add a feed" in owner.get("/feeds/").text
    page = owner.post("/feeds/look", {"url": "wren.example.com/feed"})
    assert page.status_code == 200
    assert "Tom &amp; Ada" in page.text
    assert "1 items stand in it now" in page.text
    assert not stored(app)
    answer = owner.post("/feeds/", {"url": URL, "title": "The Journal"})
    row = stored(app)[0]
    assert answer.headers["Location"] == f"/feeds/{row.public_id}"
    assert "Not fetched yet" in owner.get(f"/feeds/{row.public_id}").text
    poll(app, NOW, 10)
    page = owner.get(f"/feeds/{row.public_id}")
    assert "Seen before" in page.text
    assert "the-journal" in page.text
    assert "The Journal" in owner.get("/feeds/").text


def test_what_is_no_feed_comes_back_with_what_was_typed_and_why(app: App, owner: Visitor, net: Net) -> None:
    net.answer = lambda _: served("<html>")
    answer = owner.post("/feeds/look", {"url": URL})
    assert answer.status_code == 422
    assert "This is a web page, not a feed." in answer.text
    assert f'value="{URL}"' in answer.text
    for url in ("http://localhost/x", "http://169.254.169.254/"):
        answer = owner.post("/feeds/", {"url": url, "title": "x"})
        assert answer.status_code == 422
        assert "This address is not asked" in answer.text
    assert owner.post("/feeds/", {"url": ""}).status_code == 422
    assert not stored(app)


def test_it_is_changed_paused_resumed_and_removed(app: App, owner: Visitor, net: Net) -> None:
    net.answer = lambda _: served(status=410)
    owner.post("/feeds/", {"url": URL, "title": "The Journal"})
    path = f"/feeds/{stored(app)[0].public_id}"
    assert 'value="30"' in owner.get(f"{path}/settings").text
    assert owner.post(f"{path}/settings", {"title": "J", "url": URL, "every_minutes": "1"}).status_code == 422
    assert (
        owner.post(f"{path}/settings", {"title": "J", "url": "http://10.0.0.1", "every_minutes": "60"}).status_code
        == 422
    )
    assert owner.post(f"{path}/settings", {"title": "J", "url": URL, "every_minutes": "60"}).status_code == 303
    assert (stored(app)[0].title, stored(app)[0].every_minutes) == ("J", 60)
    for what, state in (("pause", "paused"), ("resume", "active"), ("fetch", "active")):
        assert owner.post(f"{path}/do/{what}").status_code == 303
        assert stored(app)[0].state == state
    poll(app, NOW, 10)
    assert "gone for good" in owner.get(path).text
    assert "gone for good" in owner.get("/feeds/").text
    assert "gone for good" in owner.get("/").text
    owner.post(f"{path}/remove")
    assert not stored(app)
    assert owner.get(path).status_code == 404


def test_who_may_only_look_can_change_nothing(site: Flask, app: App, owner: Visitor, store: Store) -> None:
    owner.post("/feeds/", {"url": URL, "title": "The Journal"})
    path = f"/feeds/{stored(app)[0].public_id}"
    viewer = logged_in(site, app, "viewer")
    assert "Remove" not in viewer.get(path).text
    for refused in (viewer.get("/feeds/new"), viewer.post(f"{path}/do/pause"), viewer.post(f"{path}/remove")):
        assert refused.status_code == 403
    assert stored(app)[0].state == "active"
