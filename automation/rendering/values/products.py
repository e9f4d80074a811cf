"""What is new in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from automation.models import Message
from automation.rendering.value import Batch, Value
from automation.rendering.wares import new_arrivals, ware

PICKS = 6
"""How many there are at most."""


class ProductsValue(Value):
    """The store's newest products that can be had and have a picture: title, url, image_url, price, compare_at."""

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        rows = new_arrivals(batch.session, {m.store_id for m in messages}, PICKS)
        picks = {store_id: [ware(row) for row in found] for store_id, found in rows.items()}
        none: list[Any] = []
        return lambda m: picks.get(m.store_id, none)
