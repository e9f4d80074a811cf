"""The journey map: what one changed customer costs on a small shop and on a large one. The two must be alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import stopwatch
from automation.insights.journey import moving, ready
from automation.models import Customer, JourneyStage, JourneyStay, Order, Store
from automation.security import random_id
from automation.upsert import table_of
from bench.rig import Figure, analyse, installation, lanes

BENCH = "journey"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
_CHANGED = 2_000
_ORDERED = 5
"""Every so manyth customer has an order."""


def measure(quick: bool) -> Iterator[Figure]:
    """The cost of a changed customer on both databases."""
    sizes = (2_000, 50_000) if quick else (2_000, 500_000)
    for lane in lanes():
        small, large = (_cost(lane, size) for size in sizes)
        note = f"{large / small:.1f}x the cost at {sizes[0]:,} customers"
        name = f"place a changed customer, {sizes[1]:,} customers"
        yield Figure(BENCH, name, lane, large, "ms", "under 3x", large / small < 3, note)


def _cost(lane: str, size: int) -> float:
    with installation(lane) as app:
        store_id = _fill(app, size)
        for name in moving.SOURCES:
            moving.follow(app, name, NOW, moving.MOST)
        with app.db.write() as session:
            ids = session.scalars(select(Customer.id).order_by(Customer.id).limit(_CHANGED)).all()
            _order(session, store_id, list(ids), "new", NOW)
        began, moved = stopwatch(), 0
        while step := moving.follow(app, "journey:orders", NOW, moving.MOST):
            moved += step
        return 1000 * (stopwatch() - began) / moved


def _fill(app: App, size: int) -> int:
    with app.db.write() as session:
        store = Store(
            public_id=random_id(), name="Bench", currency="EUR", timezone="UTC", url="https://a.example", created_at=NOW
        )
        session.add(store)
        session.flush()
        ready.begin(session, store, NOW)
        stage = session.scalars(select(JourneyStage.id).order_by(JourneyStage.position).limit(1)).one()
        for start in range(0, size, 10_000):
            rows = [
                {"public_id": random_id(), "store_id": store.id, "created_at": NOW, "updated_at": NOW}
                for _ in range(start, min(size, start + 10_000))
            ]
            ids = session.scalars(insert(Customer).returning(Customer.id), rows).all()
            stays = [{"store_id": store.id, "customer_id": i, "stage_id": stage, "entered_at": NOW} for i in ids]
            session.execute(insert(table_of(JourneyStay)), [{**row, "step": 0} for row in stays])
            _order(session, store.id, [i for i in ids if i % _ORDERED == 0], "old", NOW - timedelta(days=40))
        found = store.id
    analyse(app)
    return found


def _order(session: Session, store_id: int, ids: list[int], mark: str, at: datetime) -> None:
    amounts = dict.fromkeys(("subtotal", "discount", "shipping", "tax", "total"), 1000)
    same = {"store_id": store_id, "currency": "EUR", "placed_at": at, "recorded_at": at, **amounts}
    session.execute(insert(Order), [{**same, "customer_id": i, "external_id": f"{mark}{i}"} for i in ids])
