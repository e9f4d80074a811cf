"""A year of a real shop (UCI "Online Retail") as rows of ours, and as frames made of the file by another way.

The file has invoices and credit notes, products and countries. What it has not is made up by rules that both ways
follow apart: an invoice of EIRE is in euros, one that comes to nothing was cancelled, a credit note is a refund of its
customer's last order before it, costs follow from the product's code, channels and devices from the invoice's number.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert
from sqlalchemy.orm import Session

from automation.insights.touches.channels import CHANNELS
from automation.models import Customer, Order, OrderItem, OrderTouch, Product, Store
from automation.upsert import table_of

FILE = Path(__file__).resolve().parents[5] / "shared" / "data" / "online_retail.csv.gz"
_CHANNELS, _DEVICES = list(CHANNELS), ("desktop", "mobile", "tablet")


@cache
def _pence(text: str) -> int:
    return int((Decimal(text) * 100).quantize(Decimal(1), ROUND_HALF_EVEN))


def _cost(code: str) -> int | None:
    return 20 + len(code) * 7 if code.startswith("2") else None


def _invoices() -> tuple[dict[str, dict[str, Any]], dict[str, list[tuple[str, int, int]]]]:
    invoices: dict[str, dict[str, Any]] = {}
    lines: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    with gzip.open(FILE, "rt", newline="") as opened:
        reader = csv.reader(opened)
        next(reader)
        for number, code, _, quantity, at, price, customer, country in reader:
            invoice = invoices.get(number)
            if invoice is None:
                invoice = invoices[number] = {"at": at, "customer": customer, "country": country, "total": 0}
            pieces, pence = int(quantity), _pence(price)
            invoice["total"] += pieces * pence
            lines[number].append((code, pieces, pence))
    return invoices, lines


def _orders(
    store: Store,
    invoices: dict[str, dict[str, Any]],
    lines: dict[str, list[tuple[str, int, int]]],
    products: dict[str, int],
    short: dict[str, str],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[Any, ...]]]:
    orders: list[dict[str, Any]] = []
    last: dict[str, dict[str, Any]] = {}
    touches, items = [], []
    for number, invoice in sorted(invoices.items(), key=lambda one: (one[1]["at"], one[0])):
        total, customer = invoice["total"], invoice["customer"]
        if number.startswith("C"):
            if customer in last:
                last[customer]["refunded"] -= total
            continue
        placed_at = datetime.fromisoformat(invoice["at"]).replace(tzinfo=UTC)
        digits = int("".join(filter(str.isdigit, number)))
        order = _order(store, number, digits, invoice, placed_at)
        orders.append(order)
        if customer:
            last[customer] = order
        words = {"channel": _CHANNELS[digits % len(_CHANNELS)], "device": _DEVICES[digits % 3]}
        none = dict.fromkeys(("source", "medium", "campaign", "referrer"), "")
        home = None if customer else short[invoice["country"]]
        touches.append({"order_id": order["id"], "store_id": store.id, **words, **none, "country": home})
        items += [
            (order["id"], n, products[code], code, code, pieces, pence)
            for n, (code, pieces, pence) in enumerate(lines[number])
        ]
    return orders, touches, items


def _order(store: Store, number: str, digits: int, invoice: dict[str, Any], placed_at: datetime) -> dict[str, Any]:
    total, customer = invoice["total"], invoice["customer"]
    return {
        "id": digits * 10 + number.startswith("A"),
        "store_id": store.id,
        "customer_id": int(float(customer)) if customer else None,
        "external_id": number,
        "currency": "EUR" if invoice["country"] == "EIRE" else "GBP",
        "subtotal": total,
        "discount": 0,
        "shipping": 100,
        "tax": total // 10,
        "total": total,
        "refunded": 0,
        "placed_at": placed_at,
        "cancelled_at": placed_at if total <= 0 else None,
        "recorded_at": placed_at,
        "is_untraced": False,
    }


def load(session: Session, store: Store) -> None:
    """Write the rows: line by line through the file, with whole numbers of pence."""
    invoices, lines = _invoices()
    codes = sorted({code for of in lines.values() for code, _, _ in of})
    products = {code: n for n, code in enumerate(codes, 1)}
    dates = {"created_at": store.created_at, "updated_at": store.created_at}
    write = session.connection()
    write.execute(
        insert(table_of(Product)),
        [
            {"id": n, "store_id": store.id, "external_id": c, "title": c, "price": 1, "cost": _cost(c), **dates}
            for c, n in products.items()
        ],
    )
    countries = sorted({i["country"] for i in invoices.values()})
    short = {name: f"{chr(65 + n // 26)}{chr(65 + n % 26)}" for n, name in enumerate(countries)}
    homes: dict[str, str] = {}
    for invoice in invoices.values():
        if invoice["customer"]:
            homes.setdefault(invoice["customer"], short[invoice["country"]])
    write.execute(
        insert(table_of(Customer)),
        [
            {"id": int(float(c)), "public_id": c, "store_id": store.id, "country": home, **dates}
            for c, home in homes.items()
        ],
    )
    orders, touches, items = _orders(store, invoices, lines, products, short)
    write.execute(insert(table_of(Order)), orders)
    write.execute(insert(table_of(OrderTouch)), touches)
    names = ("order_id", "position", "product_id", "product_external_id", "title", "quantity", "price")
    marks = ", ".join("?" * len(names))
    table = table_of(OrderItem).name
    write.connection.dbapi_connection.executemany(  # type: ignore[union-attr]  # half a million rows
        f"INSERT INTO {table} ({', '.join(names)}, discount, variant_external_id, sku) VALUES ({marks}, 0, '', '')",
        items,
    )


def frames() -> dict[str, pd.DataFrame]:
    """Orders and items of the file, by whole columns."""
    raw = pd.read_csv(FILE, dtype={"InvoiceNo": str, "StockCode": str}, parse_dates=["InvoiceDate"])
    raw["pence"] = (raw.UnitPrice * 100).round().astype("int64")
    raw["worth"] = raw.Quantity * raw.pence
    first = raw.groupby("InvoiceNo", sort=False).agg(
        placed_at=("InvoiceDate", "first"),
        customer_id=("CustomerID", "first"),
        place=("Country", "first"),
        total=("worth", "sum"),
    )
    whole = first.reset_index().sort_values(["placed_at", "InvoiceNo"])
    is_credit = whole.InvoiceNo.str.startswith("C")
    orders, notes = whole[~is_credit].copy(), whole[is_credit & whole.customer_id.notna()]
    digits = orders.InvoiceNo.str.extract(r"(\d+)")[0].astype("int64")
    orders["id"] = digits * 10 + orders.InvoiceNo.str.startswith("A")
    numbered = whole.reset_index(drop=True)
    numbered["rank"] = np.arange(len(numbered))
    rank = numbered.set_index("InvoiceNo")["rank"]
    paired = pd.merge_asof(
        notes.assign(rank=notes.InvoiceNo.map(rank)).sort_values("rank"),
        orders.assign(rank=orders.InvoiceNo.map(rank))[["rank", "customer_id", "id"]].dropna().sort_values("rank"),
        on="rank",
        by="customer_id",
    ).dropna(subset=["id"])
    back = -paired.groupby("id").total.sum()
    orders["refunded"] = orders.id.map(back).fillna(0).astype("int64")
    orders["tax"], orders["shipping"] = orders.total // 10, 100
    orders["is_cancelled"] = orders.total <= 0
    orders["currency"] = np.where(orders.place == "EIRE", "EUR", "GBP")
    orders["channel"] = digits.map(lambda n: _CHANNELS[n % len(_CHANNELS)])
    orders["device"] = digits.map(lambda n: _DEVICES[n % 3])
    codes = {name: f"{chr(65 + n // 26)}{chr(65 + n % 26)}" for n, name in enumerate(sorted(whole.place.unique()))}
    by_file = raw[raw.CustomerID.notna()].groupby("CustomerID").Country.first()
    orders["country"] = orders.customer_id.map(by_file).fillna(orders.place).map(codes)
    orders["placed_at"] = orders.placed_at.dt.tz_localize("UTC")
    items = raw.merge(orders[["InvoiceNo", "id"]], on="InvoiceNo").rename(
        columns={"id": "order_id", "Quantity": "quantity"}
    )
    items["cost"] = np.where(items.StockCode.str.startswith("2"), 20 + items.StockCode.str.len() * 7, np.nan)
    return {"orders": orders, "items": items[["order_id", "quantity", "cost"]]}
