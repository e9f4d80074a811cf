"""The order that a mail is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import Message, Order, OrderItem
from automation.rendering.lines import line, lines_of
from automation.rendering.value import Batch, Value
from automation.times import local_date

_AMOUNTS = ("subtotal", "discount", "shipping", "tax", "total", "refunded")
NONE: dict[str, Any] = {
    "number": "",
    "placed_on": "",
    "currency": "",
    "items": [],
    "count": 0,
    "status_url": "",
    **dict.fromkeys(_AMOUNTS, 0),
}


class OrderValue(Value):
    """The order that started the campaign (for a win-back: the last one): number, placed_on, items (title, variant,
    quantity, price, url, image_url, is_available), count of pieces, subtotal, discount, shipping, tax, total,
    refunded, currency, and status_url where the shop tells one.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        about = batch.about(messages, "order")
        if not about:
            return lambda _: NONE
        ids = sorted(set(about.values()))
        amounts = (getattr(Order, name) for name in _AMOUNTS)
        columns = (Order.id, Order.customer_id, Order.number, Order.placed_at, Order.currency, Order.source, *amounts)
        rows: dict[int, Any] = {row.id: row for row in batch.session.execute(select(*columns).where(Order.id.in_(ids)))}
        lines: dict[int, list[Any]] = {i: [] for i in ids}
        for row in batch.session.execute(lines_of(OrderItem, ids)):
            lines[row.owner_id].append(line(row))
        found = {}
        for m in messages:
            order = rows.get(about.get(m.id, 0))
            if order is not None and order.customer_id == m.customer_id:
                placed_on = local_date(order.placed_at, batch.zone(m)).isoformat()
                found[m.id] = _value(order, lines[order.id], placed_on)
        return lambda m: found.get(m.id, NONE)


def _value(row: Any, items: list[dict[str, Any]], placed_on: str) -> dict[str, Any]:
    status_url = row.source.get("status_url")
    is_url = isinstance(status_url, str) and status_url.startswith(("https://", "http://"))
    return {
        "number": row.number,
        "placed_on": placed_on,
        "currency": row.currency,
        "items": items,
        "count": sum(item["quantity"] for item in items),
        "status_url": status_url if is_url else "",
        **{name: getattr(row, name) for name in _AMOUNTS},
    }
