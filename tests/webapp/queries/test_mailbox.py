from __future__ import annotations

from datetime import timedelta

from automation.app import App
from automation.models import Attempt, Connection, Decision, MessageEvent, Rendering
from automation.security import random_id
from tests import make
from tests.conftest import NOW
from tests.webapp.queries.test_campaigns import campaign, sent, version
from tests.webapp.statements import counted
from webapp.moments import tell_leg
from webapp.queries import mailbox


def rendering(message_id: int, to: str) -> Rendering:
    return Rendering(
        message_id=message_id, to_email=to, variables={"customer": {"first_name": "Ada"}}, payload_hash="0" * 64,
        rendered_at=NOW,
    )  # fmt: skip


def test_only_what_a_provider_took_is_listed_newest_first(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        live = version(session, campaign(session, store))
        ada, ben = make.customer(session, store, "Ada"), make.customer(session, store, "Ben")
        one = sent(session, ada, live, accepted_at=NOW - timedelta(hours=1))
        session.add(rendering(one.id, "ada@example.com"))
        sent(session, ben, live, state="delivered", is_test=True)
        sent(session, ben, live, state="dropped", reason="gap", accepted_at=None)
    with app.db.read() as session, counted(app) as statements:
        rows = mailbox.mails(session, store.id, "", None).rows
    assert [(r.to_email, r.state, r.is_test) for r in rows] == [
        ("ben@example.com", "delivered", True),
        ("ada@example.com", "accepted", False),
    ]
    assert rows[1].variables == {"customer": {"first_name": "Ada"}}
    assert len(statements) == 1


def test_a_search_looks_at_recipient_subject_and_campaign(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        live = version(session, campaign(session, store, "Spring letter"))
        one = sent(session, make.customer(session, store, "Ada"), live)
        session.add(rendering(one.id, "ada@example.com"))
        make.message(session, make.customer(session, store, "Ben"), state="accepted", accepted_at=NOW)
    with app.db.read() as session:

        def found(text: str) -> int:
            return len(mailbox.mails(session, store.id, text, None).rows)

        assert (found("ada@"), found("spring"), found("HELLO"), found("spring ben"), found("%")) == (1, 1, 2, 0, 0)


def test_the_journey_of_a_mail_is_told_from_draft_to_click(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        provider = Connection(
            public_id=random_id(), store_id=store.id, role="provider", kind="mailbox", name="Mailbox", secrets=b"",
            created_at=NOW,
        )  # fmt: skip
        session.add(provider)
        session.flush()
        live = version(session, campaign(session, store))
        ada = make.customer(session, store, "Ada")
        attempt = Attempt(
            connection_id=provider.id, key=random_id(), message_ids=[1, 2], state="accepted",
            started_at=NOW - timedelta(minutes=2),
        )  # fmt: skip
        session.add(attempt)
        session.flush()
        mail = sent(
            session, ada, live, created_at=NOW - timedelta(hours=2), attempt_id=attempt.id, attempt_count=1,
            connection_id=provider.id, provider_id="abc", accepted_at=NOW - timedelta(minutes=1),
        )  # fmt: skip
        session.add_all([
            rendering(mail.id, "ada@example.com"),
            Decision(
                message_id=mail.id, customer_id=ada.id, campaign_id=live.campaign_id, outcome="go", reason="go",
                facts={}, at=NOW - timedelta(hours=1),
            ),
            MessageEvent(message_id=mail.id, type="click", at=NOW, external_id="x", recorded_at=NOW),
        ])  # fmt: skip
        session.flush()
        session.get_one(Rendering, mail.id).rendered_at = NOW - timedelta(minutes=3)
        public_id = mail.public_id
    with app.db.read() as session, counted(app) as statements:
        found = mailbox.one(session, store.id, public_id)
        assert found is not None
        legs = mailbox.journey(session, found)
    assert [tell_leg(leg, found).title for leg in legs] == [
        "Drafted",
        "Goes out",
        "Claimed and rendered",
        "Submitted",
        "Accepted",
        "Clicked",
    ]
    assert "together with 1 other" in tell_leg(legs[3], found).detail
    assert "knows it as abc" in tell_leg(legs[4], found).detail
    assert len(statements) == 5
