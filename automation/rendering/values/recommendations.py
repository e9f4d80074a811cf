"""What to show a customer next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import select

from automation.insights.recommendations.choosing import Ask, Chosen, choose
from automation.models import CartItem, Event, Message, OrderItem, Repurchase
from automation.rendering.value import Batch, Value
from automation.rendering.wares import ware

SHOWN = 6
"""Products of a list."""


_SUBJECTS: dict[str, tuple[Any, Any]] = {
    "order": (OrderItem.order_id, OrderItem.product_id),
    "cart": (CartItem.cart_id, CartItem.product_id),
    "event": (Event.id, Event.product_id),
    "repurchase": (Repurchase.id, Repurchase.product_id),
}
"""What a mail is about → where its products stand."""


class RecommendationsValue(Value):
    """Products to show next, in lists of at most six: recommendations.picks (the best of all), .for_you (suits what
    the customer bought), .together (goes with the order, cart or product the mail is about), .category (of the same
    category), .trending and .new. Never what the customer has, and only what can be had and has a picture: title,
    url, image_url, price, compare_at.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        about = _about(batch, messages)
        asks = [Ask(m.store_id, m.customer_id, tuple(about.get(m.id, ()))) for m in messages]
        found = choose(batch.session, asks, batch.now)
        values = {m.id: _value(chosen) for m, chosen in zip(messages, found, strict=True)}
        return lambda m: values[m.id]


def _value(chosen: Chosen) -> dict[str, Any]:
    return {
        "picks": [ware(choice.row) for choice in chosen.picks(SHOWN)],
        "for_you": _wares(chosen.for_you),
        "together": _wares(chosen.together),
        "category": _wares(chosen.category),
        "trending": _wares(chosen.trending),
        "new": _wares(chosen.new),
    }


def _wares(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [ware(row) for row in rows[:SHOWN]]


def _about(batch: Batch, messages: Sequence[Message]) -> dict[int, list[int]]:
    """The products that each message is about, by message id; at most four statements."""
    found: dict[int, list[int]] = {}
    for subject, (owner, product) in _SUBJECTS.items():
        subjects = batch.about(messages, subject)
        if subjects:
            products = _lines(batch, owner, product, set(subjects.values()))
            found |= {message: products.get(i, []) for message, i in subjects.items()}
    return found


def _lines(batch: Batch, owner: Any, product: Any, ids: Collection[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    rows: Iterable[Any] = batch.session.execute(
        select(owner, product).where(owner.in_(sorted(ids)), product.is_not(None)).order_by(owner, product)
    )
    for i, product_id in rows:
        found[i].append(product_id)
    return found
