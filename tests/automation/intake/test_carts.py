from __future__ import annotations

from datetime import timedelta

from automation.changes import CartChanged, CartDeleted, Person, ProductChanged, VariantState
from automation.models import Cart, CartItem, Customer, Order
from tests import make
from tests.automation.intake.shop import ADA, GUEST, Shop, ago, cart, line, order
from tests.conftest import NOW


def test_a_cart_is_one_row_with_counted_lines(shop: Shop) -> None:
    with shop.app.db.write() as session:
        teacup = make.product(session, shop.store, "p1")
    shop.tell(cart("c1", 30, line("p1", 2, 1000), line("unknown", 1, 500), currency="GBP"))
    row = shop.one(Cart)
    assert (row.item_count, row.total, row.currency, row.last_activity_at) == (3, 2500, "GBP", ago(30))
    assert [(i.position, i.product_id, i.quantity) for i in shop.rows(CartItem)] == [(0, teacup.id, 2), (1, None, 1)]


def test_a_line_is_found_by_its_variant_where_no_product_is_named(shop: Shop) -> None:
    shop.tell(ProductChanged(external_id="p1", title="Tea", variants=[VariantState(external_id="v1", price=5)]))
    shop.tell(cart("c1", 30, line("", 1, 5, variant_external_id="v1")))
    assert shop.one(CartItem).product_id == 1


def test_an_older_update_does_not_bring_lines_back(shop: Shop) -> None:
    shop.tell(cart("c1", 5, line("p2")))
    assert shop.tell(cart("c1", 9, line("p1"), line("p3"))).stale == 1
    assert [i.product_external_id for i in shop.rows(CartItem)] == ["p2"]


def test_an_emptied_cart_holds_nothing(shop: Shop) -> None:
    shop.tell(cart())
    shop.tell(CartChanged(external_id="c1", lines=[], updated_at=ago(1)))
    assert (shop.one(Cart).item_count, shop.one(Cart).total, shop.rows(CartItem)) == (0, 0, [])


def test_a_checkout_says_whose_the_cart_is_in_either_order(shop: Shop) -> None:
    checkout = cart("c1", 20, checkout_id="k1", person=GUEST, recovery_url="https://x.example/k1")
    for token, first, second in (("c1", cart("c1", 10), checkout), ("c2", checkout, cart("c2", 10))):
        for change in (first, second):
            checkout_id = change.checkout_id and f"k-{token}"
            shop.tell(change.model_copy(update={"external_id": token, "checkout_id": checkout_id}))
    for row in shop.rows(Cart):
        assert row.customer_id == shop.one(Customer).id
        assert (row.checkout_id is not None, row.checkout_at, row.last_activity_at) == (True, ago(20), ago(10))


def test_an_order_closes_its_cart_by_either_token(shop: Shop) -> None:
    shop.tell(cart("c1"), cart("c2", checkout_id="k2"), cart("k3"), cart("c4"))
    shop.tell(
        order("o1", cart_external_id="c1", person=ADA),
        order("o2", checkout_external_id="k2", person=ADA),
        order("o3", checkout_external_id="k3", person=ADA),
    )
    assert [row.ordered_at for row in shop.rows(Cart)] == [ago(20), ago(20), ago(20), None]
    assert [row.customer_id is not None for row in shop.rows(Cart)] == [True, True, True, False]


def test_an_order_that_came_first_closes_the_cart_that_comes_later(shop: Shop) -> None:
    shop.tell(order("o1", cart_external_id="c1", person=ADA), order("o2", checkout_external_id="k2", person=ADA))
    shop.tell(cart("c1"))
    shop.tell(cart("c2", checkout_id="k2"))
    assert [row.ordered_at for row in shop.rows(Cart)] == [ago(20), ago(20)]
    assert {row.customer_id for row in shop.rows(Cart)} == {shop.one(Customer).id}


def test_an_order_without_a_name_belongs_to_the_owner_of_its_cart(shop: Shop) -> None:
    shop.tell(cart("c1", person=GUEST))
    shop.tell(order(cart_external_id="c1"))
    assert shop.one(Order).customer_id == shop.one(Customer).id


def test_a_completed_checkout_is_ordered(shop: Shop) -> None:
    shop.tell(cart("c1", checkout_id="k1", completed_at=ago(3)))
    assert shop.one(Cart).ordered_at == ago(3)


def test_a_deleted_cart_stays_deleted_until_somebody_uses_it_again(shop: Shop) -> None:
    shop.tell(cart("c1", 30, checkout_id="k1"))
    assert shop.tell(CartDeleted(checkout_id="k1", at=ago(40))).stale == 1
    assert shop.one(Cart).deleted_at is None
    shop.tell(CartDeleted(checkout_id="k1", at=ago(20)))
    shop.tell(cart("c1", 25))
    assert shop.one(Cart).deleted_at == ago(20)
    shop.tell(cart("c1", 10))
    assert shop.one(Cart).deleted_at is None
    assert shop.tell(CartDeleted(external_id="nobody's"), now=NOW + timedelta(days=1)).unmatched == 1


def test_a_checkout_and_its_cart_that_came_apart_become_one(shop: Shop) -> None:
    shop.tell(cart("k1", 30, checkout_id="9", person=Person(email="ada@example.com")), cart("c1", 20))
    shop.tell(cart("c1", 10, checkout_id="9"))
    alone, joined = shop.rows(Cart)
    assert (alone.deleted_at, alone.checkout_id) == (NOW, None)
    assert (joined.checkout_id, joined.customer_id, joined.deleted_at) == ("9", shop.one(Customer).id, None)
