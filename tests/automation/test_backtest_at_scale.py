"""Ninety days of a real shop: a year of the Online Retail data, where it is there."""

from __future__ import annotations

import csv
import gzip
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from automation.app import App
from automation.backtest import backtest
from automation.models import Campaign, Cart, Consent, Customer, Order, Store
from tests import make

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail.csv.gz"
UNTIL = datetime(2011, 12, 9, 12, tzinfo=UTC)
CROWDED = "CARTWHEEL_TEST_BACKTEST_NEWS"
"""Set it to replay a weekly newsletter to everybody, too: 50,000 entries."""
KINDS: list[dict[str, Any]] = [
    {"kind": "cart_abandoned"},
    {"kind": "order_placed", "settings": {"after_hours": 24, "which": "later"}},
    {"kind": "win_back", "settings": {"by": "days", "days": 60}},
    {
        "kind": "newsletter",
        "recipe": "newsletter",
        "settings": {"schedule": {"every": "week", "weekdays": ["tue"]}, "local_time": True},
    },
]


def read() -> dict[str, tuple[int, datetime, float]]:
    """Every order of a known customer: who, when, for how much."""
    orders: dict[str, tuple[int, datetime, float]] = {}
    with gzip.open(DATA, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            number = row["InvoiceNo"]
            if not row["CustomerID"] or number.startswith("C"):
                continue
            worth = int(row["Quantity"]) * float(row["UnitPrice"])
            if number in orders:
                who, at, total = orders[number]
            else:
                who, total = int(float(row["CustomerID"])), 0.0
                at = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC)
            orders[number] = who, at, total + worth
    return orders


def load(app: App) -> int:
    """The orders with their customers, and for each third order a cart that was left before it; the store's id."""
    orders = read()
    first: dict[int, datetime] = {}
    for who, at, _ in orders.values():
        first[who] = min(at, first.get(who, at))
    with app.db.write() as session:
        store = make.store(session, created_at=min(first.values()), timezone="Europe/London")
        mine = {"store_id": store.id}
        people = [_person(who, at) | mine for who, at in first.items()]
        session.execute(insert(Customer), people)
        session.execute(insert(Consent), [_said(who, at) | mine for who, at in first.items()])
        session.execute(insert(Order), [_order(number, *order) | mine for number, order in orders.items()])
        carts = [_cart(number, *order) | mine for number, order in orders.items() if int(number) % 3 == 0]
        session.execute(insert(Cart), carts)
        return store.id


def _person(who: int, at: datetime) -> dict[str, Any]:
    email = f"{who}@example.com"
    dates = {"created_at": at, "updated_at": at}
    return {"id": who, "public_id": f"c{who}", "email": email, "email_key": email, **dates}


def _said(who: int, at: datetime) -> dict[str, Any]:
    said = {"topic": "marketing", "status": "granted", "source": "form"}
    return {**said, "customer_id": who, "at": at, "recorded_at": at}


def _order(number: str, who: int, at: datetime, total: float) -> dict[str, Any]:
    money = {"currency": "GBP", "subtotal": 0, "discount": 0, "shipping": 0, "tax": 0, "total": round(total * 100)}
    return {**money, "customer_id": who, "external_id": number, "placed_at": at, "recorded_at": at}


def _cart(number: str, who: int, at: datetime, total: float) -> dict[str, Any]:
    worth = {"currency": "GBP", "total": round(total * 100), "item_count": 1}
    left_at = at - timedelta(hours=int(number) % 40)
    return {**worth, "customer_id": who, "external_id": f"cart{number}", "created_at": at, "last_activity_at": left_at}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.skipif(not DATA.exists(), reason="the Online Retail data is not on this machine")
def test_ninety_days_of_a_real_shop_take_less_than_ten_seconds_each(app: App) -> None:
    store_id = load(app)
    for kind in KINDS if os.environ.get(CROWDED) else KINDS[:-1]:
        with app.db.write() as session:
            store = session.get_one(Store, store_id)
            changes: dict[str, Any] = {"trigger": {"kind": kind["kind"], "settings": kind.get("settings", {})}}
            campaign_id = make.campaign(app, session, store, kind.get("recipe", "cart_abandoned"), **changes).id
        began, used = time.perf_counter(), time.process_time()
        with app.db.read() as session:
            campaign = session.get_one(Campaign, campaign_id)
            found = backtest(app, session, campaign, UNTIL - timedelta(days=90), UNTIL)
        wall, cpu = time.perf_counter() - began, time.process_time() - used
        told = f"{found.occurrences} due, {found.entered} in, {found.mails} mails"
        print(f"{kind['kind']}: {told}: {wall:.1f} s, {cpu:.1f} s of work")
        assert found.entered > 100
        assert cpu < 10, kind
