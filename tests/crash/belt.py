"""A fourth store, on which the whole belt runs: from a shop's webhook to the mail, the code, the points and the hook.

Every visitor must have had everything once, whoever died in between.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from automation import bulk
from automation.actions import connections, imports, loyalty, offers
from automation.app import App
from automation.loyalty.programme import Programme
from automation.models import (
    Connection,
    CustomerRhythm,
    Enrolment,
    Feed,
    FeedItem,
    Import,
    InboundWebhook,
    Message,
    MessageEvent,
    Order,
    OutboundWebhook,
    Store,
)
from automation.offers.terms import Terms
from automation.queue.beat import STAGES
from automation.security import random_id
from automation.stages.post import LEASE
from tests import make
from tests.conftest import NOW
from tests.crash.stall import Stall, StallSettings

OWNER = {"stock": "issue"}
"""Points that are named for a part of a stage, and the stage."""
SENDING = frozenset({"claim", "submit", "journal", "settling", "ladder", "replay", "recover", "deliver"})
"""Points that delivering alone comes by."""
LIMIT = 12
"""Rows per call of a stage."""


def stage_of(point: str) -> str:
    """The stage that a point belongs to."""
    part = point.partition(".")[0]
    return "deliver" if part in SENDING else OWNER.get(part, part)


def walk(first: str = "") -> Callable[[App, datetime, int], int]:
    """One round of the belt as if it were one stage; `first` goes before the others."""
    names = sorted(STAGES, key=lambda name: name != first)

    def belt(app: App, now: datetime, limit: int) -> int:
        return sum(STAGES[name](app, now if name == names[0] else app.clock(), limit) for name in names)

    return belt


def equip(app: App, url: str) -> App:
    """The App with the fake shop, and with a way to the fake world for outgoing webhooks."""

    def outside() -> httpx.Client:
        return httpx.Client(transport=_Detour(url), timeout=1, trust_env=False)

    return replace(app, platforms={**app.platforms, "stall": Stall}, outside=outside)


class _Detour(httpx.BaseTransport):
    """Whatever the address, the fake world answers: hooks are posted, feeds are fetched."""

    def __init__(self, url: str) -> None:
        self._urls = {"POST": httpx.URL(url + "/h/hook"), "GET": httpx.URL(url + "/f/feed")}
        self._inner = httpx.HTTPTransport(verify=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = self._urls[request.method]
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def furnish(app: App, url: str) -> None:
    """The store with its shop, provider, offer, programme and campaigns."""
    now = app.clock()
    policy = {"quiet_from": "00:00", "quiet_until": "00:00", "complaint_least": 5}
    with app.db.write() as session:
        store = make.store(session, name="belt", policy=policy)
        make.connection(app, session, store, "provider", "keyed", now, url=url)
        shop = connections.add(
            app,
            session,
            store_id=store.id,
            role="platform",
            kind="stall",
            name="Stall",
            settings=StallSettings(url=url),
            now=now,
        )
        terms = Terms.model_validate(
            {
                "name": "ten",
                "label": "10 % off",
                "supply": "shop",
                "keep_ahead": 30,
                "low_stock": 5,
                "guard": {"most": 0},
            }
        )
        offers.save(app, session, store.id, terms, now, connection=shop)
        loyalty.save_programme(session, store.id, Programme(is_on=True, expire_days=0), NOW)
        make.template(session, store).names = ["customer", "offer"]
        make.campaign(app, session, store, **_definition("began"), cooldown_days=0)
        _annoy(app, session, store, now)
        times = dict.fromkeys(("due_at", "created_at", "updated_at"), now)
        address = "https://blog.example.com/feed"
        feed = Feed(public_id=random_id(), store_id=store.id, code="blog", title="Blog", url=address, **times)
        feed.every_minutes = 2
        session.add(feed)


def _definition(event: str) -> dict[str, Any]:
    flow = [
        {"id": "code", "kind": "offer", "settings": {"offer": "ten"}, "branches": {}},
        {"id": "gift", "kind": "points", "settings": {"points": 100}, "branches": {}},
        {"id": "hook", "kind": "webhook", "settings": {"url": "https://crm.example.com/in"}, "branches": {}},
        {"id": "mail", "kind": "mail", "settings": {"template": "cart_reminder_1"}, "branches": {}},
    ]
    return {"trigger": {"kind": "event_happened", "settings": {"event": event}}, "flow": flow}


def _annoy(app: App, session: Session, store: Store, now: datetime) -> None:
    """A second campaign, all of whose mails were called spam: watching must pause it once."""
    row = make.campaign(app, session, store, **_definition("never"))
    row.name = "annoying"
    for n in range(20):
        who = make.customer(session, store, f"annoyed-{n}")
        times = dict.fromkeys(("created_at", "accepted_at", "complained_at"), now)
        mail = make.message(
            session, who, campaign_id=row.id, version_id=row.live_version_id, state="complained", is_test=False, **times
        )
        session.add(
            MessageEvent(message_id=mail.id, type="complaint", at=now, external_id=f"annoyed-{n}", recorded_at=now)
        )


def let_come(app: App, rng: random.Random, count: int) -> None:
    """So many visitors, of half of whom the webhook names only the number."""
    now = app.clock()
    with app.db.write() as session:
        waiting = select(func.count()).where(InboundWebhook.state.in_(("received", "bare")))
        if (session.scalar(waiting) or 0) > 4 * count:
            return
        shop = session.scalars(select(Connection.id).where(Connection.kind == "stall")).one()
        known = session.scalar(select(func.count()).select_from(InboundWebhook)) or 0
        bulk.insert(session, InboundWebhook, [_webhook(shop, known + n, now, rng) for n in range(count)])


FILE = 40
"""Rows of each file that is handed in; every tenth has no address."""


def hand_in(app: App) -> None:
    """A file of customers, unless the one before is still being taken in."""
    now = app.clock()
    with app.db.write() as session:
        going = select(Import.id).where(Import.state == "running").limit(1)
        if session.scalar(going) is not None:
            return
        number = session.scalar(select(func.count()).select_from(Import)) or 0
        rows = [f"file-{number}-{n}{'' if n % 10 == 0 else '@example.com'},F{n}" for n in range(FILE)]
        store = session.scalars(select(Store.id).where(Store.name == "belt")).one()
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write("email,first_name\n" + "\n".join(rows) + "\n")
            file.flush()
            made = imports.upload(
                app, session, store_id=store, kind="customers", path=Path(file.name), filename="people.csv", now=now
            )
        imports.start(session, made, now)


def _webhook(shop: int, number: int, now: datetime, rng: random.Random) -> dict[str, Any]:
    return {
        "connection_id": shop,
        "delivery_id": f"d{number}",
        "topic": "visit",
        "body": orjson.dumps({"number": number, "at": now.isoformat()}),
        "state": rng.choice(("received", "bare")),
        "received_at": now,
    }


def hurry(session: Session, now: datetime) -> None:
    """Outgoing webhooks whose next try is far off are due, and so are files whose reader may have died."""
    later = (OutboundWebhook.state == "waiting") & (OutboundWebhook.due_at > now + 2 * LEASE)
    session.execute(update(OutboundWebhook).where(later).values(due_at=now))
    # A claim is broken off while its holder may live: whoever lost it must not write.
    session.execute(update(Import).where(Import.state == "running", Import.due_at > now).values(due_at=now))


def is_busy(app: App, truth: Path) -> bool:
    """Whether the belt has anything left to do."""
    waiting = (
        select(InboundWebhook.id).where(InboundWebhook.state.in_(("received", "bare"))),
        select(OutboundWebhook.id).where(OutboundWebhook.state == "waiting"),
        select(Order.id).where(Order.is_unsettled),
        select(CustomerRhythm.customer_id).where(CustomerRhythm.is_stale),
        select(Enrolment.id).where(Enrolment.state == "active"),
        select(Message.id).where(Message.state == "draft"),
        select(Import.id).where(Import.state == "running"),
    )
    with app.db.read() as session:
        if any(session.execute(one.limit(1)).first() for one in waiting):
            return True
        pulled = session.scalar(select(func.count()).where(Order.external_id.startswith("walk")))
        posts = session.scalar(select(func.count()).select_from(FeedItem))
    return (pulled, posts) != (len(told(truth, "w")), len(told(truth, "p")))


def told(truth: Path, what: str) -> list[list[str]]:
    """Lines of the truth of one kind."""
    lines = (line.split() for line in truth.read_text().splitlines())
    return [line for line in lines if line[0] == what]
