"""Notices go by mail to the admins who asked for it: seldom, once each, and never again where the provider fails."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from automation.actions import admins
from automation.app import App
from automation.clock import TurnableClock
from automation.errors import Later, Refused
from automation.models import Admin, Connection, Enrolment, Notice, Store
from automation.stages.tell import EVERY, MOST_TOLD, tell
from tests import make
from tests.conftest import NOW
from tests.fakes import Post

MINUTE = timedelta(minutes=1)


class Desk:
    """A store with admins, in which flows leave notices."""

    def __init__(self, app: App, post: Post, clock: TurnableClock) -> None:
        self.app, self.post, self.clock = app, post, clock
        with app.db.write() as session:
            self.store = make.store(session)
            make.connection(app, session, self.store, "provider", "scripted")
            self.campaign = make.campaign(app, session, self.store)
            self.who = make.customer(session, self.store)
            self.ids = [admins.create_admin(session, f"{n}@wren.example.com", NOW).id for n in ("may", "june")]
        self.count = 0

    def want(self, admin_id: int, *, wanted: bool = True) -> None:
        with self.app.db.write() as session:
            admins.want_mails(session, session.get_one(Admin, admin_id), self.clock(), wanted=wanted)

    def leave(self, text: str, admin_id: int | None = None) -> int:
        """A notice, as a flow's step leaves it."""
        with self.app.db.write() as session:
            self.count += 1
            entry = Enrolment(
                store_id=self.store.id,
                campaign_id=self.campaign.id,
                version_id=self.campaign.live_version_id,
                customer_id=self.who.id,
                key=f"k{self.count}",
                **dict.fromkeys(("anchor_at", "due_at", "entered_at"), self.clock()),
            )
            session.add(entry)
            session.flush()
            row = Notice(
                store_id=self.store.id,
                campaign_id=self.campaign.id,
                customer_id=self.who.id,
                enrolment_id=entry.id,
                step_id="n",
                admin_id=admin_id,
                text=text,
                created_at=self.clock(),
            )
            session.add(row)
            session.flush()
            return row.id

    def tell(self) -> list[tuple[str, str]]:
        """What goes out now: to whom, and the text."""
        self.post.mails.clear()
        tell(self.app, self.clock(), 10)
        return [(mail.to_email, mail.text) for mail in self.post.mails]


@pytest.fixture
def desk(post: Any, clock: TurnableClock) -> Desk:
    """Two admins, of whom the first wants notices by mail."""
    app, world = post
    found = Desk(app, world, clock)
    found.want(found.ids[0])
    return found


def test_who_asked_for_it_gets_one_digest_of_what_is_new(desk: Desk) -> None:
    assert desk.tell() == []
    desk.leave("Ring <Ada>")
    desk.leave("Only for June", desk.ids[1])
    desk.leave("Send flowers", desk.ids[0])
    ((to, text),) = desk.tell()
    assert to == "may@wren.example.com"
    assert "Ring <Ada>" in text
    assert "Send flowers" in text
    assert "June" not in text
    (mail,) = desk.post.mails
    assert mail.mail_class == "transactional"
    assert mail.subject == "2 things to see to at Wren & Thistle"
    assert "Ring &lt;Ada&gt;" in mail.html
    assert desk.tell() == []


def test_the_next_digest_waits_its_time_and_tells_nothing_twice(desk: Desk) -> None:
    desk.leave("First")
    assert len(desk.tell()) == 1
    desk.clock.turn(MINUTE)
    seen_to = desk.leave("Second")
    desk.leave("Third")
    assert desk.tell() == []
    with desk.app.db.write() as session:
        session.get_one(Notice, seen_to).read_at = desk.clock()
    desk.clock.turn(EVERY)
    ((_, text),) = desk.tell()
    assert "Third" in text
    assert "First" not in text
    assert "Second" not in text


def test_what_was_there_before_they_asked_stays_on_the_home_page(desk: Desk) -> None:
    desk.leave("Old")
    desk.clock.turn(EVERY)
    desk.want(desk.ids[1])
    assert [to for to, _ in desk.tell()] == ["may@wren.example.com"]
    desk.want(desk.ids[0], wanted=False)
    desk.leave("New")
    assert [to for to, _ in desk.tell()] == ["june@wren.example.com"]


@pytest.mark.parametrize("error", [Later("come again"), Refused("no such address")])
def test_a_provider_that_fails_is_not_asked_again_to_tell_of_it(
    desk: Desk, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    def fail(mails: Any, _key: str) -> Any:
        tried.append(len(mails))
        raise error

    desk.post.send = fail
    desk.leave("Ring Ada")
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            desk.tell()
            desk.clock.turn(EVERY)
    assert tried == [1]
    assert "may@" not in caplog.text
    with desk.app.db.read() as session:
        assert session.scalar(select(Notice.read_at)) is None


@pytest.mark.parametrize("values", [{"state": "broken"}, {"state": "paused"}, {"not_before": NOW + 9 * EVERY}])
def test_a_provider_that_rests_is_left_alone(desk: Desk, values: dict[str, Any]) -> None:
    with desk.app.db.write() as session:
        session.execute(update(Connection).values(values))
    desk.leave("Ring Ada")
    assert desk.tell() == []
    with desk.app.db.write() as session:
        session.execute(update(Connection).values(state="active", not_before=None))
    assert len(desk.tell()) == 1


def test_of_very_many_only_the_number_is_told(desk: Desk) -> None:
    for n in range(MOST_TOLD + 3):
        desk.leave(f"Notice no. {n}.")
    ((_, text),) = desk.tell()
    assert text.count("Notice no.") == MOST_TOLD
    assert "And 3 more." in text


def test_a_store_without_a_sender_and_a_quiet_day_cost_a_look(desk: Desk) -> None:
    statements: list[str] = []
    event.listen(desk.app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    assert desk.tell() == []
    assert len([text for text in statements if text != "BEGIN"]) == 2  # of notices, and of alerts
    with desk.app.db.write() as session:
        session.get_one(Store, desk.store.id).sender_email = ""
    desk.leave("Ring Ada")
    assert desk.tell() == []
