"""A store that has mailed one customer, and what its provider tells about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import feedback
from automation.app import App
from automation.changes import MailEvent
from automation.models import (
    Connection,
    ConsentState,
    Customer,
    Message,
    Store,
    Suppression,
    Template,
    TemplateVersion,
)
from automation.security import random_id
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)


SENT_AT = NOW - timedelta(days=20)


@dataclass
class Shop:
    """A store with a provider, and mails to one customer."""

    session: Session
    store: Store
    connection: Connection
    customer: Customer
    version: TemplateVersion

    def message(self, state: str = "submitting", **values: Any) -> Message:
        given: dict[str, Any] = {
            "public_id": random_id(),
            "store_id": self.store.id,
            "customer_id": self.customer.id,
            "template_version_id": self.version.id,
            "mail_class": "promotional",
            "rank": 3,
            "state": state,
            "reason": "refused" if state in {"dropped", "rejected", "parked"} else "",
            "due_at": SENT_AT,
            "connection_id": self.connection.id,
            "created_at": SENT_AT - DAY,
            "fence": 1,
        }
        row = Message(**{**given, **values})
        self.session.add(row)
        self.session.flush()
        return row

    def apply(self, *events: MailEvent, connection: Connection | None = None) -> int:
        return feedback.apply(self.session, connection or self.connection, events, NOW)

    def suppressions(self) -> list[tuple[str, str]]:
        rows = self.session.execute(select(Suppression.email_key, Suppression.reason).order_by(Suppression.email_key))
        return [(r.email_key, r.reason) for r in rows]

    def consent(self, topic: str = "marketing") -> str:
        return self.session.get_one(ConsentState, (self.customer.id, topic)).status


def open_shop(app: App, session: Session) -> Shop:
    store = make.store(session)
    template = Template(
        public_id=random_id(), store_id=store.id, name="news", title="News", created_at=SENT_AT, updated_at=SENT_AT
    )
    session.add(template)
    session.flush()
    version = TemplateVersion(
        template_id=template.id, number=1, subject="", mjml="", html="", text="", links=[], names=[], created_at=SENT_AT
    )
    session.add(version)
    session.flush()
    connection = make.connection(app, session, store, "provider", "mailbox")
    return Shop(session, store, connection, make.customer(session, store), version)


def told(message: Message | None, event: str, at: float = 0, **values: Any) -> MailEvent:
    """An event `at` days after the mail was sent."""
    given: dict[str, Any] = {
        "event": event,
        "message_id": message.public_id if message else None,
        "at": SENT_AT + at * DAY,
        "external_id": f"{event}-{at}-{message.id if message else 0}",
    }
    return MailEvent(**{**given, **values})


def soft_bounces(shop: Shop, days: Iterable[float]) -> list[MailEvent]:
    return [told(shop.message(created_at=SENT_AT - 90 * DAY), "soft_bounce", day) for day in days]
