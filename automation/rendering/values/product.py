"""The one product that a mail is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from automation.models import Event, Message, Product, Repurchase, Variant
from automation.rendering.lines import shown_variant
from automation.rendering.value import Batch, Value
from automation.rendering.wares import COLUMNS, ware
from automation.times import local_date

NONE: dict[str, Any] = {
    "title": "",
    "variant": "",
    "url": "",
    "image_url": "",
    "price": 0,
    "compare_at": None,
    "was_price": None,
    "bought_on": "",
    "is_available": False,
}
_COLUMNS = (*COLUMNS, Product.state, Product.stock)


class ProductValue(Value):
    """The product that was looked at, is back, became cheaper or runs out: title, variant, url, image_url, price,
    was_price (before it fell, or the shop's own compare-at price; empty where there is none), is_available, and
    bought_on for what was bought before.
    """

    def load(self, batch: Batch, messages: Sequence[Message]) -> Callable[[Message], Any]:
        events = batch.about(messages, "event")
        purchases = batch.about(messages, "repurchase")
        told = _events(batch, set(events.values())) if events else {}
        bought = _repurchases(batch, set(purchases.values())) if purchases else {}
        variants = _variants(batch, told.values())
        found = {}
        for m in messages:
            row = told.get(events.get(m.id, 0)) or bought.get(purchases.get(m.id, 0))
            if row is not None and row.customer_id in (None, m.customer_id):
                bought_on = local_date(row.bought_at, batch.zone(m)).isoformat() if m.id in purchases else ""
                found[m.id] = _value(row, variants, bought_on)
        return lambda m: found.get(m.id, NONE)


def _events(batch: Batch, ids: Collection[int]) -> dict[int, Any]:
    # What became cheaper is an event of nobody's: it is the product that it happened to.
    columns = (Event.id.label("event_id"), Event.customer_id, Event.properties, *_COLUMNS)
    found = select(*columns).join_from(Event, Product, Product.id == Event.product_id).where(Event.id.in_(sorted(ids)))
    return {row.event_id: row for row in batch.session.execute(found)}


def _repurchases(batch: Batch, ids: Collection[int]) -> dict[int, Any]:
    columns = (Repurchase.id.label("repurchase_id"), Repurchase.customer_id, Repurchase.bought_at, *_COLUMNS)
    found = select(*columns).join_from(Repurchase, Product, Product.id == Repurchase.product_id)
    rows = batch.session.execute(found.where(Repurchase.id.in_(sorted(ids))))
    return {row.repurchase_id: row for row in rows}


def _variants(batch: Batch, rows: Collection[Any]) -> dict[tuple[int, str], Any]:
    """The variants that events name, by product and the shop's id."""
    wanted = {(row.id, str(row.properties["variant_id"])) for row in rows if row.properties.get("variant_id")}
    if not wanted:
        return {}
    found = select(Variant).where(
        Variant.product_id.in_(sorted({product for product, _ in wanted})),
        Variant.external_id.in_(sorted({variant for _, variant in wanted})),
    )
    return {(row.product_id, row.external_id): row for row in batch.session.scalars(found)}


def _value(row: Any, variants: Mapping[tuple[int, str], Any], bought_on: str) -> dict[str, Any]:
    properties: dict[str, Any] = getattr(row, "properties", {})
    variant = variants.get((row.id, str(properties.get("variant_id"))))
    shown = variant or row
    before = properties.get("from")
    fell = isinstance(before, int | float) and not isinstance(before, bool) and before > row.price
    was_price = before if fell else shown.compare_at
    return {
        **ware(row),
        "variant": shown_variant(variant.title) if variant else "",
        "image_url": (variant.image_url if variant else "") or row.image_url,
        "price": shown.price,
        "compare_at": shown.compare_at,
        "was_price": int(was_price) if was_price and was_price > shown.price else None,
        "bought_on": bought_on,
        "is_available": row.state == "active" and (shown.stock is None or shown.stock > 0),
    }
