"""Writes a past into the tables in bulk: products, customers with their consents, orders."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from automation.demo.catalogue import category_of, picture_url
from automation.demo.past import Past, Purchase
from automation.demo.people import Someone, invent
from automation.models import (
    Connection,
    Consent,
    ConsentState,
    Customer,
    Identity,
    Order,
    OrderItem,
    Product,
    Store,
    Variant,
)

WORDING = "Yes, send me news and offers from Wren & Thistle by email. I can unsubscribe at any time."


def product_id(code: str) -> int:
    """The shop's id of a product: the stock code read as a number, so that it needs no table."""
    return 7_000_000_000_000 + int(code, 36)


def variant_id(code: str) -> int:
    """The id of a product's only variant."""
    return 40_000_000_000_000 + int(code, 36)


def customer_id(number: str) -> int:
    """The shop's id of a customer of the data."""
    return 6_000_000_000_000 + int(number)


def order_id(number: str) -> int:
    """The shop's id of an order of the data."""
    return 5_000_000_000_000 + int(number)


def add_products(session: Session, store: Store, past: Past, public_url: str, now: datetime) -> int:
    """The catalogue, each product with one variant; how many."""
    wares = list(past.wares.values())
    rows: list[dict[str, Any]] = []
    for ware in wares:
        dice = Random(f"stock {ware.code}")
        rows.append(
            {
                "store_id": store.id,
                "external_id": str(product_id(ware.code)),
                "title": ware.title,
                "url": f"{public_url}/demo/products/{ware.code.lower()}",
                "image_url": picture_url(public_url, ware.code),
                "category": category_of(ware.title),
                "vendor": store.name,
                "price": ware.price,
                "cost": ware.price * dice.randint(35, 60) // 100,
                "stock": 0 if dice.random() < 0.03 else dice.randint(3, 240),
                "created_at": ware.first_sold_at - timedelta(days=1),
                "updated_at": now,
            }
        )
    ids = session.scalars(insert(Product).returning(Product.id, sort_by_parameter_order=True), rows).all()
    session.execute(
        insert(Variant),
        [
            {
                "product_id": i,
                "external_id": str(variant_id(w.code)),
                "sku": w.code,
                "price": w.price,
                "stock": r["stock"],
            }
            for i, w, r in zip(ids, wares, rows, strict=True)
        ],
    )
    return len(rows)


def add_customers(session: Session, store: Store, connection: Connection, past: Past, now: datetime) -> int:
    """Everybody of the data, with an identity and, where they were asked, a consent; how many."""
    bought: dict[str, list[datetime]] = {}
    for purchase in past.purchases:
        bought.setdefault(purchase.customer, []).append(purchase.placed_at)
    people = {number: invent(number, country) for number, country in past.customers.items()}
    # Who bought nothing yet has looked around in the last two weeks.
    since = {n: bought.get(n, [now - timedelta(days=1 + int(n) % 14)])[0] - timedelta(minutes=20) for n in people}
    rows = [_customer(store, n, p, since[n], bought.get(n), now) for n, p in people.items()]
    ids = session.scalars(insert(Customer).returning(Customer.id, sort_by_parameter_order=True), rows).all()
    by_number = dict(zip(people, ids, strict=True))
    session.execute(
        insert(Identity),
        [
            {"connection_id": connection.id, "external_id": str(customer_id(n)), "customer_id": i}
            for n, i in by_number.items()
        ],
    )
    _consent(session, store, {by_number[n]: (p, since[n]) for n, p in people.items()}, now)
    return len(rows)


def _customer(
    store: Store, number: str, person: Someone, since: datetime, bought: list[datetime] | None, now: datetime
) -> dict[str, Any]:
    month, day, year = person.birthday or (None, None, None)
    return {
        "public_id": hashlib.sha256(f"{store.public_id} {number}".encode()).hexdigest()[:26],
        "store_id": store.id,
        "email": person.email,
        "email_key": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "locale": person.locale,
        "timezone": person.timezone,
        "country": person.country,
        "currency": store.currency,
        "birthday_month": month,
        "birthday_day": day,
        "birthday_year": year,
        "tags": person.tags,
        "source": {"channel": person.channel, "device": "phone" if int(number) % 3 else "computer"},
        "engaged_at": bought[-1] if bought else since,
        "created_at": since,
        "updated_at": now,
    }


def _consent(session: Session, store: Store, people: dict[int, tuple[Someone, datetime]], now: datetime) -> None:
    lines: list[dict[str, Any]] = []
    for customer, (person, since) in people.items():
        if person.consent is None:
            continue
        line = {
            "store_id": store.id,
            "customer_id": customer,
            "topic": "marketing",
            "source": "demo",
            "wording": WORDING,
            "recorded_at": now,
        }
        lines.append({**line, "status": "granted", "at": since})
        if person.consent == "withdrawn":
            lines.append({**line, "status": "withdrawn", "at": since + (now - since) / 2})
    ids = session.scalars(insert(Consent).returning(Consent.id, sort_by_parameter_order=True), lines).all()
    # A customer's later line stands after the earlier one, so it is the one that stays in the mapping.
    newest = {line["customer_id"]: (line, i) for line, i in zip(lines, ids, strict=True)}
    session.execute(
        insert(ConsentState),
        [
            {
                "customer_id": customer,
                "topic": "marketing",
                "store_id": store.id,
                "status": line["status"],
                "at": line["at"],
                "consent_id": i,
            }
            for customer, (line, i) in newest.items()
        ],
    )


def add_orders(session: Session, store: Store, connection: Connection, past: Past, now: datetime) -> int:
    """All orders with their lines and refunds; how many."""
    rows = session.execute(
        select(Identity.external_id, Identity.customer_id, Customer.email_key)
        .join(Customer, Customer.id == Identity.customer_id)
        .where(Identity.connection_id == connection.id)
    )
    people = {external: (i, email) for external, i, email in rows}
    products = {
        external: (i, title)
        for external, i, title in session.execute(
            select(Product.external_id, Product.id, Product.title).where(Product.store_id == store.id)
        )
    }
    orders = [_order(store, p, *people[str(customer_id(p.customer))], now) for p in past.purchases]
    if not orders:
        return 0
    ids = session.scalars(insert(Order).returning(Order.id, sort_by_parameter_order=True), orders).all()
    session.execute(
        insert(OrderItem),
        [
            {
                "order_id": order,
                "position": position,
                "product_id": products[str(product_id(item.code))][0],
                "product_external_id": str(product_id(item.code)),
                "variant_external_id": str(variant_id(item.code)),
                "title": products[str(product_id(item.code))][1],
                "sku": item.code,
                "quantity": item.quantity,
                "price": item.price,
            }
            for order, purchase in zip(ids, past.purchases, strict=True)
            for position, item in enumerate(purchase.items)
        ],
    )
    return len(orders)


def _order(store: Store, purchase: Purchase, customer: int, email: str | None, now: datetime) -> dict[str, Any]:
    sent_at = purchase.placed_at + timedelta(hours=20)
    arrived_at = purchase.placed_at + timedelta(days=2 + int(purchase.number) % 4)
    return {
        "store_id": store.id,
        "customer_id": customer,
        "external_id": str(order_id(purchase.number)),
        "number": f"#{purchase.number}",
        "email_key": email,
        "currency": store.currency,
        "subtotal": purchase.total,
        "discount": 0,
        "shipping": 0,
        "tax": 0,
        "total": purchase.total,
        "refunded": purchase.refunded,
        "placed_at": purchase.placed_at,
        "paid_at": purchase.placed_at,
        "fulfilled_at": sent_at if sent_at <= now else None,
        "delivered_at": arrived_at if arrived_at <= now else None,
        "external_updated_at": purchase.refunded_at or purchase.placed_at,
        "recorded_at": now,
    }


def numbers_of(session: Session, store: Store) -> dict[str, int]:
    """How much a store holds, for a person who watches it load."""
    return {
        word: session.scalar(select(func.count()).select_from(model).where(model.store_id == store.id)) or 0
        for word, model in (("customers", Customer), ("orders", Order), ("products", Product))
    }
