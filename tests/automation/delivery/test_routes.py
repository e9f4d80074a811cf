from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from automation.actions import connections
from automation.actions.connections import set_pacing
from automation.app import App
from automation.errors import Later, Misconfigured, NotAllowed, Unsure
from automation.models import AuditEntry, Connection, Message
from automation.pacing import Pacing
from automation.provider import Accepted, Mail, Outcome
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import rows
from tests.conftest import NOW
from tests.fakes import Post, Scripted, accept_all

MINUTE = timedelta(minutes=1)


class Two:
    """A shop with two connections, each to a provider of its own, and what went through which."""

    def __init__(self, app: App, first: Post, people: int = 3, **pacing: object) -> None:
        self.app, self.first, self.second = app, first, Post()
        kind = type("SecondKind", (Scripted,), {"kind": "second", "post": self.second})
        app.providers["second"] = kind  # type: ignore[index]  # a dict in truth
        with app.db.write() as session:
            self.store = make.store(session)
            self.one = make.connection(app, session, self.store, "provider", "scripted").id
            other = make.connection(app, session, self.store, "provider", "second")
            self.two = other.id
            set_pacing(session, other, Pacing.model_validate({"use": "stand_in", **pacing}), NOW)
        self.count = 0
        self.ready(people)

    def ready(self, count: int, **values: object) -> None:
        """So many more messages."""
        with self.app.db.write() as session:
            for _ in range(count):
                self.count += 1
                person = make.customer(session, self.store, f"Ada{self.count}")
                make.message(session, person, state="ready", **values)

    def row(self, connection_id: int) -> Connection:
        with self.app.db.read() as session:
            return session.get_one(Connection, connection_id)

    def went(self) -> tuple[int, int]:
        """How many mails were taken by each."""
        with self.app.db.read() as session:
            taken = session.scalars(select(Message.connection_id).where(Message.accepted_at.is_not(None))).all()
        return taken.count(self.one), taken.count(self.two)

    def log(self) -> list[str]:
        with self.app.db.read() as session:
            found = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        return [action for action in found if action.startswith("connection.st")]


def raising(error: Exception) -> object:
    def send(_mails: Sequence[Mail], _key: str) -> list[Outcome]:
        raise error

    return send


@pytest.fixture
def two(post: tuple[App, Post]) -> Two:
    return Two(*post)


def test_while_the_first_works_nothing_leaves_through_the_stand_in(two: Two) -> None:
    deliver(two.app, NOW, 100)
    assert two.went() == (3, 0)
    assert two.log() == []


def test_when_the_first_has_given_no_answer_for_minutes_the_stand_in_sends(two: Two) -> None:
    two.first.send = raising(Later("service unavailable", code="503"))  # type: ignore[assignment]
    deliver(two.app, NOW, 100)
    assert two.row(two.one).down_since == NOW
    deliver(two.app, NOW + 4 * MINUTE, 100)
    assert two.went() == (0, 0)
    deliver(two.app, NOW + 10 * MINUTE, 100)
    assert two.went() == (0, 3)
    assert two.row(two.two).standing_in_since == NOW + 10 * MINUTE
    assert two.log() == ["connection.stands_in"]


def test_a_first_that_turned_the_settings_away_or_was_paused_is_stood_in_for(two: Two) -> None:
    two.first.send = raising(Misconfigured("wrong key"))  # type: ignore[assignment]
    deliver(two.app, NOW, 100)
    deliver(two.app, NOW + 5 * MINUTE, 100)
    assert two.went() == (0, 3)
    two.first.send = accept_all
    two.ready(2)
    with two.app.db.write() as session:
        connections.resume(session, session.get_one(Connection, two.one), NOW)
    deliver(two.app, NOW + 6 * MINUTE, 100)
    assert two.went() == (2, 3)
    with two.app.db.write() as session:
        connections.pause(session, session.get_one(Connection, two.one), NOW + 7 * MINUTE)
    two.ready(1)
    deliver(two.app, NOW + 8 * MINUTE, 100)
    assert two.went() == (2, 3)
    deliver(two.app, NOW + 12 * MINUTE, 100)
    assert two.went() == (2, 4)
    assert two.log() == ["connection.stands_in", "connection.stood_in", "connection.stands_in"]


def test_what_may_have_arrived_through_the_first_never_leaves_through_the_second(two: Two) -> None:
    two.first.send = raising(Unsure("no answer"))  # type: ignore[assignment]
    deliver(two.app, NOW, 100)
    assert [m.state for m in rows(two.app)] == ["unknown"] * 3
    two.first.found = Later("still away")
    for minute in range(1, 40):
        if minute == 6:
            two.ready(2)
        deliver(two.app, NOW + minute * MINUTE, 100)
    # One of the new ones was what the first was tried with.
    assert two.went() == (0, 1)
    assert [m.state for m in rows(two.app)].count("unknown") == 4
    assert [m.state for m in rows(two.app)][:3] == ["unknown"] * 3
    two.first.found = {m.public_id: None for m in rows(two.app)}
    two.first.send = raising(Later("away again"))  # type: ignore[assignment]
    for minute in range(40, 60):
        deliver(two.app, NOW + minute * MINUTE, 100)
    # Not found is asked for, not proven: they wait for the connection that they went through.
    assert {(m.state, m.connection_id) for m in rows(two.app)[:3]} <= {("retry", two.one), ("unknown", two.one)}
    two.first.send = accept_all
    for minute in range(60, 400, 5):
        deliver(two.app, NOW + minute * MINUTE, 100)
    assert two.went()[1] == 1
    taken = [m for p in (two.first, two.second) for m in p.mails]
    assert two.second.recipients == list(set(two.second.recipients))
    assert not {m.message_id for m in two.second.mails} & {m.public_id for m in rows(two.app)[:3]}
    assert taken


def test_what_never_left_the_first_may_leave_through_the_second(two: Two) -> None:
    two.first.send = raising(Later("connection refused"))  # type: ignore[assignment]
    for minute in range(12):
        deliver(two.app, NOW + minute * MINUTE, 100)
    assert two.went() == (0, 3)
    assert len(two.second.recipients) == len(set(two.second.recipients)) == 3


def test_the_first_is_tried_with_one_mail_and_has_its_place_back_when_that_was_taken(two: Two) -> None:
    two.first.send = raising(Later("service unavailable"))  # type: ignore[assignment]
    deliver(two.app, NOW, 100)
    two.ready(10)
    two.first.requests.clear()
    deliver(two.app, NOW + 6 * MINUTE, 4)
    assert len(two.first.recipients) <= 1
    two.first.send = accept_all
    two.first.requests.clear()
    deliver(two.app, NOW + 9 * MINUTE, 4)
    assert len(two.first.recipients) == 1
    assert two.row(two.one).down_since is None
    two.first.requests.clear()
    before = len(two.second.requests)
    deliver(two.app, NOW + 10 * MINUTE, 100)
    assert len(two.first.recipients) >= 1
    assert len(two.second.requests) == before
    assert two.log() == ["connection.stands_in", "connection.stood_in"]


def test_a_connection_that_says_that_it_is_down_is_not_tried_with_a_mail(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.first.send = raising(Later("service unavailable"))  # type: ignore[assignment]
    deliver(two.app, NOW, 100)
    two.first.requests.clear()

    def check(_self: Scripted) -> str:
        raise Later("still down")

    monkeypatch.setattr(two.app.providers["scripted"], "check", check)
    deliver(two.app, NOW + 10 * MINUTE, 100)
    assert two.first.requests == []
    assert two.went() == (0, 3)


def test_a_probe_takes_the_mail_that_can_wait(two: Two) -> None:
    two.first.send = raising(Later("service unavailable"))  # type: ignore[assignment]
    deliver(two.app, NOW, 100)
    two.first.requests.clear()
    two.ready(1, mail_class="transactional", rank=0)
    deliver(two.app, NOW + 30 * MINUTE, 2)
    assert len(two.first.recipients) == 1
    assert two.second.recipients[0] == f"ada{two.count}@example.com"


def test_those_that_share_send_by_their_weights(post: tuple[App, Post]) -> None:
    two = Two(*post, people=0, use="share", weight=300)
    two.ready(40)
    deliver(two.app, NOW, 40)
    assert two.went() == (10, 30)


def test_when_one_that_shares_is_down_the_other_sends_all(post: tuple[App, Post]) -> None:
    two = Two(*post, people=0, use="share")
    two.ready(12)
    two.first.send = raising(Later("service unavailable"))  # type: ignore[assignment]
    deliver(two.app, NOW, 12)
    assert two.went() == (0, 6)
    for minute in range(6, 20):
        deliver(two.app, NOW + minute * MINUTE, 12)
    assert two.went() == (0, 12)
    assert two.log() == []


def test_the_mailbox_never_stands_in(app: App) -> None:
    with app.db.write() as session:
        row = make.connection(app, session, make.store(session), "provider", "mailbox")
        with pytest.raises(NotAllowed, match="sends none"):
            set_pacing(session, row, Pacing(use="stand_in"), NOW)


def test_the_accepted_keep_the_id_of_the_provider_that_took_them(two: Two) -> None:
    two.second.send = lambda mails, _key: [Accepted(f"second-{m.message_id}") for m in mails]
    two.first.send = raising(Misconfigured("wrong key"))  # type: ignore[assignment]
    deliver(two.app, NOW, 100)
    deliver(two.app, NOW + 5 * MINUTE, 100)
    assert all((m.provider_id or "").startswith("second-") for m in rows(two.app))
