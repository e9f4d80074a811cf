"""What customers' orders add up to is always what their orders say, however they came in and changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from automation.app import App
from automation.changes import CustomersMerged, OrderDeleted, OrderRefunded, Person
from automation.clock import TurnableClock
from automation.models import Customer, CustomerRhythm, Order, ProductRhythm, Repurchase
from automation.stages.summarise import summarise
from tests import make
from tests.automation.intake.shop import Shop, order
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.fixture
def shop(app: App) -> Shop:
    """A connected shop."""
    return Shop(app)


def settle(app: App) -> int:
    """Run the stage until it rests; rows it moved."""
    total = 0
    while moved := summarise(app, app.clock(), 2):
        total += moved
    return total


def summary(app: App, name: str = "Ada") -> CustomerRhythm:
    with app.db.read() as session:
        found = select(CustomerRhythm).join(Customer, Customer.id == CustomerRhythm.customer_id)
        return session.scalars(found.where(Customer.first_name == name)).one()


def test_orders_add_up_to_a_count_a_sum_and_a_rhythm(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        for n in range(4):
            make.order(session, store, ada, NOW - n * 10 * DAY, f"o{n}", total=1000, refunded=100 if n == 0 else 0)
        make.order(session, store, ada, NOW - DAY, "cancelled", cancelled_at=NOW)
        make.order(session, store, ada, NOW - DAY, "all back", total=500, refunded=500)
        make.order(session, store, None, NOW, "nobody's")
    settle(app)
    row = summary(app)
    assert (row.order_count, row.spent, row.median_days) == (4, 3900, 10)
    assert (row.first_order_at, row.last_order_at) == (NOW - 30 * DAY, NOW)
    assert row.next_expected_at == NOW + 10 * DAY
    with app.db.read() as session:
        each = session.scalars(select(Order.rhythm_days).order_by(Order.placed_at, Order.id)).all()
    assert sorted(each) == [0, 0, 0, 0, 10, 10, 10]


def test_it_rests_when_nothing_changed(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.order(session, store, make.customer(session, store), NOW)
    assert settle(app) > 0
    statements: list[str] = []
    event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    assert summarise(app, NOW, 100) == 0
    # Four for rhythms and segments, four for recommendations, eight for values and personas, one for the journey,
    # however many there are.
    assert len([s for s in statements if s.startswith("SELECT")]) == 17


def test_whatever_is_told_of_an_order_later_is_taken_over(shop: Shop) -> None:
    ada = Person(external_id="7", email="ada@example.com")
    shop.tell(order("o1", person=ada, placed_at=NOW - 20 * DAY), order("o2", person=ada, placed_at=NOW))
    settle(shop.app)
    row = shop.one(CustomerRhythm)
    assert (row.order_count, row.spent, row.median_days) == (2, 2000, 20)
    shop.tell(OrderRefunded(external_id="r1", order_external_id="o2", amount=300, at=NOW))
    settle(shop.app)
    assert shop.one(CustomerRhythm).spent == 1700
    shop.tell(OrderDeleted(external_id="o1"))
    settle(shop.app)
    row = shop.one(CustomerRhythm)
    assert (row.order_count, row.spent, row.median_days, row.next_expected_at) == (1, 700, None, None)
    assert {o.rhythm_days for o in shop.rows(Order, external_id="o2")} == {0}


def test_customers_who_become_one_have_one_rhythm(shop: Shop) -> None:
    for n, email in enumerate(("ada@example.com", "ada@work.example.com")):
        who = Person(external_id=str(n), email=email)
        shop.tell(order(f"o{n}", person=who, placed_at=NOW - n * 20 * DAY))
    settle(shop.app)
    assert [r.order_count for r in shop.rows(CustomerRhythm)] == [1, 1]
    shop.tell(CustomersMerged(kept_external_id="0", deleted_external_id="1"))
    settle(shop.app)
    assert [(r.order_count, r.median_days) for r in shop.rows(CustomerRhythm)] == [(2, 20)]


def test_a_products_rhythm_needs_five_customers_and_is_looked_at_once_a_day(app: App, clock: TurnableClock) -> None:
    with app.db.write() as session:
        store = make.store(session)
        tea = make.product(session, store)
        people = [make.customer(session, store, f"P{n}") for n in range(6)]
        for n, who in enumerate(people[:4]):
            for weeks in (0, n + 1):
                make.order(session, store, who, NOW - timedelta(weeks=weeks), f"{n}-{weeks}", products=(tea,))
        make.order(session, store, people[4], NOW - timedelta(weeks=5), "4-5", products=(tea,))
        make.order(session, store, people[5], NOW - DAY, "5", products=(tea,))
    settle(app)
    with app.db.read() as session:
        row = session.get_one(ProductRhythm, tea.id)
        assert (row.customer_count, row.median_days) == (4, None)
        assert set(session.scalars(select(Repurchase.is_own))) == {True}
    with app.db.write() as session:
        make.order(session, store, people[4], NOW, "4-0", products=(tea,))
    settle(app)
    with app.db.read() as session:
        assert session.get_one(ProductRhythm, tea.id).median_days is None
    clock.turn(DAY)
    settle(app)
    with app.db.read() as session:
        assert session.get_one(ProductRhythm, tea.id).median_days == 21
        found = select(Repurchase).where(Repurchase.customer_id == people[5].id)
        row_of_one = session.scalars(found).one()
        assert (row_of_one.days, row_of_one.is_own, row_of_one.expected_at) == (21, False, NOW + 20 * DAY)


def test_rows_keep_their_ids_so_that_enrolments_find_them_again(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        tea, ada = make.product(session, store), make.customer(session, store)
        for n in (0, 1):
            make.order(session, store, ada, NOW - n * 10 * DAY, f"o{n}", products=(tea,))
    settle(app)
    with app.db.read() as session:
        before = session.scalars(select(Repurchase.id)).all()
    with app.db.write() as session:
        make.order(session, store, ada, NOW + DAY, "o3")
    settle(app)
    with app.db.read() as session:
        assert session.scalars(select(Repurchase.id)).all() == before
        assert len(before) == 1
