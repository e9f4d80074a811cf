from __future__ import annotations

import pytest
from sqlalchemy import func, select

from automation.app import App
from automation.counting import count
from automation.demo import campaigns, history, past, shop
from automation.demo.carts import AWAKE
from automation.models import (
    Campaign,
    Cart,
    Connection,
    Consent,
    ConsentState,
    Customer,
    Job,
    Order,
    OrderItem,
    Product,
    Store,
)
from tests.automation.demo.conftest import CUSTOMERS
from tests.conftest import NOW


def quietly(_done: float, _words: str) -> None:
    pass


def test_the_shop_has_everything_it_needs_to_mail(loaded: App) -> None:
    with loaded.db.read() as session:
        store = session.scalars(select(Store)).one()
        assert (store.currency, store.timezone, store.is_demo) == ("GBP", "Europe/London", True)
        assert store.postal_address
        kinds = session.execute(select(Connection.role, Connection.kind, Connection.is_default)).all()
        assert {tuple(k) for k in kinds} == {
            ("platform", "shopify", False),
            ("platform", "api", False),
            ("provider", "mailbox", True),
        }


def test_all_orders_of_the_chosen_customers_are_there_to_the_penny(stocked: App) -> None:
    expected = past.read(NOW, customers=CUSTOMERS)
    with stocked.db.read() as session:
        assert count(session)["customers"] == len(expected.customers)
        assert session.scalar(select(func.count(Order.id))) == len(expected.purchases)
        assert session.scalar(select(func.sum(Order.total))) == sum(p.total for p in expected.purchases)
        assert session.scalar(select(func.sum(Order.refunded))) == sum(p.refunded for p in expected.purchases)
        lines = session.scalar(select(func.sum(OrderItem.quantity * OrderItem.price)))
        assert lines == sum(p.total for p in expected.purchases)
        orphans = select(func.count()).select_from(OrderItem).where(OrderItem.product_id.is_(None))
        assert session.scalar(orphans) == 0


def test_the_ledger_and_its_newest_lines_agree(stocked: App) -> None:
    with stocked.db.read() as session:
        lines = session.execute(select(Consent.customer_id, Consent.status).order_by(Consent.id)).all()
        newest = {customer: status for customer, status in lines}  # noqa: C416  rows are no pairs to mypy
        states = session.execute(select(ConsentState.customer_id, ConsentState.status)).all()
        assert {customer: status for customer, status in states} == newest  # noqa: C416  as above
        assert {"granted", "withdrawn"} <= set(newest.values())
        assert len(newest) < CUSTOMERS, "some were never asked"


def test_carts_were_left_in_the_last_hours_by_people_who_agreed(stocked: App) -> None:
    with stocked.db.read() as session:
        rows = session.execute(
            select(Cart.last_activity_at, Cart.total, ConsentState.status)
            .join(ConsentState, ConsentState.customer_id == Cart.customer_id)
            .where(ConsentState.topic == "marketing")
        ).all()
        assert len(rows) == session.scalar(select(func.count(Cart.id)))
        assert {status for _, _, status in rows} == {"granted"}
        assert all(0 < (NOW - at).total_seconds() < 48 * 3600 for at, _, _ in rows)
        assert sum((NOW - at).total_seconds() > 3600 for at, _, _ in rows) > len(rows) / 2
        assert all(total > 0 for _, total, _ in rows)


def test_campaigns_are_live_and_the_reminder_counts_the_carts_of_the_last_days(loaded: App) -> None:
    with loaded.db.read() as session:
        live = {c.name: c for c in session.scalars(select(Campaign).where(Campaign.state == "live"))}
        assert len(live) == 2 + len(campaigns.LIVE)
        assert min(c.live_since for c in live.values() if c.live_since) == NOW - campaigns.BACKDATED


def test_progress_is_told_and_ends_at_one(demo: App) -> None:
    told: list[tuple[float, str]] = []
    shop.load(demo, NOW, lambda done, words: told.append((done, words)), customers=5)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == 1
    assert shop.is_loaded(demo)


def test_a_load_that_was_interrupted_goes_on_where_it_stopped(demo: App, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = history.add_orders

    def broken(*_: object) -> int:
        raise RuntimeError("the power went")

    monkeypatch.setattr(history, "add_orders", broken)
    with pytest.raises(RuntimeError):
        shop.load(demo, NOW, quietly, customers=10)
    assert not shop.is_loaded(demo)
    monkeypatch.setattr(history, "add_orders", whole)
    shop.load(demo, NOW, quietly, customers=10)
    with demo.db.read() as session:
        assert session.scalar(select(func.count(Store.id))) == 1
        assert session.scalar(select(func.count(Customer.id))) == 10
        assert session.scalar(select(func.count(Order.id))) == len(past.read(NOW, customers=10).purchases)
        assert session.scalar(select(Job.state)) == "done"


def test_loading_twice_changes_nothing(stocked: App) -> None:
    with stocked.db.read() as session:
        before = count(session)
    shop.load(stocked, NOW, quietly, customers=CUSTOMERS)
    with stocked.db.read() as session:
        assert count(session) == before


def test_products_lead_to_the_demos_own_pages(stocked: App) -> None:
    with stocked.db.read() as session:
        product = session.scalars(select(Product).limit(1)).one()
        assert product.url.startswith("https://mail.example.com/demo/products/")
        assert product.image_url.startswith("https://mail.example.com/demo/pictures/")
        assert product.title != product.title.upper()


def test_awake_hours_lie_outside_the_quiet_ones() -> None:
    assert not set(AWAKE) & {21, 22, 23, *range(8)}
