from __future__ import annotations

from automation.changes import DueItemChanged, EventHappened, Person, ProductChanged, VariantState
from automation.models import Customer, DueItem, Event, Product
from tests.automation.intake.shop import ADA, Shop, ago
from tests.conftest import NOW


def test_an_event_told_twice_with_its_id_is_kept_once(shop: Shop) -> None:
    event = EventHappened(name="review.left", person=ADA, at=ago(5), properties={"stars": 5}, external_id="e1")
    assert shop.tell(event, event).repeated == 1
    assert shop.tell(event).repeated == 1
    row = shop.one(Event)
    assert (row.name, row.properties, row.customer_id) == ("review.left", {"stars": 5}, shop.one(Customer).id)


def test_events_without_an_id_are_all_kept(shop: Shop) -> None:
    event = EventHappened(name="product.viewed", at=ago(5))
    shop.tell(event, event)
    assert len(shop.rows(Event)) == 2


def test_an_event_knows_our_product_by_the_shops_id_of_it_or_of_its_variant(shop: Shop) -> None:
    variant = VariantState(external_id="v1", price=500)
    shop.tell(ProductChanged(external_id="7", title="Tea", variants=[variant]))
    named: list[dict[str, object]] = [
        {"product_id": 7},
        {"variant_id": "v1"},
        {"product_id": "8"},
        {"product_id": True},
    ]
    shop.tell_all([EventHappened(name="product.viewed", person=ADA, at=ago(5), properties=p) for p in named])
    ours = shop.one(Product).id
    assert [e.product_id for e in shop.rows(Event)] == [ours, ours, None, None]


def test_a_due_item_follows_the_newest_news(shop: Shop) -> None:
    def rent(minutes: float, day: int) -> DueItemChanged:
        due_at = NOW.replace(day=day)
        return DueItemChanged(kind="payment", external_id="i1", person=ADA, due_at=due_at, updated_at=ago(minutes))

    shop.tell(rent(9, 20))
    shop.tell(rent(5, 22))
    assert shop.tell(rent(7, 21)).stale == 1
    assert shop.one(DueItem).due_at.day == 22


def test_a_due_item_of_nobody_is_not_kept(shop: Shop) -> None:
    assert shop.tell(DueItemChanged(kind="payment", external_id="i1", person=Person(), due_at=NOW)).unmatched == 1
    assert shop.rows(DueItem) == []
