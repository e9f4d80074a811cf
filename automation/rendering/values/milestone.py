"""What the customer has reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import CustomerTier, Message
from automation.rendering.value import Batch, Origin, Value

NONE: dict[str, Any] = {"orders": None, "amount": None, "points": None, "tier": ""}


class MilestoneValue(Value):
    """What was reached, one of: orders (how many), amount (spent, in minor units of the store's currency), points,
    tier. The others are empty.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        tiers = _tiers(batch, batch.about(messages, "tier"))
        found = {m.id: _value(batch, m, origin, tiers) for m in messages if (origin := batch.origin(m))}
        return lambda m: found.get(m.id, NONE)


def _tiers(batch: Batch, about: dict[int, int]) -> dict[tuple[int, int], str]:
    if not about:
        return {}
    columns = (CustomerTier.id, CustomerTier.customer_id, CustomerTier.tier)
    rows = batch.session.execute(select(*columns).where(CustomerTier.id.in_(sorted(set(about.values())))))
    return {(row.customer_id, row.id): row.tier for row in rows}


def _value(batch: Batch, message: Message, origin: Origin, tiers: dict[tuple[int, int], str]) -> dict[str, Any]:
    match origin.kind:
        case "nth_order":
            # The key says which one it was; the setting may stand for every multiple of it.
            enrolment = batch.enrolments.get(message.enrolment_id or 0)
            key = enrolment.key if enrolment else ""
            return {**NONE, "orders": int(key) if key.isdigit() else origin.settings["number"]}
        case "total_spent":
            return {**NONE, "amount": origin.settings["amount"]}
        case "points_reached":
            return {**NONE, "points": origin.settings["points"]}
        case "tier_reached":
            return {**NONE, "tier": tiers.get((message.customer_id, message.subject_id or 0), "")}
    return NONE
