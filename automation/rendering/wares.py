"""Products as mails show them, and the new ones that any mail may fall back on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from automation.models import Product

COLUMNS = (
    Product.id,
    Product.store_id,
    Product.title,
    Product.url,
    Product.image_url,
    Product.price,
    Product.compare_at,
    Product.external_id,
)
"""What `ware` reads, and the shop's id."""


def ware(row: Any) -> dict[str, Any]:
    """A product in a mail; its price is in minor units of the store's currency."""
    return {
        "title": row.title,
        "url": row.url,
        "image_url": row.image_url,
        "price": row.price,
        "compare_at": row.compare_at,
    }


def is_presentable() -> ColumnElement[bool]:
    """The product is sold, can be had, and has a page and a picture."""
    return and_(
        Product.state == "active",
        Product.image_url != "",
        Product.url != "",
        or_(Product.stock.is_(None), Product.stock > 0),
    )


def new_arrivals(session: Session, store_ids: Iterable[int], count: int) -> dict[int, list[Any]]:
    """Rows of each store's `count` newest presentable products, newest first; one statement."""
    place = func.row_number().over(
        partition_by=Product.store_id, order_by=(Product.created_at.desc(), Product.id.desc())
    )
    ranked = (
        select(*COLUMNS, place.label("place"))
        .where(Product.store_id.in_(sorted(store_ids)), is_presentable())
        .subquery()
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(
        select(ranked).where(ranked.c.place <= count).order_by(ranked.c.store_id, ranked.c.place)
    ):
        found[row.store_id].append(row)
    return found
