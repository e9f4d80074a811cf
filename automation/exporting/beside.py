"""What stands beside a page of rows: one statement each, however many rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import bulk
from automation.models import (
    CartItem,
    Connection,
    ConsentState,
    Customer,
    Identity,
    OrderItem,
    SpecialDate,
    Store,
    Variant,
)

NAME = "Imported files"
"""The connection whose ids stand in files; see `automation.actions.imports`."""


def names(session: Session, customer_ids: Sequence[int]) -> dict[int, str]:
    """What files call customers: the name under which an earlier file brought them, else our own public id."""
    given = bulk.table(session, [Customer.id], [{"id": i} for i in sorted(set(customer_ids))])
    found = session.execute(
        select(Customer.id, Customer.public_id, Identity.external_id)
        .join(given, given.c.id == Customer.id)
        .outerjoin(Connection, (Connection.store_id == Customer.store_id) & (Connection.name == NAME))
        .outerjoin(Identity, (Identity.customer_id == Customer.id) & (Identity.connection_id == Connection.id))
        .order_by(Identity.external_id.desc())
    )
    return {row.id: row.external_id or row.public_id for row in found}


def dates(session: Session, customer_ids: Sequence[int]) -> dict[int, dict[str, tuple[int, int, int | None]]]:
    """{customer: {name: (month, day, year)}}"""
    given = bulk.table(session, [Customer.id], [{"id": i} for i in customer_ids])
    found: dict[int, dict[str, tuple[int, int, int | None]]] = defaultdict(dict)
    rows = select(SpecialDate).join(given, given.c.id == SpecialDate.customer_id).order_by(SpecialDate.name)
    for one in session.scalars(rows):
        found[one.customer_id][one.name] = (one.month, one.day, one.year)
    return found


def consents(session: Session, customer_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """{customer: {topic: granted, withdrawn or pending}}"""
    given = bulk.table(session, [Customer.id], [{"id": i} for i in customer_ids])
    found: dict[int, dict[str, str]] = defaultdict(dict)
    rows = select(ConsentState).join(given, given.c.id == ConsentState.customer_id).order_by(ConsentState.topic)
    for one in session.scalars(rows):
        found[one.customer_id][one.topic] = one.status
    return found


def order_lines(session: Session, order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """{order: its lines as `changes.Line` reads them}"""
    columns = ("product_external_id", "variant_external_id", "title", "sku", "quantity", "price", "discount")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = select(OrderItem).where(OrderItem.order_id.in_(order_ids)).order_by(OrderItem.order_id, OrderItem.position)
    for one in session.scalars(rows):
        found[one.order_id].append({name: getattr(one, name) for name in columns})
    return found


def cart_lines(session: Session, cart_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """{cart: its lines as `changes.Line` reads them}"""
    columns = ("product_external_id", "variant_external_id", "title", "sku", "quantity", "price")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = select(CartItem).where(CartItem.cart_id.in_(cart_ids)).order_by(CartItem.cart_id, CartItem.position)
    for one in session.scalars(rows):
        found[one.cart_id].append({name: getattr(one, name) for name in columns})
    return found


def identities(session: Session, customer_ids: Sequence[int]) -> list[tuple[int, dict[str, str]]]:
    """(customer, what one connection calls them), by customer."""
    found = session.execute(
        select(Identity.customer_id, Connection.name, Connection.kind, Identity.external_id)
        .join(Connection, Connection.id == Identity.connection_id)
        .where(Identity.customer_id.in_(customer_ids))
        .order_by(Identity.customer_id, Connection.id, Identity.external_id)
    )
    return [
        (row.customer_id, {"connection": row.name, "platform": row.kind, "external_id": row.external_id})
        for row in found
    ]


def variants(session: Session, product_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """{product: its variants as `changes.VariantState` reads them}"""
    columns = ("external_id", "title", "sku", "image_url", "price", "compare_at", "stock")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in session.scalars(select(Variant).where(Variant.product_id.in_(product_ids)).order_by(Variant.id)):
        found[one.product_id].append({name: getattr(one, name) for name in columns})
    return found


def currency_of(session: Session, store_id: int) -> str:
    """A store's currency."""
    return session.scalars(select(Store.currency).where(Store.id == store_id)).one()
