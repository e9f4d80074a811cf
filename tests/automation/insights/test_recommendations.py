"""Recommendations: counted order by order, never what somebody has, and the same as if counted from the beginning."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation.app import App
from automation.clock import TurnableClock
from automation.concerns import concerns
from automation.insights.recommendations import checking, counting
from automation.insights.recommendations.choosing import Ask, Chosen, choose
from automation.insights.recommendations.counting import mark
from automation.insights.recommendations.refreshing import refresh
from automation.models import Basket, Customer, Order, OrderItem, Product, ProductDemand, ProductPair, Store
from tests import make
from tests.conftest import NOW
from tests.webapp.statements import counted

DAY = timedelta(days=1)


def catch_up(app: App) -> None:
    while refresh(app, NOW, 500):
        pass


def shop(session: Session, count: int = 6, **values: Any) -> tuple[Store, list[Product]]:
    store = make.store(session)
    return store, [make.product(session, store, f"p{n}", **values) for n in range(count)]


def buy(session: Session, store: Store, who: Customer | None, name: str, *products: Product, days: float = 5) -> Order:
    return make.order(session, store, who, NOW - days * DAY, name, products=products)


def titles(rows: list[Any]) -> list[str]:
    return [row.external_id for row in rows]


def chosen(app: App, *asks: Ask) -> list[Chosen]:
    with app.db.read() as session:
        return choose(session, asks, NOW)


def pairs(session: Session) -> dict[tuple[int, int], int]:
    return {(p.product_id, p.other_id): p.orders for p in session.scalars(select(ProductPair))}


def counted_anew(session: Session) -> tuple[dict[tuple[int, int], int], dict[int, int]]:
    """Both tables by brute force."""
    together: Counter[tuple[int, int]] = Counter()
    ever: Counter[int] = Counter()
    for order in session.scalars(select(Order)):
        if order.cancelled_at or (order.refunded and order.refunded >= order.total):
            continue
        lines = session.scalars(select(OrderItem).where(OrderItem.order_id == order.id))
        products = {line.product_id for line in lines if line.product_id and line.quantity > 0}
        ever.update(products)
        together.update((a, b) for a in products for b in products if a != b)
    return dict(together), dict(ever)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_orders_the_counts_are_those_of_a_count_from_the_beginning(app: App, seed: int) -> None:
    dice = random.Random(seed)
    with app.db.write() as session:
        store, products = shop(session)
        ids = [
            buy(session, store, None, f"o{n}", *dice.sample(products, dice.randint(0, 4)), days=dice.randint(1, 60)).id
            for n in range(12)
        ]
    catch_up(app)
    for _ in range(6):
        with app.db.write() as session:
            order = session.get_one(Order, dice.choice(ids))
            match dice.randrange(4):
                case 0:
                    order.cancelled_at = None if order.cancelled_at else NOW
                case 1:
                    order.refunded = dice.choice([0, 100, order.total])
                case 2:
                    order.placed_at = NOW - dice.randint(1, 300) * DAY
                case _:
                    for line in session.scalars(select(OrderItem).where(OrderItem.order_id == order.id)):
                        session.delete(line)
                    session.flush()
                    session.add(
                        OrderItem(
                            order_id=order.id,
                            position=0,
                            product_id=dice.choice(products).id,
                            title="X",
                            quantity=1,
                            price=1,
                        )
                    )
            mark(session, store.id, {order.id})
        catch_up(app)
        with app.db.read() as session:
            together, ever = counted_anew(session)
            assert pairs(session) == together
            stored = {d.product_id: d.orders for d in session.scalars(select(ProductDemand)) if d.orders}
            assert stored == ever


def test_what_is_bought_together_is_shown_unless_it_was_only_once(app: App) -> None:
    with app.db.write() as session:
        store, (cup, saucer, spoon, *_) = shop(session)
        for n in range(2):
            buy(session, store, None, f"o{n}", cup, saucer)
        buy(session, store, None, "once", cup, spoon)
        ask = Ask(store.id, about=(cup.id,))
    catch_up(app)
    found = chosen(app, ask)[0]
    assert titles(found.together) == ["p1"]
    assert "p0" not in titles(found.trending)
    assert found.picks(3)[0].reason == "together"


def test_nobody_is_shown_what_they_have_unless_it_is_used_up(app: App) -> None:
    with app.db.write() as session:
        store, (cup, saucer, tea, *_) = shop(session)
        tea.tags = ["Consumable"]
        ada, eve = make.customer(session, store), make.customer(session, store, "Eve")
        for n in range(3):
            buy(session, store, None, f"o{n}", cup, saucer, tea)
        buy(session, store, ada, "ada", cup, saucer, tea)
        buy(session, store, eve, "eve", cup)
        asks = Ask(store.id, ada.id), Ask(store.id, eve.id)
    catch_up(app)
    hers, others = chosen(app, *asks)
    assert titles(hers.for_you) == ["p2"]
    assert set(titles(others.for_you)) == {"p1", "p2"}
    assert "p0" not in titles(others.trending)
    assert "p1" not in titles([c.row for c in hers.picks(10)])


@pytest.mark.parametrize(
    "flaw", [{"stock": 0}, {"image_url": ""}, {"price": 0}, {"state": "archived"}, {"url": ""}], ids=str
)
def test_what_cannot_be_had_or_shown_is_left_out(app: App, flaw: dict[str, Any]) -> None:
    with app.db.write() as session:
        store, (cup, saucer, *_) = shop(session, 2)
        for n in range(2):
            buy(session, store, None, f"o{n}", cup, saucer)
        for name, value in flaw.items():
            setattr(saucer, name, value)
        ask = Ask(store.id, about=(cup.id,))
    catch_up(app)
    assert chosen(app, ask)[0].picks(5) == []


def test_trending_is_what_was_ordered_lately_rather_than_most(app: App) -> None:
    with app.db.write() as session:
        store, (old, new, gone, *_) = shop(session)
        for n in range(4):
            buy(session, store, None, f"o{n}", old, days=80)
        for n in range(2):
            buy(session, store, None, f"n{n}", new, days=2)
        for n in range(9):
            buy(session, store, None, f"g{n}", gone, days=95)
        ask = Ask(store.id)
    catch_up(app)
    assert titles(chosen(app, ask)[0].trending) == ["p1", "p0"]


def test_a_stranger_gets_what_is_trending_then_what_is_new_and_of_their_own_store_only(app: App) -> None:
    with app.db.write() as session:
        store, (cup, *_) = shop(session, 2)
        other = make.store(session, name="Another")
        theirs = make.product(session, other, "theirs")
        buy(session, store, None, "a", cup)
        buy(session, other, None, "b", theirs)
        asks = Ask(store.id), Ask(other.id)
    catch_up(app)
    ours, others = chosen(app, *asks)
    assert [(c.row.external_id, c.reason) for c in ours.picks(5)] == [("p0", "trending"), ("p1", "new")]
    assert [c.row.external_id for c in others.picks(5)] == ["theirs"]


def test_a_category_stands_in_where_nothing_goes_together(app: App) -> None:
    with app.db.write() as session:
        store, (cup, mug, coat, *_) = shop(session)
        cup.category = mug.category = "Kitchen"
        coat.category = "Clothes"
        buy(session, store, None, "a", mug)
        buy(session, store, None, "b", coat)
        ask = Ask(store.id, about=(cup.id,))
    catch_up(app)
    assert titles(chosen(app, ask)[0].category) == ["p1"]


def test_an_order_of_very_many_products_counts_for_each_but_pairs_nothing(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (counting, checking):
        monkeypatch.setattr(module, "LARGEST", 3)
    with app.db.write() as session:
        store, products = shop(session, 4)
        buy(session, store, None, "a", *products)
    catch_up(app)
    with app.db.read() as session:
        assert not pairs(session)
        assert [d.orders for d in session.scalars(select(ProductDemand))] == [1, 1, 1, 1]


def test_however_many_ask_it_takes_as_many_statements(app: App) -> None:
    with app.db.write() as session:
        store, products = shop(session)
        customers = [make.customer(session, store, f"Ada{n}") for n in range(20)]
        for n, customer in enumerate(customers):
            buy(session, store, customer, f"o{n}", *products[:3])
        asks = [Ask(store.id, customer.id, (products[4].id,)) for customer in customers]
    catch_up(app)
    counts = []
    for some in (asks[:1], asks):
        with app.db.read() as session, counted(app) as statements:
            choose(session, some, NOW)
        counts.append(len(statements))
    assert counts[0] == counts[1] == 6


def test_the_nightly_check_finds_a_difference_tells_of_it_and_mends_it(
    app: App, clock: TurnableClock, caplog: pytest.LogCaptureFixture
) -> None:
    with app.db.write() as session:
        store, (cup, saucer, spoon, *_) = shop(session)
        for n in range(2):
            buy(session, store, None, f"o{n}", cup, saucer)
    catch_up(app)
    with app.db.read() as session:
        right = pairs(session)
        assert checking.NIGHTLY.found(session, NOW) == 0
    with app.db.write() as session:
        session.execute(update(ProductPair).where(ProductPair.product_id == cup.id).values(orders=7))
        session.execute(update(ProductDemand).where(ProductDemand.product_id == saucer.id).values(orders=9))
        session.add(ProductPair(product_id=cup.id, other_id=spoon.id, orders=3))
    night = NOW + DAY
    while refresh(app, night, 500):
        pass
    with app.db.read() as session:
        assert pairs(session) == right
        assert checking.NIGHTLY.found(session, night) == 3
        said = [c.text for c in concerns(session, store, night) if c.key == "recommendations"]
        assert said == ["3 counts behind the recommendations were wrong. They were put right."]
    assert "were put right" in caplog.text
    while refresh(app, night + DAY, 500):
        pass
    with app.db.read() as session:
        assert checking.NIGHTLY.found(session, night + DAY) == 0


def test_nothing_is_checked_while_orders_wait_to_be_counted(app: App) -> None:
    with app.db.write() as session:
        store, (cup, *_) = shop(session)
        buy(session, store, None, "a", cup)
        session.flush()
        session.add(Basket(order_id=session.scalars(select(Order.id)).one(), store_id=store.id))
    assert checking.check(app, NOW) == 0
