"""Somebody looks at the demo's shop window, opens their cart from a mail, and buys it: told as the shop would."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import intake
from automation.app import App
from automation.connections import platform_of, settings_of
from automation.demo import bodies
from automation.demo.history import product_id
from automation.demo.shop import SHOP_DOMAIN, shop_of
from automation.demo.storefront import pieces_of, shopper_of
from automation.errors import NotAllowed
from automation.models import Cart, CartItem, Customer, Identity, Product, Store
from automation.security import random_id
from automation.source import Request

WINDOW = 24
"""Products in the shop window."""


@dataclass(frozen=True, slots=True)
class Basket:
    """A cart as the storefront's page shows it."""

    cart: Cart
    items: list[CartItem]
    pictures: dict[int, Product]
    customer: Customer | None


def shop_window(session: Session) -> tuple[Store, list[Product]]:
    """The store and some of its products. Raises NotAllowed before the demo is loaded."""
    store = _store(session)
    products = session.scalars(
        select(Product)
        .where(Product.store_id == store.id, Product.stock > 0, Product.price > 300)
        .order_by(Product.stock.desc(), Product.id)
        .limit(WINDOW)
    )
    return store, list(products)


def product_of(session: Session, code: str) -> Product | None:
    """A product by its stock code in any case; None for what is none."""
    if not (code.isascii() and code.isalnum() and len(code) <= 12):
        return None
    return session.scalars(
        select(Product).where(
            Product.store_id == _store(session).id, Product.external_id == str(product_id(code.upper()))
        )
    ).first()


def basket_of(session: Session, token: str) -> Basket | None:
    """A cart by its token."""
    cart = session.scalars(
        select(Cart).where(Cart.store_id == _store(session).id, Cart.external_id == token[:128])
    ).first()
    if cart is None:
        return None
    items = list(session.scalars(select(CartItem).where(CartItem.cart_id == cart.id).order_by(CartItem.position)))
    ids = [i.product_id for i in items if i.product_id]
    pictures = {p.id: p for p in session.scalars(select(Product).where(Product.id.in_(ids)))}
    customer = session.get(Customer, cart.customer_id) if cart.customer_id else None
    return Basket(cart, items, pictures, customer)


def buy(app: App, token: str, now: datetime) -> None:
    """Order a cart. Raises NotAllowed for one that is gone, empty, nobody's or ordered already."""
    with app.db.read() as session:
        found, basket = shop_of(session), basket_of(session, token)
        if found is None or basket is None or basket.customer is None:
            raise NotAllowed("There is no such cart.")
        if basket.cart.ordered_at is not None or not basket.items:
            raise NotAllowed("There is nothing in this cart to buy.")
        connection = found[1]
        external = session.scalars(
            select(Identity.external_id).where(
                Identity.connection_id == connection.id, Identity.customer_id == basket.customer.id
            )
        ).first()
        session.expunge_all()
    body = bodies.order(token, pieces_of(basket.items), shopper_of(basket.customer, external or ""), now)
    settings: Any = settings_of(app, connection)
    raw, headers = bodies.signed(
        "orders/create",
        body,
        secret=settings.secret.get_secret_value(),
        shop=SHOP_DOMAIN,
        delivery_id=random_id(),
        at=now,
    )
    with app.http() as http:
        request = Request({name.lower(): value for name, value in headers.items()}, raw)
        envelope = platform_of(app, connection, http).open(request, now)
    with app.db.write() as session:
        intake.store(session, connection, envelope, now, is_known=True)


def _store(session: Session) -> Store:
    found = shop_of(session)
    if found is None:
        raise NotAllowed("The demo shop is not loaded.")
    return found[0]
