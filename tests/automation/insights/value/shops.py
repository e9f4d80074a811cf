"""Shops with buyers, and how their values are brought up to date."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Admin, Customer, CustomerScore, Order, Segment, Store
from automation.stages.summarise import summarise
from automation.upsert import table_of
from tests.conftest import NOW

DAY = timedelta(days=1)


def fill(session: Session, store: Store, buyers: int, now: datetime = NOW, seed: int = 3) -> None:
    """Customers who buy at a rate of their own until they leave, the last year long."""
    dice = random.Random(seed)
    people: list[dict[str, Any]] = []
    orders: list[dict[str, Any]] = []
    for number in range(1, buyers + 1):
        people.append(
            {
                "id": number,
                "public_id": f"b{number}",
                "store_id": store.id,
                "email": f"b{number}@example.com",
                "email_key": f"b{number}@example.com",
                "country": dice.choice(["DE", "AT"]),
                "source": {"channel": dice.choice(["search", "social"])},
                "created_at": now - 380 * DAY,
                "updated_at": now - 380 * DAY,
            }
        )
        rate, leaves = dice.gammavariate(0.8, 1 / 40), dice.betavariate(0.9, 2.5)
        usual = 2_000 + int(4_000 * dice.random())
        at = now - dice.uniform(5, 360) * DAY
        while at < now:
            amount = max(100, int(dice.gauss(usual, usual / 5)))
            orders.append(
                {"customer_id": number, "placed_at": at, "recorded_at": at, "subtotal": amount, "total": amount}
            )
            if dice.random() < leaves and orders[-1]["customer_id"] == (
                orders[-2]["customer_id"] if len(orders) > 1 else 0
            ):
                break
            at += dice.expovariate(max(rate, 1e-6)) * DAY + DAY
    session.execute(insert(table_of(Customer)), people)
    shared = {"store_id": store.id, "currency": "EUR", "discount": 0, "shipping": 0, "tax": 0, "refunded": 0}
    rows = [{"external_id": f"o{n}", **shared, **order} for n, order in enumerate(orders)]
    session.execute(insert(table_of(Order)), rows)


def settle(app: App, now: datetime = NOW, limit: int = 2_000) -> int:
    """Summarise until all is up to date; how many rows were looked at."""
    moved = 0
    while count := summarise(app, now, limit):
        moved += count
    return moved


def score_of(app: App, customer_id: int) -> CustomerScore:
    """What is stored of a customer."""
    with app.db.read() as session:
        return session.scalars(select(CustomerScore).where(CustomerScore.customer_id == customer_id)).one()


def admin(session: Session) -> int:
    """The id of somebody who may choose."""
    row = Admin(email="owner@example.com", name="Owner", role="owner", created_at=NOW)
    session.add(row)
    session.flush()
    return row.id


def segment(session: Session, store: Store, rule: dict[str, Any], name: str = "Some") -> Segment:
    """A saved segment."""
    row = Segment(store_id=store.id, name=name, rule=rule, created_at=NOW, updated_at=NOW)
    session.add(row)
    session.flush()
    return row
