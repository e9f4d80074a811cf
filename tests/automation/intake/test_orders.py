from __future__ import annotations

from automation.changes import OrderDeleted, OrderDelivered, OrderRefunded
from automation.models import Customer, Event, Order, OrderItem
from tests.automation.intake.shop import ADA, Shop, ago, line, order
from tests.conftest import NOW


def test_an_order_is_kept_with_its_lines_and_its_customer(shop: Shop) -> None:
    shop.tell(order(person=ADA, number="#1001", codes=["TEA"], lines=[line("p1", 2), line("p2", 1, 50, discount=5)]))
    row = shop.one(Order)
    assert (row.number, row.codes, row.customer_id, row.email_key) == (
        "#1001",
        ["TEA"],
        shop.one(Customer).id,
        "ada@example.com",
    )
    assert [(i.product_external_id, i.quantity, i.discount) for i in shop.rows(OrderItem)] == [
        ("p1", 2, 0),
        ("p2", 1, 5),
    ]


def test_newer_news_wins_and_lines_that_were_not_mentioned_stay(shop: Shop) -> None:
    shop.tell(order(minutes=9, total=500))
    shop.tell(order(minutes=5, total=700, lines=None))
    assert shop.tell(order(minutes=7, total=600, lines=[])).stale == 1
    assert shop.one(Order).total == 700
    assert len(shop.rows(OrderItem)) == 1


def test_a_milestone_is_the_first_time_that_it_was_told(shop: Shop) -> None:
    shop.tell(order(minutes=5, paid_at=ago(5)))
    shop.tell(order(minutes=9, paid_at=ago(9)))
    shop.tell(order(minutes=1, paid_at=ago(1), cancelled_at=ago(1)))
    shop.tell(order(minutes=0))
    assert (shop.one(Order).paid_at, shop.one(Order).cancelled_at) == (ago(9), ago(1))


def test_refunds_add_up_once_each(shop: Shop) -> None:
    first = OrderRefunded(external_id="r1", order_external_id="o1", amount=300, at=ago(3))
    second = OrderRefunded(external_id="r2", order_external_id="o1", amount=200, at=ago(2))
    assert shop.tell(first).unmatched == 1
    receipt = shop.tell(second, order(person=ADA), first, first)
    assert (receipt.applied, receipt.repeated) == (3, 1)
    assert shop.tell(first, second, order(minutes=1, person=ADA)).repeated == 2
    assert shop.one(Order).refunded == 500
    told = shop.rows(Event)
    assert [(e.name, e.properties["amount"], e.customer_id) for e in told] == [
        ("order.refunded", 200, shop.one(Customer).id),
        ("order.refunded", 300, shop.one(Customer).id),
    ]


def test_a_delivery_is_remembered(shop: Shop) -> None:
    arrived = OrderDelivered(order_external_id="o1", at=ago(2))
    assert shop.tell(arrived).unmatched == 1
    shop.tell(order(), arrived)
    shop.tell(order(minutes=0))
    assert shop.one(Order).delivered_at == ago(2)


def test_a_deleted_order_counts_as_cancelled_for_good(shop: Shop) -> None:
    shop.tell(order())
    assert shop.tell(OrderDeleted(external_id="o1"), OrderDeleted(external_id="o2")).unmatched == 1
    shop.tell(order(minutes=0))
    assert shop.one(Order).cancelled_at == NOW
