"""Ninety days of a real shop: a year of the Online Retail data, where it is there."""

from __future__ import annotations

import csv
import gzip
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from automation.app import App
from automation.backtest import backtest
from automation.models import Campaign, Cart, Consent, Customer, Order
from tests import make

DATA = Path("/work/shared/data/online_retail.csv.gz")
UNTIL = datetime(2011, 12, 9, 12, tzinfo=UTC)
KINDS: list[dict[str, Any]] = [
    {"kind": "cart_abandoned"},
    {"kind": "order_placed", "settings": {"after_hours": 24, "which": "later"}},
    {"kind": "win_back", "settings": {"by": "days", "days": 60}},
    {"kind": "newsletter", "settings": {"schedule": {"every": "week", "weekdays": ["tue"]}, "local_time": True}},
]


def load(app: App) -> int:
    """Every order of the data with its customer, and for each third order a cart that was left a day before."""
    orders: dict[str, tuple[int, datetime, float]] = {}
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["CustomerID"] and not row["InvoiceNo"].startswith("C"):
                worth = int(row["Quantity"]) * float(row["UnitPrice"])
                who, at, total = orders.get(
                    row["InvoiceNo"],
                    (
                        int(float(row["CustomerID"])),
                        datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC),
                        0.0,
                    ),
                )
                orders[row["InvoiceNo"]] = who, at, total + worth
    first: dict[int, datetime] = {}
    for who, at, _ in orders.values():
        first[who] = min(at, first.get(who, at))
    with app.db.write() as session:
        store = make.store(session, created_at=min(first.values()), timezone="Europe/London")
        people = [
            {
                "id": who,
                "public_id": f"c{who}",
                "store_id": store.id,
                "email": f"{who}@example.com",
                "email_key": f"{who}@example.com",
                "created_at": at,
                "updated_at": at,
            }
            for who, at in first.items()
        ]
        session.execute(insert(Customer), people)
        said = {"store_id": store.id, "topic": "marketing", "status": "granted", "source": "form"}
        session.execute(
            insert(Consent), [{**said, "customer_id": who, "at": at, "recorded_at": at} for who, at in first.items()]
        )
        money = {"currency": "GBP", "subtotal": 0, "discount": 0, "shipping": 0, "tax": 0}
        session.execute(
            insert(Order),
            [
                {
                    **money,
                    "store_id": store.id,
                    "customer_id": who,
                    "external_id": number,
                    "total": round(total * 100),
                    "placed_at": at,
                    "recorded_at": at,
                }
                for number, (who, at, total) in orders.items()
            ],
        )
        session.execute(
            insert(Cart),
            [
                {
                    "store_id": store.id,
                    "customer_id": who,
                    "external_id": f"cart{number}",
                    "currency": "GBP",
                    "total": round(total * 100),
                    "item_count": 1,
                    "created_at": at,
                    "last_activity_at": at - timedelta(hours=int(number) % 40),
                }
                for number, (who, at, total) in orders.items()
                if int(number) % 3 == 0
            ],
        )
        return store.id


@pytest.mark.skipif(not DATA.exists(), reason="the Online Retail data is not on this machine")
def test_ninety_days_of_a_real_shop_take_less_than_ten_seconds_each(app: App) -> None:
    store_id = load(app)
    for kind in KINDS:
        with app.db.write() as session:
            store = session.get_one(make.Store, store_id)
            changes: dict[str, Any] = {"trigger": {"kind": kind["kind"], "settings": kind.get("settings", {})}}
            campaign_id = make.campaign(app, session, store, **changes).id
        began, used = time.perf_counter(), time.process_time()
        with app.db.read() as session:
            campaign = session.get_one(Campaign, campaign_id)
            found = backtest(app, session, campaign, UNTIL - timedelta(days=90), UNTIL)
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        told = f"{found.occurrences} due, {found.entered} in, {found.mails} mails"
        print(f"{kind['kind']}: {told}: {wall:.1f} s, {cpu:.1f} s of work")
        assert found.entered > 100
        assert cpu < 10, kind
