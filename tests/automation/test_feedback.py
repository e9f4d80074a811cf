from __future__ import annotations

import logging

import pytest
from sqlalchemy import func, select
from sqlalchemy import update as sql_update

from automation import feedback
from automation.app import App
from automation.models import (
    Consent,
    Message,
    MessageEvent,
    Rendering,
    Suppression,
)
from tests import make
from tests.automation.mailed import DAY, SENT_AT, open_shop, soft_bounces, told
from tests.conftest import NOW


def test_an_event_proves_that_a_mail_on_its_way_was_accepted(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        for state in ("submitting", "unknown", "claimed", "retry", "ready", "parked", "dropped"):
            for event, after in (("accepted", "accepted"), ("delivered", "delivered"), ("deferred", "accepted")):
                message = shop.message(state, claimed_by="w1", lease_until=NOW)
                assert shop.apply(told(message, event, provider_id="p1")) == 1
                assert (message.state, message.accepted_at, message.fence) == (after, SENT_AT, 2)
                assert (message.claimed_by, message.lease_until, message.reason) == (None, None, "accepted")
                assert message.provider_id == "p1"


def test_a_late_writer_with_the_old_fence_changes_nothing(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message("submitting", fence=7)
        shop.apply(told(message, "hard_bounce", 1, provider_id="p1"))
        late = (
            sql_update(Message)
            .where(Message.id == message.id, Message.fence == 7)
            .values(state="accepted", accepted_at=NOW, bounced_at=None)
            .returning(Message.id)
        )
        assert session.scalars(late).all() == []
        assert message.state == "bounced"


def test_a_repeated_event_is_kept_once_and_changes_nothing(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message()
        event = told(message, "delivered", 1)
        assert shop.apply(event, event) == 1
        fence = message.fence
        assert shop.apply(event) == 0
        assert message.fence == fence
        assert session.scalar(select(func.count()).select_from(MessageEvent)) == 1
        assert session.scalars(select(MessageEvent.external_id)).all() == [f"{shop.connection.id}:{event.external_id}"]


def test_finds_a_mail_by_the_providers_id_where_ours_is_missing(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message("accepted", provider_id="p1", accepted_at=SENT_AT)
        assert shop.apply(told(None, "delivered", 1, provider_id="p1", message_id="foreign")) == 1
        assert message.state == "delivered"
        other = make.connection(app, session, shop.store, "provider", "mailbox")
        assert shop.apply(told(None, "complaint", 2, provider_id="p1"), connection=other) == 0
        assert message.state == "delivered"


def test_a_provider_says_nothing_about_another_stores_mails(app: App) -> None:
    with app.db.write() as session:
        shop, other = open_shop(app, session), open_shop(app, session)
        message = shop.message()
        assert feedback.apply(session, other.connection, [told(message, "complaint", provider_id="p1")], NOW) == 0
        assert (message.state, shop.suppressions()) == ("submitting", [])


def test_events_about_unknown_mails_are_counted_and_ignored(app: App, caplog: pytest.LogCaptureFixture) -> None:
    with app.db.write() as session, caplog.at_level(logging.INFO, "automation.feedback"):
        shop = open_shop(app, session)
        message = shop.message()
        events = [told(None, "delivered", n, message_id=f"no{n}") for n in range(3)]
        assert shop.apply(*events, told(message, "delivered")) == 1
        assert "3 events" in caplog.text
        assert shop.apply() == 0


def test_a_hard_bounce_suppresses_the_address_the_mail_went_to(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message()
        session.add(
            Rendering(
                message_id=message.id, to_email="Old@Example.com", variables={}, payload_hash="", rendered_at=SENT_AT
            )
        )
        shop.apply(told(message, "hard_bounce", 1, email="forwarded@example.org", reason="5.1.1 unknown"))
        row = session.scalars(select(Suppression)).one()
        assert (row.email_key, row.reason, row.detail, row.message_id, row.at) == (
            "old@example.com",
            "hard_bounce",
            "5.1.1 unknown",
            message.id,
            SENT_AT + DAY,
        )
        assert (message.state, message.reason) == ("bounced", "hard_bounce")
        assert shop.consent() == "granted", "a full stop for the address says nothing about what the person wants"


def test_a_policy_bounce_suppresses_nobody(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message()
        shop.apply(told(message, "hard_bounce", is_policy=True, email="ada@example.com"))
        assert (message.state, shop.suppressions()) == ("bounced", [])
        assert session.scalars(select(MessageEvent.is_policy)).all() == [True]


@pytest.mark.parametrize("event", ["complaint", "unsubscribe"])
def test_a_complaint_and_an_unsubscription_withdraw_consent(app: App, event: str) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message("delivered", topic="news", accepted_at=SENT_AT, delivered_at=SENT_AT)
        shop.apply(told(message, event, 2, email="ada@example.com", ip="192.0.2.1", agent="Mail\x00"))
        assert (shop.consent("news"), shop.consent("marketing")) == ("withdrawn", "withdrawn")
        lines = session.scalars(select(Consent).where(Consent.status == "withdrawn")).all()
        assert {(line.topic, line.source, line.at, line.message_id, line.agent) for line in lines} == {
            (topic, event, SENT_AT + 2 * DAY, message.id, "Mail") for topic in ("news", "marketing")
        }
        assert shop.suppressions() == ([("ada@example.com", "complaint")] if event == "complaint" else [])
        assert message.state == ("complained" if event == "complaint" else "delivered")
        assert (message.complained_at or message.unsubscribed_at) == SENT_AT + 2 * DAY


def test_a_resubscription_at_the_provider_grants_nothing(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message("accepted", accepted_at=SENT_AT)
        shop.apply(told(message, "unsubscribe", 1), told(message, "resubscribe", 2))
        assert shop.consent() == "withdrawn"
        assert session.scalar(select(func.count()).select_from(MessageEvent)) == 2


def test_an_address_on_the_providers_list_is_suppressed_here(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        first, second = shop.message(), shop.message("accepted", accepted_at=SENT_AT)
        shop.apply(told(first, "rejected", is_suppressed=True), told(second, "rejected", email="bob@example.com"))
        assert (first.state, first.reason, first.accepted_at) == ("rejected", "suppressed_by_provider", None)
        assert (second.state, second.reason) == ("rejected", "refused_by_provider")
        assert shop.suppressions() == [("ada@example.com", "provider")]


def test_an_unsubscription_that_names_an_address_alone_counts(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        shop.apply(told(None, "unsubscribe", 1, email="ADA@example.com"), told(None, "unsubscribe", 1, email="no@x.io"))
        assert shop.consent() == "withdrawn"
        shop.apply(told(None, "complaint", 2, email="stranger@example.com"))
        assert shop.suppressions() == [("stranger@example.com", "complaint")]


def test_a_test_mail_says_nothing_about_the_customer_it_was_made_from(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message(is_test=True)
        shop.apply(told(message, "unsubscribe"), told(message, "click"))
        assert (shop.consent(), shop.customer.engaged_at) == ("granted", None)


def test_machines_neither_open_nor_click(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message()
        shop.apply(told(message, "open", 1, is_machine=True), told(message, "click", 1, is_machine=True))
        assert (message.state, message.opened_at, message.clicked_at) == ("accepted", None, None)
        assert shop.customer.engaged_at is None
        shop.apply(told(message, "open", 3), told(message, "open", 2), told(message, "click", 4))
        assert (message.opened_at, message.clicked_at) == (SENT_AT + 2 * DAY, SENT_AT + 4 * DAY)
        assert shop.customer.engaged_at == SENT_AT + 4 * DAY


def test_a_wrong_clock_elsewhere_dates_nothing_before_the_mail_or_after_now(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        message = shop.message()
        shop.apply(told(message, "accepted", -9000), told(message, "delivered", 9000))
        assert (message.accepted_at, message.delivered_at) == (SENT_AT - DAY, NOW)


def test_five_soft_bounces_over_a_week_suppress_and_four_do_not(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        *first, last = soft_bounces(shop, [0, 2, 4, 6, 8])
        shop.apply(*first)
        assert shop.suppressions() == []
        shop.apply(last)
        assert shop.suppressions() == [("ada@example.com", "soft_bounces")]


def test_soft_bounces_of_a_policy_or_within_a_week_never_add_up(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        shop.apply(*soft_bounces(shop, [0, 1, 2, 3, 4, 5, 6]))
        shop.apply(*(e.model_copy(update={"is_policy": True}) for e in soft_bounces(shop, range(7, 17))))
        assert shop.suppressions() == []


def test_a_delivery_after_the_run_does_not_lift_the_suppression(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        shop.apply(*soft_bounces(shop, [0, 2, 4, 6, 8]))
        shop.apply(told(shop.message(), "delivered", 9))
        assert shop.suppressions() == [("ada@example.com", "soft_bounces")]


def test_a_late_delivery_amid_the_run_takes_it_back(app: App) -> None:
    with app.db.write() as session:
        shop = open_shop(app, session)
        shop.apply(*soft_bounces(shop, [0, 2, 4, 6, 8]))
        shop.apply(told(shop.message(), "delivered", 5))
        assert shop.suppressions() == []
