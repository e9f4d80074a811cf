"""Products as a shop tells them, and what a cart's or an order's line is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from automation.changes import Line, ProductChanged, ProductDeleted
from automation.intake.batch import MOST_INT, Batch, Row, Shelf, fill, is_newer, latest, within
from automation.intake.noting import keep
from automation.models import Product, Variant
from automation.upsert import table_of

_FIELDS = ("description", "url", "image_url", "category", "vendor", "tags", "compare_at", "cost")


def take_products(batch: Batch, changes: Sequence[ProductChanged]) -> None:
    """Take over products; what came back into stock or became cheaper also leaves an event."""
    if not changes:
        return
    shelf = Shelf(batch, Product)
    wanted = {change.external_id for change in changes}
    rows = {
        row["external_id"]: row
        for row in shelf.load(Product.store_id == batch.store_id, Product.external_id.in_(wanted))
    }
    before = {external_id: (row["stock"], row["price"]) for external_id, row in rows.items()}
    variants: dict[str, ProductChanged] = {}
    for change in changes:
        row = rows.get(change.external_id)
        if row is None:
            row = rows[change.external_id] = shelf.add(_new(batch, change))
        newer = is_newer(change.updated_at, row["external_updated_at"])
        batch.tally(is_newer=newer)
        _apply(batch, row, change, newer=newer)
        shelf.touch(row)
        if newer and change.variants is not None:
            variants[change.external_id] = change
    shelf.flush()
    told = {rows[external_id]["id"]: change for external_id, change in variants.items()}
    stock = _variants_of(batch, told)
    _replace_variants(batch, told)
    there: _Variants = {
        (i, v.external_id): (v.stock, v.price) for i, change in told.items() for v in change.variants or ()
    }
    _tell(batch, [(rows[external_id], *was) for external_id, was in before.items()], stock, there)


def _new(batch: Batch, change: ProductChanged) -> Row:
    empty = dict.fromkeys(("title", "description", "url", "image_url", "category", "vendor"), "")
    return {
        "id": None,
        "store_id": batch.store_id,
        "external_id": change.external_id,
        **empty,
        **dict.fromkeys(("compare_at", "cost", "stock", "external_updated_at")),
        "tags": [],
        "price": 0,
        "state": change.state,
        "created_at": change.created_at or batch.now,
        "updated_at": batch.now,
    }


def _apply(batch: Batch, row: Row, change: ProductChanged, *, newer: bool) -> None:
    fill(row, {name: getattr(change, name) for name in _FIELDS}, newer=newer)
    if not newer:
        return
    prices = [v.price for v in change.variants or ()]
    counted = [v.stock for v in change.variants or () if v.stock is not None]
    price = change.price if change.price is not None else min(prices, default=None)
    stock = change.stock if change.stock is not None else (sum(counted) if counted else None)
    if change.compare_at is None and prices:
        row["compare_at"] = max((v.compare_at for v in change.variants or () if v.compare_at is not None), default=None)
    if price is not None:
        row["price"] = price
    if stock is not None or change.variants is not None:
        row["stock"] = None if stock is None else within(stock, MOST_INT)
    row["title"], row["state"] = change.title, change.state
    row["external_updated_at"] = latest(row["external_updated_at"], change.updated_at)
    row["updated_at"] = batch.now


def _replace_variants(batch: Batch, told: dict[int, ProductChanged]) -> None:
    if not told:
        return
    table = table_of(Variant)
    batch.session.execute(delete(table).where(table.c.product_id.in_(told)))
    rows = [
        {
            "product_id": product_id,
            "external_id": variant.external_id,
            "title": variant.title,
            "sku": variant.sku,
            "image_url": variant.image_url,
            "price": variant.price,
            "compare_at": variant.compare_at,
            "stock": None if variant.stock is None else within(variant.stock, MOST_INT),
        }
        for product_id, change in told.items()
        for variant in {v.external_id: v for v in change.variants or ()}.values()
    ]
    if rows:
        batch.session.connection().execute(insert(table), rows)


_Variants = dict[tuple[int, str], tuple[int | None, int]]
"""Stock and price of variants, by product and the shop's id of the variant."""
PRICED = "price.changed"
"""A product's, or with `variant_id` a variant's, price went `from` one amount `to` another."""


def _variants_of(batch: Batch, product_ids: Iterable[int]) -> _Variants:
    columns = (Variant.product_id, Variant.external_id, Variant.stock, Variant.price)
    found = batch.session.execute(select(*columns).where(Variant.product_id.in_(product_ids)))
    return {(row.product_id, row.external_id): (row.stock, row.price) for row in found}


def _tell(batch: Batch, seen: Iterable[tuple[Row, int | None, int]], variants: _Variants, now_there: _Variants) -> None:
    """Leave an event for what a customer may wait for. A product that is new to us is no news to anybody."""
    rows: list[Row] = []
    products: dict[int, Row] = {}
    for row, stock, price in seen:
        products[row["id"]] = row
        if _rose(stock, row["stock"]):
            name = "product.back_in_stock" if (stock or 0) <= 0 else "product.restocked"
            rows.append(_event(batch, row, name, stock=row["stock"]))
        if 0 <= row["price"] < price:
            rows.append(_event(batch, row, "product.price_dropped", **{"from": price, "to": row["price"]}))
        if row["price"] != price > 0:
            rows.append(_event(batch, row, PRICED, **{"from": price, "to": row["price"]}))
    for (product_id, variant_id), (stock, price) in sorted(now_there.items()):
        before, was = variants.get((product_id, variant_id), (None, price))
        if product_id in products and price != was > 0:
            change = {"from": was, "to": price, "variant_id": variant_id}
            rows.append(_event(batch, products[product_id], PRICED, **change))
        if product_id in products and _rose(before, stock):
            name = "variant.back_in_stock" if (before or 0) <= 0 else "variant.restocked"
            rows.append(_event(batch, products[product_id], name, stock=stock, variant_id=variant_id))
    keep(batch.session, rows, batch.now)


def _rose(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and max(before, 0) < after


def _event(batch: Batch, product: Row, name: str, **more: Any) -> Row:
    about = {"product_id": product["id"], "external_id": product["external_id"], "title": product["title"]}
    return {
        "store_id": batch.store_id,
        "customer_id": None,
        "name": name,
        "at": batch.now,
        "product_id": product["id"],
        "properties": {**about, **more},
        "recorded_at": batch.now,
    }


def take_deleted_products(batch: Batch, changes: Sequence[ProductDeleted]) -> None:
    """Mark products as gone; carts and orders still refer to them."""
    table = table_of(Product)
    wanted: set[Any] = {change.external_id for change in changes}
    gone = batch.session.execute(
        update(table)
        .where(table.c.store_id == batch.store_id, table.c.external_id.in_(wanted))
        .values(state="deleted", updated_at=batch.now, external_updated_at=batch.now)
        .returning(table.c.id)
    ).all()
    batch.applied += len(gone)
    batch.unmatched += len(changes) - len(gone)


class Goods:
    """Which of our products each line is of."""

    def __init__(self, batch: Batch, lines: Iterable[Line]) -> None:
        products, variants = set[str](), set[str]()
        for line in lines:
            if line.product_external_id:
                products.add(line.product_external_id)
            elif line.variant_external_id:
                variants.add(line.variant_external_id)
        self._products = self._variants = dict[str, int]()
        mine = Product.store_id == batch.store_id
        if products:
            found = select(Product.external_id, Product.id).where(mine, Product.external_id.in_(products))
            self._products = dict(batch.session.execute(found).all())
        if variants:
            found = (
                select(Variant.external_id, Variant.product_id)
                .join(Product, Product.id == Variant.product_id)
                .where(mine, Variant.external_id.in_(variants))
            )
            self._variants = dict(batch.session.execute(found).all())

    def product_id(self, line: Line | None) -> int | None:
        """Our id of the line's product; None for one that we do not know."""
        if line is None:
            return None
        by_variant = None if line.product_external_id else self._variants.get(line.variant_external_id)
        return self._products.get(line.product_external_id, by_variant)

    def item(self, owner: str, owner_id: int, position: int, line: Line) -> Row:
        """A line as a row of `cart_items` or `order_items`, save an order's discount."""
        return {
            owner: owner_id,
            "position": position,
            "product_id": self.product_id(line),
            "product_external_id": line.product_external_id,
            "variant_external_id": line.variant_external_id,
            "title": line.title,
            "sku": line.sku,
            "quantity": line.quantity,
            "price": line.price,
        }
