"""What the customer looked at lately."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from automation.models import Event, Message, Product
from automation.rendering.value import Batch, Value
from automation.rendering.wares import COLUMNS, is_presentable, ware

MOST = 4
LATELY = timedelta(days=14)


class ViewedValue(Value):
    """The products that the customer looked at in the last two weeks and that can be had, at most four, the last one
    first: title, url, image_url, price, compare_at.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        looks = (
            select(Event.customer_id, Event.product_id, func.max(Event.at).label("at"))
            .where(
                Event.customer_id.in_(sorted({m.customer_id for m in messages})),
                Event.name == "product.viewed",
                Event.at > batch.now - LATELY,
                Event.at <= batch.now,
            )
            .group_by(Event.customer_id, Event.product_id)
            .subquery()
        )
        place = func.row_number().over(
            partition_by=looks.c.customer_id, order_by=(looks.c.at.desc(), looks.c.product_id)
        )
        ranked = (
            select(*COLUMNS, looks.c.customer_id, place.label("place"))
            .join_from(looks, Product, Product.id == looks.c.product_id)
            .where(is_presentable())
            .subquery()
        )
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for row in batch.session.execute(select(ranked).where(ranked.c.place <= MOST).order_by(ranked.c.place)):
            found[row.customer_id].append(ware(row))
        none: list[Any] = []
        return lambda m: found.get(m.customer_id, none)
