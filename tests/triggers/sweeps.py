"""What tests of triggers share: a campaign of a kind, and who is in it after a sweep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import TurnableClock
from automation.models import Campaign, Customer, Enrolment, Store
from automation.stages.enrol import enrol
from tests import make


def campaign(app: App, session: Session, store: Store, kind: str, **settings: Any) -> Campaign:
    """A live campaign with a trigger of a kind, published thirty days ago."""
    recipe = "newsletter" if kind in ("newsletter", "feed_published") else "cart_abandoned"
    changes = {"trigger": {"kind": kind, "settings": settings}, "cooldown_days": 0, "mail_class": "reminder"}
    return make.campaign(app, session, store, recipe, **changes)


def sweep(app: App) -> list[tuple[str, str]]:
    """Whom one sweep enrols, with the keys, by name."""
    enrol(app, app.clock(), 10_000)
    return entered(app)


def entered(app: App) -> list[tuple[str, str]]:
    """Everybody who was ever enrolled: (first name, key), sorted."""
    with app.db.read() as session:
        rows = session.execute(
            select(Customer.first_name, Enrolment.key).join(Enrolment, Enrolment.customer_id == Customer.id)
        )
        return sorted((row.first_name, row.key) for row in rows)


def due_at(app: App) -> dict[str, datetime]:
    """When each enrolled customer's flow begins."""
    with app.db.read() as session:
        rows = session.execute(
            select(Customer.first_name, Enrolment.due_at).join(Enrolment, Enrolment.customer_id == Customer.id)
        )
        return {row.first_name: row.due_at for row in rows}


def live(app: App, clock: TurnableClock, until: datetime, step: timedelta) -> None:
    """Let the worker sweep every `step` until a moment."""
    while clock() < until:
        clock.turn(min(step, until - clock()))
        enrol(app, clock(), 10_000)
