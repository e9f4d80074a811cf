from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from automation.actions import messages
from automation.app import App
from automation.errors import NotAllowed
from automation.models import SENT, STATES, AuditEntry, Campaign, Customer, Message, Rendering, Template
from automation.stages.decide import decide
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import rows, shop
from tests.conftest import NOW
from tests.fakes import Post, scripted

HOUR = timedelta(hours=1)


@pytest.fixture
def post(app: App) -> tuple[App, Post]:
    """A scripted provider."""
    return scripted(app, "B")


def _act(app: App, action: Any, **given: Any) -> Message:
    with app.db.write() as session:
        row = session.scalars(select(Message).order_by(Message.id)).first()
        assert row is not None
        return action(session, messages.find(session, row.public_id), NOW + HOUR, **given) or row


def _audit(app: App) -> list[str]:
    with app.db.read() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_a_parked_mail_stays_until_somebody_sends_it_through_the_arbiter(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")
    _act(app, messages.park)
    assert deliver(app, NOW + HOUR, 10) == 0
    assert (rows(app)[0].state, rows(app)[0].reason) == ("parked", "by_hand")
    _act(app, messages.resend)
    decide(app, NOW + HOUR, 10)
    deliver(app, NOW + HOUR, 10)
    assert world.recipients == ["ada@example.com"]
    assert _audit(app) == ["message.parked", "message.resent"]


def test_a_mail_that_could_not_be_rendered_goes_with_its_mended_template(post: tuple[App, Post]) -> None:
    app, _ = post
    with app.db.write() as session:
        store, [message] = shop(app, session, "Ada", state="parked", reason="template_broken")
        old = message.template_version_id
        newer = make.template(session, store, "mended")
        newer.template_id = 1
        newer.number = 2
        session.flush()
        session.get_one(Template, 1).latest_version_id = newer.id
    sent = _act(app, messages.resend)
    assert sent.template_version_id != old


def test_a_mail_that_arrived_goes_again_only_deliberately_and_as_a_new_message(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 10)
    with pytest.raises(NotAllowed, match="deliberately"):
        _act(app, messages.resend)
    again = _act(app, messages.resend, is_deliberate=True)
    deliver(app, NOW + HOUR, 10)
    assert world.recipients == ["ada@example.com"] * 2
    assert [m.state for m in rows(app)] == ["accepted", "accepted"]
    assert again.public_id in {m.message_id for m in world.mails}
    with app.db.read() as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.detail["deliberate"], entry.detail["as_"]) == (True, again.public_id)


def test_a_mail_of_unknown_fate_goes_again_as_it_was_and_says_that_it_may_be_double(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 10)
    with app.db.write() as session:
        row = session.scalars(select(Message)).one()
        row.state, row.reason = "unknown", "unresolved"
        stored = session.get_one(Rendering, row.id).payload_hash
    with pytest.raises(NotAllowed, match="deliberately"):
        _act(app, messages.resend)
    _act(app, messages.resend, is_deliberate=True)
    deliver(app, NOW + HOUR, 10)
    assert (rows(app)[0].state, rows(app)[0].reason) == ("accepted", "possible_duplicate")
    assert world.mails[0] == world.mails[1]
    with app.db.read() as session:
        assert session.get_one(Rendering, rows(app)[0].id).payload_hash == stored


def test_suppression_holds_for_a_mail_sent_by_hand(post: tuple[App, Post]) -> None:
    app, world = post
    with app.db.write() as session:
        shop(app, session, "Ada")
    deliver(app, NOW, 10)
    _act(app, messages.resend, is_deliberate=True)
    with app.db.write() as session:
        make.agree(session, session.scalars(select(Customer)).one(), "withdrawn", NOW)
    deliver(app, NOW + HOUR, 10)
    assert len(world.mails) == 1
    assert rows(app)[1].reason == "no_consent"


@pytest.mark.parametrize("state", STATES)
def test_what_cannot_be_done_says_why_and_changes_nothing(post: tuple[App, Post], state: str) -> None:
    app, _ = post
    with app.db.write() as session:
        shop(app, session, "Ada", state=state, reason="refused")
    for action, refused in (
        (messages.park, state not in ("draft", "ready", "retry", "claimed")),
        (messages.resend, state not in ("dropped", "rejected", "parked")),
    ):
        if not refused:
            continue
        with pytest.raises(NotAllowed):
            _act(app, action)
        assert [(m.state, m.fence) for m in rows(app)] == [(state, 0)]
    assert state not in SENT or _audit(app) == []


def test_a_finished_campaign_gets_no_new_mails(post: tuple[App, Post]) -> None:
    app, _ = post
    with app.db.write() as session:
        store, _ = shop(app, session)
        campaign = make.campaign(app, session, store)
        make.message(session, make.customer(session, store), state="parked", reason="x", campaign_id=campaign.id)
        session.get_one(Campaign, campaign.id).state = "finished"
    with pytest.raises(NotAllowed, match="ended"):
        _act(app, messages.resend)
