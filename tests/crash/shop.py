"""The installation under test: three stores, one for each class of provider, and ever more messages."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App, build
from automation.clock import real_time
from automation.connections import connect
from automation.models import (
    Consent,
    ConsentState,
    Customer,
    Message,
    Record,
    Store,
    Suppression,
    Template,
    TemplateVersion,
)
from automation.security import random_id
from automation.settings import Settings
from tests.crash.adapters import KINDS, TIMEOUT
from tests.fakes import PlainRenderer

SPEED = 240
"""The installation's clock runs so much faster than the machine's: its minutes of waiting are seconds here."""
LEASE = 1.2
SETTLE = 1.6
"""Seconds of the machine: more than sending may take, acceptance may be late and look-ups may lag, together."""
TICK = 0.15
"""Seconds of the machine between two ticks of the distributed shape's clock."""
SPARE = 4
"""HTTP clients that every worker finds ready made."""
START = datetime(2026, 1, 1, tzinfo=UTC)


def quick_time() -> datetime:
    """The machine's time, faster."""
    return START + (real_time() - START) * SPEED


def put_together(folder: Path, database_url: str | None, broker_url: str | None = None, slack: float = 1.0) -> App:
    """The App of the campaign. With `slack`, leases hold so many times longer: for a machine that is busy."""
    settings = Settings(
        data=folder,
        database_url=database_url,
        secret_key="a key of the crash campaign",
        base_url="https://mail.example.com",
        lease_seconds=LEASE * SPEED * slack,
        settle_seconds=SETTLE * SPEED,
        tick_seconds=TICK,
        broker_url=broker_url,
    )
    ready = [_client(slack) for _ in range(SPARE)]
    # Clients are made once, before there are any workers: each fork has them for the taking.
    app = build(settings, clock=quick_time, http=lambda: ready.pop() if ready else _client(slack))
    app.renderer.close()
    return replace(app, providers=KINDS, renderer=PlainRenderer(0))


def _client(slack: float) -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT * min(slack, 2), trust_env=False, verify=False)  # noqa: S501  plain HTTP to this machine


def furnish(app: App, url: str) -> None:
    """Make the tables, three stores with their providers, and a template."""
    Record.metadata.drop_all(app.db.engine)
    Record.metadata.create_all(app.db.engine)
    now = app.clock()
    with app.db.write() as session:
        for kind in KINDS:
            store = Store(public_id=random_id(), name=kind, sender_email=f"shop@{kind}.example.com", created_at=now)
            session.add(store)
            session.flush()
            connect(
                app, session, store_id=store.id, role="provider", kind=kind, name=kind, settings={"url": url}, now=now
            )
            template = Template(
                public_id=random_id(), store_id=store.id, name="news", title="News", created_at=now, updated_at=now
            )
            session.add(template)
            session.flush()
            session.add(
                TemplateVersion(
                    template_id=template.id,
                    number=1,
                    subject="News",
                    mjml="",
                    html="Hello",
                    text="Hello",
                    links=[],
                    names=["customer"],
                    created_at=now,
                )
            )


def stock_up(session: Session, rng: random.Random, count: int, now: datetime) -> None:
    """`count` new customers with a ready message each, over all stores.

    One in fifty has an address that the provider refuses, and the whole batch with it; some mails are transactional.
    """
    stores = list(session.scalars(select(Store.id).where(Store.name.in_(KINDS)).order_by(Store.id)))
    found = select(Template.store_id, TemplateVersion.id).join(
        TemplateVersion, Template.id == TemplateVersion.template_id
    )
    versions = {row.store_id: row.id for row in session.execute(found)}
    people = []
    for n in range(count):
        public_id = random_id()
        email = f"{'refuse-' if rng.random() < 0.02 else ''}{public_id}@example.com"
        people.append(
            {
                "public_id": public_id,
                "store_id": stores[n % len(stores)],
                "email": email,
                "email_key": email,
                "first_name": public_id[:6],
                "created_at": now,
                "updated_at": now,
            }
        )
    rows = bulk.insert(session, Customer, people, returning=[Customer.id, Customer.store_id])
    granted = {"topic": "marketing", "status": "granted", "at": now}
    lines = bulk.insert(
        session,
        Consent,
        [{"customer_id": r.id, "store_id": r.store_id, "source": "form", "recorded_at": now, **granted} for r in rows],
        returning=[Consent.id, Consent.customer_id, Consent.store_id],
    )
    bulk.insert(
        session,
        ConsentState,
        [{"customer_id": r.customer_id, "store_id": r.store_id, "consent_id": r.id, **granted} for r in lines],
    )
    bulk.insert(session, Message, [_message(r.id, r.store_id, versions[r.store_id], rng, now) for r in rows])


def _message(customer_id: int, store_id: int, version_id: int, rng: random.Random, now: datetime) -> dict[str, Any]:
    mail_class, rank = ("transactional", 0) if rng.random() < 0.06 else ("promotional", 3)
    return {
        "public_id": random_id(),
        "store_id": store_id,
        "customer_id": customer_id,
        "template_version_id": version_id,
        "mail_class": mail_class,
        "rank": rank,
        "state": "ready",
        "due_at": now,
        "created_at": now,
    }


def count_ready(session: Session) -> int:
    """How much there is to do."""
    ready = select(func.count()).select_from(Message).where(Message.state.in_(("ready", "retry")))
    return int(session.scalar(ready) or 0)


def suppress_some(session: Session, rng: random.Random, count: int, now: datetime) -> list[int]:
    """Suppress recipients of messages that are on their way; answers the messages' ids."""
    rows = session.execute(
        select(Message.id, Message.store_id, Customer.email_key)
        .join(Customer, Customer.id == Message.customer_id)
        .join(Store, Store.id == Message.store_id)
        .where(Store.name.in_(KINDS), Message.state.in_(("ready", "retry", "claimed", "submitting", "unknown")))
        .order_by(Message.id.desc())
        .limit(200)
    ).all()
    chosen = rng.sample(rows, min(count, len(rows)))
    bulk.insert(
        session,
        Suppression,
        [{"store_id": r.store_id, "email_key": r.email_key, "reason": "manual", "at": now} for r in chosen],
        skip=True,
    )
    return [r.id for r in chosen]


def lose_some(session: Session, now: datetime) -> None:
    """As if a worker had died with a claimed message in its hands."""
    one = select(Message.id).where(Message.state == "ready").order_by(Message.id).limit(1).scalar_subquery()
    session.execute(update(Message).where(Message.id == one).values(state="claimed", lease_until=now))
