from __future__ import annotations

from typing import Any

from automation.changes import ProductChanged, ProductDeleted, VariantState
from automation.models import Event, Product, Variant
from tests.automation.intake.shop import Shop, ago


def tea(minutes: float, *variants: tuple[int, int | None], **values: Any) -> ProductChanged:
    """A tea whose variants have these prices and stocks."""
    states = [VariantState(external_id=f"v{n}", price=price, stock=stock) for n, (price, stock) in enumerate(variants)]
    return ProductChanged(external_id="p1", title="Tea", variants=states, updated_at=ago(minutes), **values)


def test_a_product_costs_what_its_cheapest_variant_does_and_has_the_stock_of_all(shop: Shop) -> None:
    shop.tell(tea(9, (900, 3), (700, 4), (800, None)))
    row = shop.one(Product)
    assert (row.price, row.stock, row.state) == (700, 7, "active")
    assert len(shop.rows(Variant)) == 3


def test_newer_variants_replace_older_ones_and_stale_ones_do_not(shop: Shop) -> None:
    shop.tell(tea(9, (900, 3), (700, 4)))
    shop.tell(tea(5, (800, None)))
    assert shop.tell(tea(7, (1, 1))).stale == 1
    assert (shop.one(Product).price, shop.one(Product).stock, shop.one(Variant).price) == (800, None, 800)


def test_back_in_stock_and_cheaper_leave_an_event_each_time_it_happens(shop: Shop) -> None:
    shop.tell(tea(9, (900, 0)))
    shop.tell(tea(8, (900, 5)))
    shop.tell(tea(7, (900, 6)))
    shop.tell(tea(6, (600, 6)))
    shop.tell(tea(6, (600, 6)))
    told = [e for e in shop.rows(Event) if e.name.startswith("product.")]
    assert [e.name for e in told] == ["product.back_in_stock", "product.restocked", "product.price_dropped"]
    assert told[2].properties["from"] == 900
    assert {e.product_id for e in told} == {shop.one(Product).id}


def test_each_variant_that_comes_back_leaves_an_event_of_its_own(shop: Shop) -> None:
    shop.tell(tea(9, (900, 0), (700, 4)))
    shop.tell(tea(8, (900, 2), (700, 3)))
    shop.tell(tea(7, (900, 2), (700, 5)))
    told = [
        (e.name, e.properties["variant_id"], e.properties["stock"]) for e in shop.rows(Event, name="variant.restocked")
    ]
    told += [
        (e.name, e.properties["variant_id"], e.properties["stock"])
        for e in shop.rows(Event, name="variant.back_in_stock")
    ]
    assert told == [("variant.restocked", "v1", 5), ("variant.back_in_stock", "v0", 2)]


def test_every_price_that_changes_is_told_with_what_it_was(shop: Shop) -> None:
    shop.tell(tea(9, (900, 5), (700, 5)))
    shop.tell(tea(8, (950, 5), (700, 5)))
    shop.tell(tea(7, (950, 5), (990, 5)))
    told = [(e.properties.get("variant_id"), e.properties["from"], e.properties["to"]) for e in shop.rows(Event)]
    assert told == [("v0", 900, 950), (None, 700, 950), ("v1", 700, 990)]


def test_a_first_price_and_a_first_stock_are_no_news(shop: Shop) -> None:
    shop.tell(tea(9, (900, 5)))
    assert shop.rows(Event) == []


def test_a_deleted_product_stays_deleted_whatever_comes_late(shop: Shop) -> None:
    shop.tell(tea(9, (900, 3)))
    assert shop.tell(ProductDeleted(external_id="p1"), ProductDeleted(external_id="p2")).unmatched == 1
    shop.tell(tea(5, (900, 3)))
    assert shop.one(Product).state == "deleted"
