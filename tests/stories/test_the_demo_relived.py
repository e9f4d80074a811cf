"""The demo shop lives for some days on a turned clock; a backtest over the same days says who entered, key for key.

CARTWHEEL_TEST_DEMO_DAYS=60 CARTWHEEL_TEST_DEMO_MINUTES=60 is the long version, with CARTWHEEL_TEST_DEMO_CUSTOMERS for
more of the shop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from automation.app import App
from automation.backtest import backtest
from automation.clock import TurnableClock
from automation.connections import settings_of
from automation.demo import bodies, shop
from automation.demo.storefront import Storefront, pieces_of, shopper_of
from automation.models import Campaign, CartVisit, Customer, Identity, Order, OrderItem
from automation.queue.beat import drain
from tests.automation import lived
from tests.conftest import NOW
from tests.pages import open_pages

DAYS = float(os.environ.get("CARTWHEEL_TEST_DEMO_DAYS", "1.5"))
EVERY = timedelta(minutes=int(os.environ.get("CARTWHEEL_TEST_DEMO_MINUTES", "180")))
CUSTOMERS = int(os.environ.get("CARTWHEEL_TEST_DEMO_CUSTOMERS", "40"))
VISITS_PER_HOUR = 6
AGAIN = timedelta(weeks=9)
"""The recorded orders of so long ago come in once more."""
QUIET = {"News from the workshop"}
"""Goes out once, at the moment of going live, which lies before the span."""


@pytest.fixture
def demo(app: App) -> App:
    """A slice of the demo shop, whose campaigns go live as the span begins."""
    app = replace(app, settings=app.settings.model_copy(update={"demo": True}))
    shop.load(app, NOW, lambda _done, _words: None, customers=CUSTOMERS)
    with app.db.write() as session:
        session.execute(update(Campaign).values(live_since=NOW))
    return app


@pytest.fixture
def doors(demo: App) -> Iterator[httpx.Client]:
    """A client whose requests go through the installation's real doors."""
    flask = open_pages(demo)
    with httpx.Client(transport=httpx.WSGITransport(app=flask)) as client:
        yield client
    flask.extensions["cartwheel.writer"].close()
    flask.extensions["cartwheel.reception"].close()


class Repeated:
    """The recorded orders, told by the shop's webhooks as if they were placed again."""

    def __init__(self, app: App, doors: httpx.Client, until: datetime) -> None:
        self._doors = doors
        with app.db.read() as session:
            found = shop.shop_of(session)
            assert found is not None
            settings: Any = settings_of(app, found[1])
            self._secret = settings.secret.get_secret_value()
            self._hook = f"http://shop.test/hooks/{found[1].public_id}"
            self._orders = self._read(session, found[1].id, until)

    def _read(self, session: Session, connection_id: int, until: datetime) -> list[tuple[datetime, dict[str, Any]]]:
        rows = session.execute(
            select(Order, Customer, Identity.external_id)
            .join(Customer, Customer.id == Order.customer_id)
            .join(Identity, (Identity.customer_id == Customer.id) & (Identity.connection_id == connection_id))
            .where(Order.placed_at > NOW - AGAIN, Order.placed_at <= until - AGAIN)
            .order_by(Order.placed_at, Order.id)
        ).all()
        told = []
        for order, customer, name in rows:
            items: Any = session.scalars(select(OrderItem).where(OrderItem.order_id == order.id)).all()
            at = order.placed_at + AGAIN
            told.append((at, bodies.order(f"again{order.id}", pieces_of(items), shopper_of(customer, name), at)))
        return told

    def tell(self, until: datetime) -> None:
        """Post what was placed by now."""
        while self._orders and self._orders[0][0] <= until:
            at, body = self._orders.pop(0)
            raw, headers = bodies.signed(
                "orders/create", body, secret=self._secret, shop=shop.SHOP_DOMAIN, delivery_id=str(body["id"]), at=at
            )
            assert self._doors.post(self._hook, content=raw, headers=headers).is_success


def live(app: App, doors: httpx.Client, clock: TurnableClock, until: datetime) -> None:
    """Shoppers come, the recorded orders come in again, and the belt runs to rest at every look."""
    front, repeated = Storefront(app, "http://shop.test", doors, "a seed"), Repeated(app, doors, until)
    drain(app)
    while clock() < until:
        before = clock()
        clock.turn(EVERY)
        front.play(before, clock(), VISITS_PER_HOUR)
        repeated.tell(clock())
        drain(app)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_backtest_of_the_demo_enrols_whom_the_demo_enrolled(
    demo: App, doors: httpx.Client, clock: TurnableClock
) -> None:
    until = NOW + timedelta(days=DAYS) // EVERY * EVERY
    live(demo, doors, clock, until)
    with demo.db.read() as session:
        campaigns = [(c.id, c.name) for c in session.scalars(select(Campaign).order_by(Campaign.id))]
        assert session.scalar(select(func.count()).select_from(CartVisit))
    wrong: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for campaign_id, name in campaigns:
        with demo.db.read() as session:
            found = backtest(demo, session, session.get_one(Campaign, campaign_id), NOW, until, EVERY)
        now = {(e.customer, e.key, e.entered_at) for e in found.entrants}
        then = lived.entered(demo, campaign_id)
        counts[name] = len(then)
        if now != then and name not in QUIET:
            wrong[name] = sorted(now - then)[:5], sorted(then - now)[:5], len(now - then), len(then - now)
    print(counts)
    assert not wrong
    assert sum(n > 0 for n in counts.values()) >= 3, counts
