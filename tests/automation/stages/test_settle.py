from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from automation.actions import loyalty
from automation.app import App
from automation.clock import TurnableClock
from automation.loyalty.programme import Programme
from automation.models import Customer, CustomerTier, LoyaltyAccount, Offer, OfferCode, Order, PointsEntry, Store
from automation.offers.holding import Claim, Held, reserve
from automation.stages.settle import settle
from tests import make
from tests.automation.offers.test_holding import offer
from tests.conftest import NOW

DAY = timedelta(days=1)


def shop(app: App, **programme: Any) -> tuple[int, int]:
    """A store with a programme that is on, and a customer: their ids."""
    with app.db.write() as session:
        store = make.store(session)
        loyalty.save_programme(session, store.id, Programme.model_validate({"is_on": True, **programme}), NOW - DAY)
        return store.id, make.customer(session, store).id


def buy(app: App, customer_id: int, total: int, name: str = "o1", **values: Any) -> int:
    with app.db.write() as session:
        ada = session.get_one(Customer, customer_id)
        store = session.get_one(Store, ada.store_id)
        row = make.order(session, store, ada, app.clock(), name, subtotal=total, total=total, **values)
        return row.id


def change(app: App, order_id: int, **values: Any) -> None:
    with app.db.write() as session:
        row = session.get_one(Order, order_id)
        for name, value in {**values, "is_unsettled": True}.items():
            setattr(row, name, value)


def ledger(app: App) -> list[tuple[str, int]]:
    with app.db.read() as session:
        rows = session.execute(select(PointsEntry.kind, PointsEntry.points).order_by(PointsEntry.id))
        return [(row.kind, row.points) for row in rows]


def test_a_paid_order_earns_once_and_a_refund_takes_its_share_back(app: App) -> None:
    _, ada = shop(app)
    order = buy(app, ada, 1999)
    assert settle(app, NOW, 10) == 1
    assert settle(app, NOW, 10) == 0
    assert ledger(app) == [("earn", 60)]
    change(app, order, refunded=1000)
    settle(app, NOW, 10)
    # 999 of 1999 stay: 29.98 of 60 points, rounded up for the customer.
    assert ledger(app) == [("earn", 60), ("reverse", -30)]
    change(app, order, cancelled_at=NOW)
    settle(app, NOW, 10)
    settle(app, NOW, 10)
    assert ledger(app) == [("earn", 60), ("reverse", -30), ("reverse", -30)]


def test_an_unpaid_order_earns_nothing(app: App) -> None:
    _, ada = shop(app)
    buy(app, ada, 1999, paid_at=None)
    settle(app, NOW, 10)
    assert ledger(app) == []


def test_points_expire_by_themselves(app: App, clock: TurnableClock) -> None:
    _, ada = shop(app, expire_days=30)
    buy(app, ada, 1000)
    settle(app, NOW, 10)
    clock.turn(30 * DAY)
    assert settle(app, clock(), 10) == 1
    assert ledger(app) == [("earn", 30), ("expire", -30)]
    assert settle(app, clock(), 10) == 0


def test_a_tier_comes_with_the_spend_and_goes_after_the_grace(app: App, clock: TurnableClock) -> None:
    tiers = [{"name": "Silver", "spend": 5000}, {"name": "Gold", "spend": 20000}]
    shop_id, ada = shop(app, tiers=tiers, expire_days=0, grace_days=30)
    buy(app, ada, 6000)
    settle(app, NOW, 10)
    clock.turn(365 * DAY)
    settle(app, clock(), 10)

    def seen() -> list[str]:
        with app.db.read() as session:
            return list(session.scalars(select(CustomerTier.tier).order_by(CustomerTier.id)))

    assert seen() == ["Silver"]
    clock.turn(29 * DAY)
    settle(app, clock(), 10)
    assert seen() == ["Silver"]
    clock.turn(DAY)
    settle(app, clock(), 10)
    assert seen() == ["Silver", ""]
    with app.db.read() as session:
        assert session.get_one(LoyaltyAccount, ada).due_at is None
    assert shop_id


def test_an_orders_code_is_redeemed_by_whoever_used_it(app: App) -> None:
    store_id, ada = shop(app)
    with app.db.write() as session:
        store = session.get_one(Store, store_id)
        ten = offer(app, session, store)
        got = reserve(session, ten, store_id, [Claim("test:1", ada)], NOW)["test:1"]
        assert isinstance(got, Held)
        ben = make.customer(session, store, "Ben").id
    order = buy(app, ben, 1000, codes=[got.code.lower()])
    settle(app, NOW, 10)
    with app.db.read() as session:
        row = session.get_one(OfferCode, got.code_id)
        assert (row.state, row.customer_id, row.redeemed_by, row.order_id) == ("redeemed", ada, ben, order)
        assert session.scalar(select(Offer.name)) == "ten"
