"""Loads the demo shop: a real year of orders that ends now, carts left in the last hours, and live campaigns.

Loading goes part by part. Each part writes its rows and its name into the job's row in one transaction, so that a
load that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.connections import connect
from automation.demo import campaigns, carts, history, past
from automation.demo.keys import allow_storefront
from automation.demo.past import Past
from automation.models import Connection, Job, Store
from automation.security import random_id

Progress = Callable[[float, str], None]
"""Called with how much is done, 0 to 1, and a sentence."""

KIND = "demo_load"
SHOP_DOMAIN = "wren-and-thistle.myshopify.example"
BRAND = {"accent": "#2f5d50", "accent_text": "#ffffff", "background": "#f6f3ee"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What every part of the load is given."""

    app: App
    now: datetime
    """When the load began; the same after an interruption."""
    past: Past


def shop_of(session: Session) -> tuple[Store, Connection] | None:
    """The demo's store and its shop connection, or None before it is loaded."""
    store = session.scalars(select(Store).where(Store.is_demo).order_by(Store.id)).first()
    if store is None:
        return None
    connection = session.scalars(
        select(Connection).where(Connection.store_id == store.id, Connection.kind == "shopify")
    ).one()
    return store, connection


def is_loaded(app: App) -> bool:
    """Whether the demo shop is complete."""
    with app.db.read() as session:
        return session.scalars(select(Job.id).where(Job.kind == KIND, Job.state == "done")).first() is not None


def load(app: App, now: datetime, progress: Progress, *, customers: int | None = None) -> None:
    """Load the demo shop, or what is missing of it. `customers` keeps only so many, for tests."""
    job_id, began_at = _job(app, now)
    progress(0.02, "reading the data")
    scene = Scene(app, began_at, past.read(began_at, customers=customers))
    for index, (name, part) in enumerate(PARTS.items()):
        with app.db.write() as session:
            job = session.get_one(Job, job_id)
            done = list(job.arguments["done"])
            if name not in done:
                said = part(session, scene)
                job.arguments = {**job.arguments, "done": [*done, name]}
                job.progress = (index + 1) / len(PARTS)
                job.message = said
                job.state = "done" if index + 1 == len(PARTS) else "running"
                job.updated_at = app.clock()
            said = job.message
        progress((index + 1) / len(PARTS), said)


def _job(app: App, now: datetime) -> tuple[int, datetime]:
    with app.db.write() as session:
        job = session.scalars(select(Job).where(Job.kind == KIND)).first()
        if job is None:
            job = Job(kind=KIND, state="running", arguments={"began_at": now.isoformat(), "done": []})
            job.created_at = job.updated_at = now
            session.add(job)
            session.flush()
        return job.id, datetime.fromisoformat(job.arguments["began_at"])


def _store(session: Session, scene: Scene) -> str:
    app, now = scene.app, scene.now
    store = Store(
        public_id=random_id(),
        name="Wren & Thistle",
        url=f"{app.settings.public_url}/demo/",
        sender_name="Wren & Thistle",
        sender_email="hello@wren-and-thistle.example.com",
        reply_to="hello@wren-and-thistle.example.com",
        postal_address="Wren & Thistle, 12 Lantern Yard, Bristol BS1 4XY, United Kingdom",
        currency="GBP",
        timezone=str(past.ZONE),
        locale="en-GB",
        country="GB",
        brand=BRAND,
        is_demo=True,
        created_at=min((p.placed_at for p in scene.past.purchases), default=now),
    )
    session.add(store)
    session.flush()
    shopify = {"shop_domain": SHOP_DOMAIN, "secret": secrets.token_hex(32)}
    for role, kind, name, settings in (
        ("platform", "shopify", "Wren & Thistle’s shop", shopify),
        ("platform", "api", "Storefront and own systems", {}),
        ("provider", "mailbox", "Built-in mailbox", {}),
    ):
        connect(app, session, store_id=store.id, role=role, kind=kind, name=name, settings=settings, now=now)
    allow_storefront(app, session, store.id, now)
    return "a store with its connections"


def _known(session: Session) -> tuple[Store, Connection]:
    found = shop_of(session)
    assert found is not None
    return found


def _products(session: Session, scene: Scene) -> str:
    store, _ = _known(session)
    count = history.add_products(session, store, scene.past, scene.app.settings.public_url, scene.now)
    return f"{count:,} products"


def _customers(session: Session, scene: Scene) -> str:
    count = history.add_customers(session, *_known(session), scene.past, scene.now)
    return f"{count:,} customers"


def _orders(session: Session, scene: Scene) -> str:
    count = history.add_orders(session, *_known(session), scene.past, scene.now)
    return f"{count:,} orders"


def _carts(session: Session, scene: Scene) -> str:
    store, _ = _known(session)
    count = carts.leave(session, store, scene.app.settings.public_url, scene.now)
    return f"{count:,} carts that were just left"


def _campaigns(session: Session, scene: Scene) -> str:
    store, _ = _known(session)
    names = campaigns.start(scene.app, session, store, scene.now)
    return f"live campaigns: {', '.join(names)}"


PARTS: dict[str, Callable[[Session, Scene], str]] = {
    "store": _store,
    "products": _products,
    "customers": _customers,
    "orders": _orders,
    "carts": _carts,
    "campaigns": _campaigns,
}
