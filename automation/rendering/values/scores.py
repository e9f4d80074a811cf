"""Where the recipient stands with the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import CustomerScore, Message
from automation.rendering.value import Batch, Value
from automation.times import local_date

NONE: dict[str, Any] = {
    "rfm_group": "",
    "expected_orders": None,
    "lifetime_value": None,
    "alive": None,
    "next_order_on": "",
    "lead_score": 0,
}


class ScoresValue(Value):
    """What is expected of the recipient: rfm_group ("champions" or "new", say), expected_orders, lifetime_value (minor
    units of the store's currency), alive (0 to 1), next_order_on and lead_score. Not known is none, or "" of a text.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        ids = {message.customer_id for message in messages}
        rows = batch.session.scalars(select(CustomerScore).where(CustomerScore.customer_id.in_(ids)))
        found = {row.customer_id: row for row in rows}

        def scores(m: Message) -> dict[str, Any]:
            row = found.get(m.customer_id)
            if row is None:
                return NONE
            next_at = row.next_order_at
            return {
                "rfm_group": row.rfm_group or "",
                "expected_orders": row.expected_orders,
                "lifetime_value": row.lifetime_value,
                "alive": row.alive,
                "next_order_on": local_date(next_at, batch.zone(m)).isoformat() if next_at else "",
                "lead_score": row.lead_score,
            }

        return scores
