"""Key figures and attribution: what an order costs to trace and credit, and what a month's figures cost.

Both are measured on a small shop and on a large one with the same month: neither may grow with the shop, since an
order looks at its own customer and a period's figures at the period's rows and its buyers' orders.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import stopwatch
from automation.insights.periods import latest
from automation.insights.report import Asked, report
from automation.models import Customer, Message, MessageEvent, Order, Store, Template, TemplateVersion
from automation.models.record import Record
from automation.stages.attribute import attribute
from automation.upsert import table_of
from bench.rig import Figure, analyse, installation, lanes

BENCH = "figures"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MONTH = 2_000
"""Orders, and as many mails, of the last month, in the small shop and in the large one."""


def measure(quick: bool) -> Iterator[Figure]:
    """All figures."""
    sizes = (5_000, 50_000) if quick else (10_000, 500_000)
    for lane in lanes():
        small, large = (_costs(lane, size) for size in sizes)
        for name in ("attribute an order", "a month's key figures", "a month by channel"):
            ratio = large[name] / small[name]
            note = f"{ratio:.1f}x the cost at {sizes[0]:,} customers"
            yield Figure(
                BENCH, f"{name}, {sizes[1]:,} customers", lane, large[name], "ms", "under 3x", ratio < 3, note
            )  # fmt: skip


def _costs(lane: str, people: int) -> dict[str, float]:
    dice = random.Random(7)
    with installation(lane) as app:
        with app.db.write() as session:
            _people(session, people)
            old = [NOW - timedelta(days=31 + 900 * dice.random()) for _ in range(people * 2)]
            new = [NOW - timedelta(days=29 * dice.random()) for _ in range(MONTH)]
            _trade(session, dice, people, old, new)
        analyse(app)
        start, traced = stopwatch(), 0
        while moved := attribute(app, NOW, 1000):
            traced += moved
        spent = stopwatch() - start
        assert traced >= MONTH
        return {"attribute an order": 1000 * spent / MONTH, **_questions(app)}


def _questions(app: App) -> dict[str, float]:
    found = {}
    for name, by in (("a month's key figures", "store"), ("a month by channel", "channel")):
        asked = Asked(1, "EUR", latest(30, NOW, ZoneInfo("UTC")), NOW, options={"by": by})
        with app.db.read() as session:
            report("kpis").table(session, asked)
            start = stopwatch()
            report("kpis").table(session, asked)
            found[name] = 1000 * (stopwatch() - start)
    return found


def _people(session: Session, people: int) -> None:
    at = NOW - timedelta(days=1000)
    session.add(Store(id=1, public_id="s", name="S", currency="EUR", timezone="UTC", created_at=at))
    session.add(Template(id=1, public_id="t", store_id=1, name="m", title="M", created_at=at, updated_at=at))
    session.flush()
    mail = {"subject": "", "mjml": "", "html": "", "text": "", "links": [], "names": []}
    session.add(TemplateVersion(id=1, template_id=1, number=1, created_at=at, **mail))
    session.flush()
    _insert(
        session,
        Customer,
        [
            {"id": i, "public_id": f"c{i}", "store_id": 1, "created_at": at, "updated_at": at}
            for i in range(1, people + 1)
        ],
    )


def _trade(session: Session, dice: random.Random, people: int, old: list[datetime], new: list[datetime]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("subtotal", "discount", "shipping", "tax"), 0)
    orders: list[dict[str, Any]] = []
    for n, at in enumerate([*old, *new], 1):
        order: dict[str, Any] = {"id": n, "store_id": 1, "customer_id": dice.randint(1, people), "external_id": str(n)}
        orders.append({**order, **nothing, "currency": "EUR", "total": 1000, "placed_at": at, "recorded_at": at})
    _insert(session, Order, orders)
    session.execute(update(Order).where(Order.id <= len(old)).values(is_untraced=False))
    mails, hits = [], []
    for n, bought in enumerate(orders[len(old) :], 1):
        clicked_at: datetime = bought["placed_at"] - timedelta(days=7 * dice.random())
        shared = {"store_id": 1, "template_version_id": 1, "mail_class": "promotional", "rank": 3, "state": "delivered"}
        times = dict.fromkeys(("due_at", "created_at", "accepted_at", "clicked_at"), clicked_at)
        mails.append({"id": n, "public_id": f"m{n}", "customer_id": bought["customer_id"], **shared, **times})
        hits.append(
            {"message_id": n, "type": "click", "at": clicked_at, "external_id": str(n), "recorded_at": clicked_at}
        )
    _insert(session, Message, mails)
    _insert(session, MessageEvent, hits)
    assert session.scalar(select(Message.id).limit(1))


def _insert(session: Session, model: type[Record], rows: list[dict[str, Any]]) -> None:
    session.connection().execute(insert(table_of(model)), rows)
