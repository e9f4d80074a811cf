"""A mail says what is true when it leaves, not what was true when it was drafted."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from automation.app import App
from automation.changes import ProductChanged
from automation.clock import TurnableClock
from automation.intake import record
from automation.intake.products import PRICED
from automation.models import Cart, CartItem, Message, Product, Rendering, Store
from automation.stages.decide import decide
from automation.stages.deliver import deliver
from tests import make
from tests.automation.stages.outbox import busy
from tests.conftest import NOW
from tests.fakes import Post, accept_all


def _drafted(app: App) -> None:
    """A draft about a cart of one teacup at €12.95, by a mail that shows the cart."""
    with app.db.write() as session:
        store = make.store(session)
        make.connection(app, session, store, "provider", "scripted")
        ada = make.customer(session, store)
        cart = make.cart(session, store, ada, NOW, products=(make.product(session, store),))
        version = make.template(session, store)
        version.names = ["cart", "customer"]
        make.message(
            session,
            ada,
            mail_class="lifecycle",
            template_version_id=version.id,
            **make.about(session, ada, "cart_abandoned", cart.id, anchor_at=NOW),
        )
    assert decide(app, NOW, 10) == 1


def _dearer(app: App) -> None:
    """The shop tells the cart anew with a risen price; the product has another name and is sold out."""
    with app.db.write() as session:
        session.execute(update(CartItem).values(price=1495))
        session.execute(update(Cart).values(total=1495))
        session.execute(update(Product).values(title="Tea bowl", price=1495, stock=0))


def _state(app: App) -> str:
    with app.db.read() as session:
        return session.scalars(select(Message.state)).one()


def _shown(app: App) -> list[tuple[str, int, bool, int]]:
    """What the mail was made of: each line's title, price and whether it can be had, and the cart's total."""
    with app.db.read() as session:
        cart = session.scalars(select(Rendering.variables)).one()["values"]["cart"]
    return [(line["title"], line["price"], line["is_available"], cart["total"]) for line in cart["items"]]


def test_a_price_that_rose_after_the_draft_is_the_one_the_mail_shows(post: tuple[App, Post]) -> None:
    app, world = post
    _drafted(app)
    _dearer(app)
    deliver(app, NOW, 10)
    assert world.recipients == ["ada@example.com"]
    assert _shown(app) == [("Tea bowl", 1495, False, 1495)]


def test_a_price_that_the_shop_told_of_the_product_is_the_one_the_mail_shows(
    post: tuple[App, Post], clock: TurnableClock
) -> None:
    app, _ = post
    _drafted(app)
    with app.db.read() as session:
        store_id = session.scalars(select(Product.store_id)).one()
    with app.db.write() as session:
        platform = make.connection(app, session, session.get_one(Store, store_id), "platform", "shopify", secret="s")
        for minutes, price in ((1, 1495), (2, 1395)):
            at = NOW + timedelta(minutes=minutes)
            record(session, platform, [ProductChanged(external_id="p1", title="Cup", price=price, updated_at=at)], at)
    deliver(app, clock.turn(timedelta(minutes=3)), 10)
    assert _shown(app) == [("Cup", 1395, True, 1395)]


def test_a_line_on_another_basis_than_the_products_price_stays_as_it_was(
    post: tuple[App, Post], clock: TurnableClock
) -> None:
    app, _ = post
    _drafted(app)
    with app.db.write() as session:
        cup = session.scalars(select(Product)).one()
        session.execute(update(CartItem).values(price=1088))
        session.execute(update(Cart).values(total=1088))
        store, at = session.get_one(Store, cup.store_id), NOW + timedelta(minutes=1)
        make.event(session, store, None, PRICED, at, product=cup, **{"from": 1295, "to": 1495})
    deliver(app, clock.turn(timedelta(minutes=3)), 10)
    assert [(price, total) for _, price, _, total in _shown(app)] == [(1088, 1088)]


def test_what_a_provider_may_have_seen_is_sent_again_as_it_was(post: tuple[App, Post], clock: TurnableClock) -> None:
    app, world = post
    _drafted(app)
    world.send = busy
    deliver(app, NOW, 10)
    assert _state(app) == "retry"
    _dearer(app)
    world.send = accept_all
    deliver(app, clock.turn(timedelta(minutes=2)), 10)
    assert _state(app) == "accepted"
    first, second = world.mails
    assert first == second
    assert _shown(app) == [("Teacup p1", 1295, True, 1295)]
