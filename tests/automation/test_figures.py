"""The first figures, held against rows whose counts are known, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from automation import figures
from automation.app import App
from automation.concerns import concerns
from automation.happenings import happenings
from automation.models import (
    Campaign,
    Connection,
    Conversion,
    Customer,
    Heartbeat,
    InboundWebhook,
    Message,
    Store,
    Suppression,
    Template,
    TemplateVersion,
)
from automation.security import random_id
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted


@pytest.fixture
def store(app: App) -> Store:
    with app.db.write() as session:
        return make.store(session)


def version(session: Session, store: Store) -> int:
    row = Template(public_id=random_id(), store_id=store.id, name="m", title="Mail", created_at=NOW, updated_at=NOW)
    session.add(row)
    session.flush()
    made = TemplateVersion(
        template_id=row.id, number=1, subject="", mjml="", html="", text="", links=[], names=[], created_at=NOW
    )
    session.add(made)
    session.flush()
    return made.id


def message(session: Session, customer: Customer, version_id: int, state: str, **values: Any) -> Message:
    row = Message(
        public_id=random_id(),
        store_id=customer.store_id,
        customer_id=customer.id,
        template_version_id=version_id,
        mail_class="lifecycle",
        rank=2,
        state=state,
        **{"due_at": NOW, "created_at": NOW, "reason": "known" if state == "parked" else "", **values},
    )
    session.add(row)
    session.flush()
    return row


def test_only_customers_who_agreed_and_are_not_suppressed_count_as_mailable(app: App, store: Store) -> None:
    with app.db.write() as session:
        make.customer(session, store, "Ada")
        make.customer(session, store, "Bo", consent=False)
        gone = make.customer(session, store, "Cy")
        session.add(Suppression(store_id=store.id, email_key=gone.email_key, reason="complaint", at=NOW))
        make.customer(session, store, "Di", erased_at=NOW)
        other = make.store(session, name="Other")
        make.customer(session, other, "Ed")
    with app.db.read() as session:
        assert figures.people(session, store) == figures.People(customers=3, mailable=1)


def test_days_are_the_stores_own_and_hold_every_mail_once(app: App, store: Store) -> None:
    midnight = datetime(2026, 3, 9, 23, 0, tzinfo=UTC)  # Berlin's
    instants = [midnight - timedelta(seconds=1), midnight, NOW, NOW - timedelta(days=20), NOW - timedelta(days=22)]
    with app.db.write() as session:
        person, made = make.customer(session, store), version(session, store)
        for at in instants:
            message(session, person, made, "delivered", accepted_at=at, clicked_at=at if at == NOW else None)
        message(session, person, made, "delivered", accepted_at=NOW, is_test=True)
        message(session, person, made, "draft")
    with app.db.read() as session, counted(app) as statements:
        found = figures.days(session, store, NOW)
    assert len(statements) == 1
    assert [(d.on, d.sent, d.clicked) for d in found if d.sent] == [
        (date(2026, 2, 18), 1, 0),
        (date(2026, 3, 9), 1, 0),
        (date(2026, 3, 10), 2, 1),
    ]
    with app.db.read() as session:
        sendings = figures.sendings(session, store, NOW)
    assert (sendings.today, sendings.week, sendings.clicked_week) == (2, 3, 1)


def test_revenue_is_net_of_refunds_and_leaves_out_what_was_cancelled(app: App, store: Store) -> None:
    with app.db.write() as session:
        person, made = make.customer(session, store), version(session, store)
        mail = message(session, person, made, "delivered", accepted_at=NOW)
        cases: tuple[dict[str, Any], ...] = (
            {"total": 5000, "refunded": 1200},
            {"cancelled_at": NOW},
            {"currency": "USD"},
            {},
        )
        for n, values in enumerate(cases):
            row = make.order(session, store, person, NOW, f"o{n}", **values)
            session.add(
                Conversion(order_id=row.id, store_id=store.id, message_id=mail.id, clicked_at=NOW, at=row.placed_at)
            )
    with app.db.read() as session:
        found = figures.sendings(session, store, NOW)
    assert (found.revenue, found.orders) == (3800 + 2590, 2)


def test_the_belt_counts_each_state_apart(app: App, store: Store) -> None:
    with app.db.write() as session:
        person, made = make.customer(session, store), version(session, store)
        for state in ("draft", "ready", "claimed", "submitting", "retry", "unknown", "delivered"):
            message(session, person, made, state)
        message(session, person, made, "draft", due_at=NOW + timedelta(hours=5))
    with app.db.read() as session, counted(app) as statements:
        found = figures.belt(session, NOW)
    assert len(statements) == 1
    assert found == figures.Belt(drafts=1, deferred=1, ready=1, in_flight=2, retrying=1, unknown=1)
    assert found.is_moving


def test_nothing_is_of_concern_while_the_worker_beats(app: App, store: Store) -> None:
    with app.db.write() as session:
        session.add(Heartbeat(name="worker", at=NOW - timedelta(seconds=5)))
    with app.db.read() as session:
        assert concerns(session, store, NOW) == []


def test_each_concern_is_named(app: App, store: Store) -> None:
    with app.db.write() as session:
        person, made = make.customer(session, store), version(session, store)
        session.add(Heartbeat(name="worker", at=NOW - timedelta(minutes=3)))
        row = make.connection(app, session, store, "provider", "mailbox")
        session.get_one(Connection, row.id).state = "broken"
        session.add(
            InboundWebhook(connection_id=row.id, delivery_id="1", topic="t", body=b"", state="failed", received_at=NOW)
        )
        for state in ("unknown", "parked"):
            message(session, person, made, state)
    with app.db.read() as session:
        found = concerns(session, store, NOW)
    assert [c.key for c in found] == ["worker", "connection", "webhooks", "unknown", "parked"]
    assert found[1].object_id == row.public_id
    assert found[2].text.startswith("1 webhook of")


def test_the_set_up_is_done_step_by_step(app: App, store: Store) -> None:
    def done() -> list[str]:
        with app.db.read() as session:
            return [t.key for t in figures.tasks(session, store) if t.is_done]

    with app.db.read() as session:
        assert not any(t.is_done for t in figures.tasks(session, None))
    assert done() == ["sender"]
    with app.db.write() as session:
        make.connection(app, session, store, "provider", "mailbox")
        make.connection(app, session, store, "platform", "shopify", secret="s")
        make.customer(session, store)
        session.add(
            Campaign(
                public_id=random_id(),
                store_id=store.id,
                name="c",
                state="live",
                draft={},
                created_at=NOW,
                updated_at=NOW,
            )
        )
    assert done() == ["sender", "shop", "customers", "campaign"]


def test_what_happened_lately_is_told_newest_first(app: App, store: Store) -> None:
    with app.db.write() as session:
        person, made = make.customer(session, store), version(session, store)
        message(session, person, made, "delivered", accepted_at=NOW - timedelta(minutes=2))
        make.order(session, store, person, NOW - timedelta(minutes=1))
    with app.db.read() as session, counted(app) as statements:
        found = happenings(session, store)
    assert len(statements) == 1
    assert [(h.kind, h.name) for h in found] == [("order", "Ada"), ("mail", "Ada")]
