from datetime import timedelta

from automation.app import App
from automation.models import Repurchase, Variant
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


def test_what_became_cheaper_shows_both_prices(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        cup = make.product(session, store, price=990)
        fall = make.event(session, store, None, "product.price_dropped", NOW, product=cup, **{"from": 1290, "to": 990})
        row = message(session, ada, "product", **make.about(session, ada, "price_dropped", fall.id))
    found = value(app, row, "product")
    assert (found["title"], found["price"], found["was_price"]) == ("Teacup p1", 990, 1290)
    assert found["is_available"]


def test_the_variant_that_was_wanted_is_the_one_shown(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        cup = make.product(session, store, stock=4)
        session.add(
            Variant(
                product_id=cup.id,
                external_id="77",
                title="Blue",
                image_url="https://wren.example.com/blue.png",
                price=1400,
                compare_at=1600,
                stock=0,
            )
        )
        wish = make.event(session, store, ada, "product.stock_wanted", NOW, product=cup, variant_id=77)
        row = message(session, ada, "product", **make.about(session, ada, "back_in_stock", wish.id))
    found = value(app, row, "product")
    assert (found["variant"], found["price"], found["was_price"]) == ("Blue", 1400, 1600)
    assert found["image_url"] == "https://wren.example.com/blue.png"
    assert not found["is_available"]


def test_what_runs_out_says_when_it_was_bought(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        cup = make.product(session, store)
        order = make.order(session, store, ada, NOW - timedelta(days=28), products=(cup,))
        again = Repurchase(
            store_id=store.id,
            customer_id=ada.id,
            order_id=order.id,
            product_id=cup.id,
            bought_at=order.placed_at,
            days=30,
            is_own=True,
            expected_at=NOW + timedelta(days=2),
        )
        session.add(again)
        session.flush()
        row = message(session, ada, "product", **make.about(session, ada, "replenishment", again.id))
    found = value(app, row, "product")
    assert (found["title"], found["bought_on"], found["was_price"]) == ("Teacup p1", "2026-02-10", None)


def test_nobody_is_shown_what_another_looked_at(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, eve = make.customer(session, store), make.customer(session, store, "Eve")
        look = make.event(session, store, ada, "product.viewed", NOW, product=make.product(session, store))
        row = message(session, eve, "product", **make.about(session, eve, "browse_abandoned", look.id))
    assert value(app, row, "product")["title"] == ""
