"""The cart that a mail is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import Cart, CartItem, Message
from automation.rendering.lines import line, lines_of
from automation.rendering.prices import changes_since, price_now
from automation.rendering.value import Batch, Value

NONE: dict[str, Any] = {"items": [], "total": 0, "count": 0, "currency": "", "recovery_url": ""}


class CartValue(Value):
    """The cart that was left: items (title, variant, quantity, price, url, image_url, is_available), total, count,
    currency and recovery_url.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        about = batch.about(messages, "cart")
        carts = _carts(batch, sorted(set(about.values()))) if about else {}
        return lambda m: carts.get((m.customer_id, about.get(m.id, 0)), NONE)


def _carts(batch: Batch, ids: Sequence[int]) -> dict[tuple[int, int], dict[str, Any]]:
    """By customer and id, so that nobody is shown another's."""
    columns = (Cart.id, Cart.customer_id, Cart.total, Cart.item_count, Cart.currency, Cart.recovery_url)
    rows = batch.session.execute(select(*columns, Cart.last_activity_at).where(Cart.id.in_(ids))).all()
    carts = {
        (row.customer_id, row.id): {
            "items": [],
            "total": row.total,
            "count": row.item_count,
            "currency": row.currency,
            "recovery_url": row.recovery_url,
        }
        for row in rows
    }
    by_id = {cart_id: value for (_, cart_id), value in carts.items()}
    left_at = {row.id: row.last_activity_at for row in rows}
    lines = [row for row in batch.session.execute(lines_of(CartItem, ids)) if row.owner_id in by_id]
    products = {row.product_id for row in lines if row.product_id is not None}
    changes = changes_since(batch.session, products, min(left_at.values())) if products else {}
    for row in lines:
        cart, price = by_id[row.owner_id], price_now(changes, row, left_at[row.owner_id])
        cart["items"].append({**line(row), "price": price})
        cart["total"] = max(0, cart["total"] + row.quantity * (price - row.price))
    return carts
