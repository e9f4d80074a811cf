"""A mail that was sent to somebody, and what is known of it afterwards."""

from __future__ import annotations

from concurrent.futures import TimeoutError as TooSlow
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from automation.app import App
from automation.errors import NotAllowed
from automation.models import Consent, ConsentState, Customer, Message, MessageEvent, Store
from automation.rendering import links
from tests import make

PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


SALE = "https://wren.example.com/sale?a=1&b=%C3%A4#top"


ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@dataclass(frozen=True)
class Mail:
    """A mail that was sent to somebody."""

    id: int
    customer_id: int
    token: str


def mail_to(app: App, name: str, **values: Any) -> Mail:
    with app.db.write() as session:
        store = session.scalar(select(Store)) or make.store(session)
        customer = make.customer(session, store, name)
        version = make.template(session, store, f"mail_{name.lower()}")
        version.links = [
            {"number": 1, "url": SALE, "label": "Sale", "is_dynamic": False},
            {"number": 2, "url": "{{ cart.recovery_url }}", "label": "Cart", "is_dynamic": True},
            {"number": 3, "url": "javascript:alert(1)", "label": "No", "is_dynamic": False},
        ]
        row = make.message(session, customer, template_version_id=version.id, **values)
        return Mail(row.id, customer.id, links.token(links.key_of(app.keyring), row.public_id))


def events(app: App, kind: str | None = None) -> list[MessageEvent]:
    with app.db.read() as session:
        found = [e for e in session.scalars(select(MessageEvent).order_by(MessageEvent.id)) if kind in (None, e.type)]
        session.expunge_all()
    return found


def message(app: App, mail: Mail) -> Message:
    with app.db.read() as session:
        row = session.get_one(Message, mail.id)
        session.expunge_all()
    return row


def engaged_at(app: App, mail: Mail) -> datetime | None:
    with app.db.read() as session:
        return session.get_one(Customer, mail.customer_id).engaged_at


def standing(app: App, mail: Mail) -> str | None:
    with app.db.read() as session:
        return session.scalar(select(ConsentState.status).where(ConsentState.customer_id == mail.customer_id))


def ledger(app: App) -> list[tuple[str, str]]:
    with app.db.read() as session:
        return [(line.status, line.source) for line in session.scalars(select(Consent).order_by(Consent.id))]


def click(web: FlaskClient, mail: Mail, number: int = 1, query: dict[str, str] | None = None, **headers: str) -> Any:
    said = {"User-Agent": PERSON, **{k.replace("_", "-"): v for k, v in headers.items()}}
    answer = web.get(f"/c/{mail.token}/{number}", query_string=query, headers=said)
    _written(web)
    return answer


def _written(web: FlaskClient) -> None:
    """A redirect does not wait for a slow disk; a test that looks at the rows does."""
    writer = web.application.extensions["cartwheel.writer"]
    with suppress(NotAllowed, SQLAlchemyError, TooSlow):
        writer.submit(lambda _session: None).result(3)
