"""What a cart's lines cost now, where the shop has told us of a new price since the cart was left.

A cart keeps the prices that it was left with, and a shop tells a cart again only when somebody touches it. What a
product costs may be told on another basis than what a line costs (without taxes, for a group of customers), so a line
only follows changes that began at its own price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.intake.products import PRICED
from automation.models import Event

Changes = Mapping[tuple[int, str], list[tuple[datetime, Any, Any]]]
"""By product and variant ("" for the product itself): when, from what and to what a price went, in order."""


def changes_since(session: Session, product_ids: Collection[int], since: datetime) -> Changes:
    """The changes of these products' prices after an instant: one statement, none without products."""
    found: dict[tuple[int, str], list[tuple[datetime, Any, Any]]] = defaultdict(list)
    if product_ids:
        rows = session.execute(
            select(Event.product_id, Event.at, Event.properties)
            .where(Event.product_id.in_(sorted(product_ids)), Event.name == PRICED, Event.at > since)
            .order_by(Event.at, Event.id)
        )
        for product_id, at, told in rows:
            found[product_id or 0, told.get("variant_id", "")].append((at, told.get("from"), told.get("to")))
    return found


def price_now(changes: Changes, line: Any, left_at: datetime) -> int:
    """What a piece of a cart's line costs now."""
    price: int = line.price
    # What a product costs is what its cheapest variant does: that of a variant is its own.
    name = line.variant_external_id if line.variant_id else ""
    for at, before, after in changes.get((line.product_id, name), ()):
        if at > left_at and before == price and isinstance(after, int):
            price = after
    return price
