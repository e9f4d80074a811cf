"""Reads the demo's data as a shop's past that ends now: who bought what, and what they sent back."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median_low
from zoneinfo import ZoneInfo

from automation.demo.catalogue import title_of

DATA = Path(__file__).parent / "data" / "online_retail.csv.gz"
ZONE = ZoneInfo("Europe/London")
"""The data's clock."""


@dataclass(slots=True)
class Item:
    """A line of an order: pieces of a product at a price in pence."""

    code: str
    quantity: int
    price: int


@dataclass(slots=True)
class Purchase:
    """An order with what was refunded of it since."""

    number: str
    customer: str
    placed_at: datetime
    items: list[Item] = field(default_factory=list)
    refunded: int = 0
    refunded_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(i.quantity * i.price for i in self.items)


@dataclass(frozen=True, slots=True)
class Ware:
    """A product: its price is the median of what was charged."""

    code: str
    title: str
    price: int
    first_sold_at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """Everything that happened up to an instant."""

    customers: dict[str, str]
    """Country by customer number."""
    wares: dict[str, Ware]
    purchases: list[Purchase]
    """By time."""


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(now: datetime, path: Path = DATA, customers: int | None = None) -> Past:
    """The data up to `now`, shifted by whole weeks so that its last week is this one.

    Orders that would lie in the future are left out. `customers` keeps only the first so many, for tests.
    """
    rows = _rows(path)
    if customers is not None:
        kept = set(sorted({r["CustomerID"] for r in rows})[:customers])
        rows = [r for r in rows if r["CustomerID"] in kept]
    shift = _shift(rows, now)
    read_once: dict[str, datetime] = {}
    purchases: dict[str, Purchase] = {}
    returns: list[tuple[str, datetime, Item]] = []
    for row in rows:
        at = read_once.get(row["InvoiceDate"])
        if at is None:
            at = read_once[row["InvoiceDate"]] = datetime.fromisoformat(row["InvoiceDate"]) + shift
        item = Item(row["StockCode"], int(row["Quantity"]), round(float(row["UnitPrice"]) * 100))
        if item.quantity < 0:
            returns.append((row["CustomerID"], at, item))
            continue
        number = row["InvoiceNo"]
        if number not in purchases:
            purchases[number] = Purchase(number, row["CustomerID"], at.replace(tzinfo=ZONE))
        purchases[number].items.append(item)
    found = sorted((p for p in purchases.values() if p.placed_at <= now), key=lambda p: (p.placed_at, p.number))
    _refund(found, sorted(returns, key=lambda r: (r[1], r[0])), now)
    return Past({r["CustomerID"]: r["Country"] for r in rows}, _wares(rows, found), found)


def _shift(rows: list[dict[str, str]], now: datetime) -> timedelta:
    # Rounded up: a last week that is cut short is more alive than one that ended days ago.
    last = datetime.fromisoformat(max(r["InvoiceDate"] for r in rows))
    return timedelta(weeks=-((last - now.astimezone(ZONE).replace(tzinfo=None)) // timedelta(weeks=1)))


def _wares(rows: list[dict[str, str]], purchases: list[Purchase]) -> dict[str, Ware]:
    titles = {r["StockCode"]: r["Description"] for r in rows}
    prices: dict[str, list[int]] = defaultdict(list)
    first: dict[str, datetime] = {}
    for purchase in purchases:
        for item in purchase.items:
            prices[item.code].append(item.price)
            first.setdefault(item.code, purchase.placed_at)
    return {
        code: Ware(code, title_of(titles[code]) or code, median_low(prices[code]), first[code])
        for code in sorted(first)
    }


def _refund(purchases: list[Purchase], returns: list[tuple[str, datetime, Item]], now: datetime) -> None:
    by_customer: dict[str, list[Purchase]] = defaultdict(list)
    for purchase in purchases:
        by_customer[purchase.customer].append(purchase)
    left: dict[tuple[str, str], int] = defaultdict(int)
    for purchase in purchases:
        for item in purchase.items:
            left[purchase.number, item.code] += item.quantity
    for customer, naive, item in returns:
        at = naive.replace(tzinfo=ZONE)
        if at > now:
            continue
        wanted = -item.quantity
        for purchase in _before(by_customer[customer], at):
            taken = min(wanted, left[purchase.number, item.code])
            if taken > 0:
                left[purchase.number, item.code] -= taken
                wanted -= taken
                purchase.refunded = min(purchase.total, purchase.refunded + taken * item.price)
                purchase.refunded_at = at


def _before(purchases: list[Purchase], at: datetime) -> Iterator[Purchase]:
    return (p for p in reversed(purchases) if p.placed_at <= at)
