"""What falls due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import DueItem, Message
from automation.rendering.value import Batch, Value

NONE: dict[str, Any] = {
    "kind": "",
    "title": "",
    "url": "",
    "amount": None,
    "currency": "",
    "due_on": "",
    "time": "",
    "days": 0,
    "properties": {},
}


class DueItemValue(Value):
    """What the customer is reminded of: kind, title, url, amount, currency, properties, and in their own zone due_on
    (the date), time ("14:30") and days (until it is due; 0 is today, below zero it is overdue).
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        about = batch.about(messages, "due_item")
        if not about:
            return lambda _: NONE
        found = batch.session.scalars(select(DueItem).where(DueItem.id.in_(sorted(set(about.values())))))
        rows = {(row.customer_id, row.id): row for row in found}
        values = {
            m.id: _value(rows[m.customer_id, about[m.id]], batch, m)
            for m in messages
            if m.id in about and (m.customer_id, about[m.id]) in rows
        }
        return lambda m: values.get(m.id, NONE)


def _value(row: DueItem, batch: Batch, message: Message) -> dict[str, Any]:
    due_at = row.due_at.astimezone(batch.zone(message))
    return {
        "kind": row.kind,
        "title": row.title,
        "url": row.url,
        "amount": row.amount,
        "currency": row.currency or batch.stores[message.store_id].currency,
        "due_on": due_at.date().isoformat(),
        "time": f"{due_at:%H:%M}",
        "days": (due_at.date() - batch.today(message)).days,
        "properties": row.properties,
    }
