"""First and last touch of customers, and what brought each order."""

from __future__ import annotations

from datetime import timedelta

from automation import intake
from automation.app import App
from automation.changes import CustomerChanged, EventHappened, OrderChanged, Person
from automation.models import CustomerTouch, OrderTouch, Store
from automation.stages.attribute import attribute
from tests import make
from tests.conftest import NOW

DAY = timedelta(days=1)
ADA = Person(email="ada@example.com")


def settled(app: App) -> None:
    while attribute(app, NOW, 100):
        pass


def _touches(app: App) -> tuple[CustomerTouch, list[str]]:
    with app.db.read() as session:
        return session.query(CustomerTouch).one(), [t.channel for t in session.query(OrderTouch).order_by("order_id")]


def test_a_customers_first_and_last_touch_follow_what_shop_page_and_orders_tell(app: App) -> None:
    with app.db.write() as session:
        store: Store = make.store(session)
        shop = make.connection(app, session, store, "platform", "shopify", secret="s")
        arrived = EventHappened(
            name="site.arrived",
            person=ADA,
            at=NOW - 9 * DAY,
            properties={"referrer": "https://www.pinterest.com", "device": "mobile"},
        )
        intake.record(session, shop, [CustomerChanged(email=ADA.email, created_at=NOW - 10 * DAY), arrived], NOW)
    settled(app)
    touch, _ = _touches(app)
    assert (touch.first_channel, touch.last_channel, touch.first_device) == ("social", "social", "mobile")
    with app.db.write() as session:
        told = {"utm": {"source": "google", "medium": "cpc", "campaign": "tea"}}
        order = {"external_id": "o1", "person": ADA, "currency": "EUR", "total": 900, "updated_at": NOW}
        intake.record(session, shop, [OrderChanged(**order, placed_at=NOW - 5 * DAY, source=told)], NOW)
        later = {**order, "external_id": "o2", "placed_at": NOW - 4 * DAY}
        intake.record(session, shop, [OrderChanged(**later)], NOW)
    settled(app)
    touch, orders = _touches(app)
    assert orders == ["paid_search", "social"]  # the second says nothing: the arrival before it brought it
    assert (touch.first_channel, touch.last_channel, touch.last_campaign) == ("social", "social", "")
    with app.db.write() as session:
        source = {"referrer": "https://duckduckgo.com/"}
        intake.record(session, shop, [CustomerChanged(email=ADA.email, source=source)], NOW)
    settled(app)
    touch, _ = _touches(app)
    assert (touch.first_channel, touch.first_at) == ("search", NOW - 10 * DAY)


def test_an_order_that_says_nothing_goes_to_its_cart_and_then_to_a_click_in_a_mail(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        make.cart(session, store, ada, NOW - DAY, "c1", source={"referrer": "https://www.bing.com/"})
        make.order(session, store, ada, NOW - DAY, "o1", cart_external_id="c1")
        mail = make.message(session, ada, clicked_at=NOW - 2 * DAY)
        make.hit(session, mail, "click", NOW - 2 * DAY)
        make.order(session, store, ada, NOW - DAY, "o2")
        make.order(session, store, None, NOW - DAY, "o3", source={"country": "pt"})
    settled(app)
    touch, orders = _touches(app)
    assert orders == ["search", "email", "unknown"]
    # A mail goes to those who are known already: it is nobody's first touch, but an order that it brought may be.
    assert touch.first_at == NOW - DAY
    with app.db.read() as session:
        assert session.query(OrderTouch).order_by(OrderTouch.order_id.desc()).first().country == "PT"  # type: ignore[union-attr]  # there are three
