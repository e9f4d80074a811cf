"""What the storefront snippet tells: reports a second that become events and carts, for visitors who are known.

Each report is a page of a product and a cart of two lines, as a browser sends them at once; they are heard in batches
of a hundred, which is what the door's writer makes of a busy second. What must not grow is the cost with the number
of customers and visitors there are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import event, func, select

from automation import storefront
from automation.app import App
from automation.clock import stopwatch
from automation.models import Cart, Customer, Event, Visitor
from automation.storefront import Heard, Report
from automation.upsert import table_of
from bench.rig import Figure, analyse, installation, lanes
from tests import make

BENCH = "storefront"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
AT_ONCE = 100


def measure(quick: bool) -> Iterator[Figure]:
    """Reports a second on a small and on a large store, and statements for a batch."""
    few, many = (1_000, 20_000) if quick else (1_000, 200_000)
    for lane in lanes():
        small, _ = _hear(lane, few)
        rate, statements = _hear(lane, many)
        note = f"{rate / small:.2f} times the rate at {few:,}"
        yield Figure(
            BENCH,
            f"reports heard, {many:,} visitors",
            lane,
            round(rate),
            "a second",
            "over half",
            rate > small / 2,
            note,
        )
        yield Figure(BENCH, f"statements for {AT_ONCE} reports", lane, statements, "")


def _hear(lane: str, visitors: int) -> tuple[float, float]:
    """Reports a second, and statements of a batch."""
    dice = random.Random(7)
    with installation(lane, secret_key="a key for benchmarks") as app:
        store_id = _store(app, visitors)
        analyse(app)
        batches = [
            [_report(store_id, dice.randrange(visitors), NOW + timedelta(seconds=n), dice) for _ in range(AT_ONCE)]
            for n in range(21)
        ]
        statements = 0

        def one(*_: object) -> None:
            nonlocal statements
            statements += 1

        with app.db.write() as session:
            storefront.hear(app, session, batches[0])  # what is made once
        event.listen(app.db.engine, "before_cursor_execute", one)
        start = stopwatch()
        for batch in batches[1:]:
            with app.db.write() as session:
                taken = storefront.hear(app, session, batch)
            assert sum(taken) == 2 * AT_ONCE
        span = stopwatch() - start
        event.remove(app.db.engine, "before_cursor_execute", one)
        with app.db.read() as session:
            kept = (session.scalar(select(func.count(Event.id))) or 0) + (
                session.scalar(select(func.count(Cart.id))) or 0
            )
        assert kept > AT_ONCE * 20
        return AT_ONCE * 20 / span, statements / 20


def _store(app: App, visitors: int) -> int:
    with app.db.write() as session:
        store = make.store(session, storefront={"is_on": True})
        for n in range(20):
            make.product(session, store, f"p{n}")
        at = NOW - timedelta(days=30)
        customers = [
            {
                "id": n + 1,
                "public_id": f"c{n}",
                "store_id": store.id,
                "email": f"c{n}@example.com",
                "email_key": f"c{n}@example.com",
                "created_at": at,
                "updated_at": at,
            }
            for n in range(visitors)
        ]
        seen = [{"store_id": store.id, "name": _name(n), "customer_id": n + 1, "known_at": at} for n in range(visitors)]
        for start in range(0, visitors, 5_000):
            defaults = {
                "tags": [],
                "attributes": {},
                "source": {},
                "first_name": "",
                "last_name": "",
                "phone": "",
                "notes": "",
            }
            rows = [{**defaults, **row} for row in customers[start : start + 5_000]]
            session.connection().execute(table_of(Customer).insert(), rows)
            session.connection().execute(table_of(Visitor).insert(), seen[start : start + 5_000])
        return store.id


def _name(number: int) -> str:
    return f"visitor-{number:012}"


def _report(store_id: int, number: int, at: datetime, dice: random.Random) -> Heard:
    wares = [f"p{n}" for n in dice.sample(range(20), 2)]
    told = [
        {"type": "product", "at": 10, "path": f"/products/{wares[0]}", "product_id": wares[0]},
        {
            "type": "cart",
            "at": 5,
            "path": "/cart",
            "cart_id": f"cart-{number}",
            "items": [{"product_id": ware, "quantity": 1} for ware in wares],
        },
    ]
    report = Report.model_validate({"visitor": _name(number), "events": told})
    return Heard(store_id, report, True, at)
