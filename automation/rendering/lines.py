"""Lines of carts and orders as mails show them: with the products as they are now."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, select

from automation.models import CartItem, OrderItem, Product, Variant

MOST = 20
"""How many lines of one are shown; a mail of hundreds would be cut off anyway."""


def lines_of(item: type[CartItem | OrderItem], ids: Collection[int]) -> Any:
    """The first lines of carts, or of orders, by ids; each row names its owner as `owner_id`."""
    owner = CartItem.cart_id if item is CartItem else OrderItem.order_id
    is_variant = and_(Variant.product_id == Product.id, Variant.external_id == item.variant_external_id)
    return (
        select(
            owner.label("owner_id"),
            item.product_id,
            item.variant_external_id,
            item.title.label("written"),
            item.quantity,
            item.price,
            Product.title,
            Product.url,
            Product.image_url,
            Product.state,
            Product.stock,
            Variant.id.label("variant_id"),
            Variant.title.label("variant"),
            Variant.image_url.label("variant_image"),
            Variant.stock.label("variant_stock"),
        )
        .join_from(item, Product, Product.id == item.product_id, isouter=True)
        .join(Variant, is_variant, isouter=True)
        .where(owner.in_(sorted(ids)), item.position < MOST)
        .order_by(owner, item.position)
    )


def line(row: Any) -> dict[str, Any]:
    """A line in a mail; `price` is that of one piece."""
    stock = row.variant_stock if row.variant_id else row.stock
    return {
        "title": row.title or row.written,
        "variant": shown_variant(row.variant),
        "quantity": row.quantity,
        "price": row.price,
        "url": row.url or "",
        "image_url": row.variant_image or row.image_url or "",
        "is_available": row.state in (None, "active") and (stock is None or stock > 0),
    }


def shown_variant(title: str | None) -> str:
    """A variant's name; none where it is a platform's word for there being only one."""
    return "" if not title or title == "Default Title" else title
