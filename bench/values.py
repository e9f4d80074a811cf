"""Values and scores: what a day costs in a shop of a million customers and ten million events.

A third of the customers bought, 1.8 times on average; each has ten events, spread over a year. First everybody is
worked out once, which happens after an import. Then a day passes: its share of the orders and the events comes in, and
whoever has grown old is worked out again: on that day more than on any other, for all were worked out at once.
Measured is the whole summarise stage in one process. `--quick` takes a tenth of all, and of the target.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import stopwatch
from automation.insights.value import checking
from automation.models import Cursor, Customer, CustomerScore, Event, Order, Store, ValueModel
from automation.stages.summarise import summarise
from automation.upsert import table_of
from bench.rig import Figure, analyse, cpu_seconds, installation, lanes

BENCH = "values"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FULL = 1_000_000
LIMIT = 500
"""As the beat calls the stage."""
_EVENTS, _ORDERS = 10, 0.6
"""Of a customer, in a year."""


def measure(quick: bool) -> Iterator[Figure]:
    """All figures."""
    people = FULL // 10 if quick else FULL
    for lane in lanes():
        yield from _one(lane, people)


def _one(lane: str, people: int) -> Iterator[Figure]:
    dice = random.Random(7)
    with installation(lane) as app:
        _fill(app, dice, people)
        analyse(app)
        first = _settle(app, NOW)
        yield Figure(BENCH, f"everybody once, {people:,} customers", lane, first * 1e6 / people, "µs each")
        analyse(app)
        before = NOW + 84 * timedelta(hours=1)
        _settle(app, before)
        at = before + DAY
        with app.db.write() as session:
            _events(session, dice, people, people * _EVENTS // 365, at - DAY / 2, DAY / 2)
            _orders(session, dice, people, int(people * _ORDERS / 365), at - DAY / 2, DAY / 2)
        used = cpu_seconds()
        spent = _settle(app, at)
        used = cpu_seconds() - used
        with app.db.read() as session:
            scored = session.scalar(select(func.count()).where(CustomerScore.scored_at == at)) or 0
            method = session.scalar(select(ValueModel.method).order_by(ValueModel.id.desc()).limit(1))
        target = 60 * people / FULL
        note = f"{used:.1f} s of one processor; {scored:,} worked out, by {method}; {people * _EVENTS:,} events in all"
        yield Figure(
            BENCH, f"a day, {people:,} customers", lane, spent, "s", f"{target:g} s", spent < target, note
        )  # fmt: skip
        with app.db.write() as session:
            session.get_one(Cursor, checking.NIGHTLY.progress).position = 0
        start, looked = stopwatch(), 0
        for _ in range(20):
            looked += checking.check(app, at)
        yield Figure(BENCH, "nightly check", lane, (stopwatch() - start) * 1e6 / max(looked, 1), "µs each")


def _settle(app: App, now: datetime) -> float:
    start = stopwatch()
    while summarise(app, now, LIMIT):
        pass
    return stopwatch() - start


def _fill(app: App, dice: random.Random, people: int) -> None:
    at = NOW - 366 * DAY
    with app.db.write() as session:
        session.add(Store(public_id="s", name="S", url="https://x.example", sender_name="S", sender_email="s@x.example",
                          postal_address="X", currency="EUR", timezone="UTC", created_at=at))  # fmt: skip
        session.flush()
        _insert(session, Customer, ({"id": i, "public_id": f"c{i}", "store_id": 1, "email": f"{i}@x.example",
                                     "email_key": f"{i}@x.example", "created_at": at, "updated_at": at}
                                    for i in range(1, people + 1)))  # fmt: skip
        _events(session, dice, people, people * _EVENTS, NOW, 365 * DAY)
        _orders(session, dice, people, int(people * _ORDERS), NOW, 365 * DAY)


def _events(session: Session, dice: random.Random, people: int, n: int, until: datetime, span: timedelta) -> None:
    instants = (until - span * dice.random() for _ in range(n))
    rows = ({"store_id": 1, "customer_id": dice.randint(1, people), "name": "product.viewed", "at": at,
             "properties": {}, "recorded_at": at} for at in instants)  # fmt: skip
    _insert(session, Event, rows)


def _orders(session: Session, dice: random.Random, people: int, n: int, until: datetime, span: timedelta) -> None:
    instants = (until - span * dice.random() for _ in range(n))
    first = session.scalar(select(func.coalesce(func.max(Order.id), 0))) or 0
    rows = ({"store_id": 1, "customer_id": dice.randint(1, people // 3), "external_id": f"o{first + i}",
             "currency": "EUR", "subtotal": 1, "discount": 0, "shipping": 0, "tax": 0,
             "total": 0, "placed_at": at, "recorded_at": at}
            for i, at in enumerate(instants))  # fmt: skip
    # Each spends about an amount of their own, else there is nothing to fit.
    _insert(session, Order, (_paid(dice, row) for row in rows))


def _paid(dice: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    usual = 1_000 + row["customer_id"] * 7_919 % 8_000
    return {**row, "total": int(usual * dice.lognormvariate(0, 0.4)) + 1}


def _insert(session: Session, model: type[Any], rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == 20_000:
            session.connection().execute(insert(table_of(model)), batch)
            batch = []
    if batch:
        session.connection().execute(insert(table_of(model)), batch)
