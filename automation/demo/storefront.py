"""The storefront simulator: shoppers browse, fill carts, leave, come back, buy, change their minds.

A visit is planned when it begins: what will be told to us, and when. What the shop tells goes through the same door
as a real shop's, signed; what was looked at goes through the JSON API with a key. The dice are seeded, so the same
hours with the same rows give the same shoppers.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import orjson
from sqlalchemy import select

from automation.app import App
from automation.connections import settings_of
from automation.demo import bodies
from automation.demo.bodies import Piece, Shopper
from automation.demo.carts import recovery_url
from automation.demo.keys import storefront_key
from automation.demo.readers import Readers
from automation.demo.shop import SHOP_DOMAIN, shop_of
from automation.models import Cart, CartItem, Customer, Identity, Product
from automation.security import token_hash

log = logging.getLogger(__name__)

API_EVENT = "event"
"""Marks a planned post that goes to the JSON API instead of the shop's door."""
READER = "reader"
"""Marks a planned request of somebody who reads a mail."""
AWAKE = range(8, 23)
LONGEST_STEP = timedelta(minutes=20)
"""After a longer pause (the machine slept) nobody is made up for the time between."""


@dataclass(order=True, slots=True)
class Post:
    """One thing that will be told."""

    at: datetime
    number: int
    topic: str = field(compare=False)
    body: dict[str, Any] = field(compare=False)


class Storefront:
    """The demo shop's life. `play(since, until)` tells everything that happens in a span."""

    def __init__(self, app: App, base_url: str, http: httpx.Client, seed: str) -> None:
        self._app = app
        self._base_url = base_url
        self._http = http
        self._dice = Random(seed)
        self._numbers = itertools.count()
        self._plan: list[Post] = []
        self._secret = ""
        self._hook = ""
        self._people: list[tuple[Shopper, ZoneInfo, int]] = []
        self._products: list[Product] = []
        self._readers = Readers(app, self._dice, self._buy_for_a_mail)

    def _open(self) -> bool:
        """Read the shop once; False before it is loaded."""
        if self._people:
            return True
        with self._app.db.read() as session:
            found = shop_of(session)
            if found is None:
                return False
            store, connection = found
            settings: Any = settings_of(self._app, connection)
            self._secret = settings.secret.get_secret_value()
            self._hook = f"{self._base_url}/hooks/{connection.public_id}"
            rows = session.execute(
                select(Customer, Identity.external_id)
                .join(Identity, Identity.customer_id == Customer.id)
                .where(Identity.connection_id == connection.id, Customer.email_key.is_not(None))
                .order_by(Customer.id)
            ).all()
            self._people = [
                (shopper_of(customer, external), ZoneInfo(customer.timezone or store.timezone), customer.id)
                for customer, external in rows
            ]
            self._products = list(
                session.scalars(
                    select(Product)
                    .where(Product.store_id == store.id, Product.stock > 5, Product.price.between(150, 8000))
                    .order_by(Product.id)
                )
            )
            session.expunge_all()
        return bool(self._people and self._products)

    def play(self, since: datetime, until: datetime, visits_per_hour: float) -> int:
        """Begin visits at random in (since, until] and tell what is due by `until`, in order; how many posts."""
        if not self._open():
            return 0
        since = max(since, until - LONGEST_STEP)
        expected = visits_per_hour * (until - since).total_seconds() / 3600
        for _ in range(int(expected) + (self._dice.random() < expected % 1)):
            self._visit(since + (until - since) * self._dice.random())
        for visit in self._readers.read():
            body = {"method": visit.method, "path": visit.path, "agent": visit.agent}
            self._add(max(visit.at, since), READER, body)
        due = []
        while self._plan and self._plan[0].at <= until:
            due.append(heapq.heappop(self._plan))
        self._tell_events([post.body for post in due if post.topic == API_EVENT])
        for post in due:
            if post.topic == READER:
                self._read(post)
            elif post.topic != API_EVENT:
                self._tell(post)
        return len(due)

    def _add(self, at: datetime, topic: str, body: dict[str, Any]) -> None:
        heapq.heappush(self._plan, Post(at, next(self._numbers), topic, body))

    def _visit(self, at: datetime) -> None:
        shopper, _, customer_id = self._somebody(at)
        if self._dice.random() < 0.25 and self._return(shopper, customer_id, at):
            return
        products = self._dice.sample(self._products, self._dice.randint(2, 5))
        for product in products:
            at += timedelta(seconds=self._dice.randint(8, 70))
            self._look(shopper, product, at)
        if self._dice.random() < 0.35:
            return
        self._shop(shopper, [_piece(p, self._dice.choice((1, 1, 2, 3, 6))) for p in products], at)

    def _somebody(self, at: datetime) -> tuple[Shopper, ZoneInfo, int]:
        for _ in range(20):
            found = self._dice.choice(self._people)
            if at.astimezone(found[1]).hour in AWAKE:
                return found
        return found

    def _look(self, shopper: Shopper, product: Product, at: datetime) -> None:
        event = {
            "name": "product.viewed",
            "person": {"email": shopper.email},
            "at": at.isoformat(),
            "properties": {"product_id": product.external_id, "title": product.title},
            "external_id": f"view-{self._dice.getrandbits(64):016x}",
        }
        self._add(at, API_EVENT, event)

    def _shop(self, shopper: Shopper, pieces: list[Piece], began_at: datetime) -> None:
        """A cart grows piece by piece; most become a checkout, some of these an order."""
        dice, token = self._dice, f"{self._dice.getrandbits(128):032x}"
        at = began_at
        for count in range(1, len(pieces) + 1):
            at += timedelta(seconds=dice.randint(10, 90))
            self._add(
                at, "carts/update" if count > 1 else "carts/create", bodies.cart(token, pieces[:count], began_at, at)
            )
        if dice.random() < 0.12:
            at += timedelta(seconds=dice.randint(30, 120))
            self._add(at, "carts/update", bodies.cart(token, [], began_at, at))
            return
        if dice.random() < 0.15:
            return
        url = recovery_url(self._app.settings.public_url, token)
        began = at = at + timedelta(seconds=dice.randint(20, 120))
        self._add(at, "checkouts/create", bodies.checkout(token, pieces, shopper, url, began, at))
        if dice.random() < 0.3:
            pieces = pieces[:-1] or pieces
            at += timedelta(seconds=dice.randint(20, 90))
            self._add(at, "carts/update", bodies.cart(token, pieces, began_at, at))
            self._add(at, "checkouts/update", bodies.checkout(token, pieces, shopper, url, began, at))
        if dice.random() < 0.4:
            self._buy(token, pieces, shopper, at + timedelta(seconds=dice.randint(30, 240)))

    def _buy(self, token: str, pieces: list[Piece], shopper: Shopper, at: datetime) -> None:
        self._add(at, "orders/create", bodies.order(token, pieces, shopper, at))
        if self._dice.random() < 0.2:
            self._add(at, "customers/update", bodies.customer(shopper, at))
        if self._dice.random() < 0.1:
            told = bodies.consent(shopper, at, is_given=self._dice.random() < 0.8)
            self._add(at, "customers_email_marketing_consent/update", told)

    def _buy_for_a_mail(self, customer_id: int, cart_id: int | None, at: datetime) -> None:
        """Somebody who clicked buys: the cart that the mail was about, or what catches the eye."""
        shopper = next((person for person, _, known in self._people if known == customer_id), None)
        if shopper is None:
            return
        with self._app.db.read() as session:
            cart = session.get(Cart, cart_id) if cart_id is not None else None
            if cart is not None and cart.customer_id == customer_id and cart.item_count and cart.ordered_at is None:
                items = session.scalars(select(CartItem).where(CartItem.cart_id == cart.id))
                token, pieces = cart.external_id, pieces_of(list(items))
            else:
                token = f"{self._dice.getrandbits(128):032x}"
                pieces = [_piece(product, 1) for product in self._dice.sample(self._products, 2)]
        self._buy(token, pieces, shopper, at)

    def _read(self, post: Post) -> None:
        body = post.body
        try:
            self._http.request(
                body["method"],
                f"{self._base_url}{body['path']}",
                headers={"User-Agent": body["agent"]},
                data={"List-Unsubscribe": "One-Click"} if body["method"] == "POST" else None,
            )
        except httpx.HTTPError as error:
            log.info("A reader could not reach the door: %s", type(error).__name__)

    def _return(self, shopper: Shopper, customer_id: int, at: datetime) -> bool:
        """Come back to a cart that was left, and buy it or empty it; False when there is none."""
        with self._app.db.read() as session:
            cart = session.scalars(
                select(Cart)
                .where(
                    Cart.customer_id == customer_id,
                    Cart.ordered_at.is_(None),
                    Cart.deleted_at.is_(None),
                    Cart.item_count > 0,
                    Cart.last_activity_at < at - timedelta(minutes=30),
                )
                .order_by(Cart.last_activity_at.desc())
            ).first()
            if cart is None:
                return False
            pieces = pieces_of(list(session.scalars(select(CartItem).where(CartItem.cart_id == cart.id))))
            token, created_at = cart.external_id, cart.created_at
        at += timedelta(seconds=self._dice.randint(20, 200))
        if self._dice.random() < 0.75:
            self._buy(token, pieces, shopper, at)
        else:
            self._add(at, "carts/update", bodies.cart(token, [], created_at, at))
        return True

    def _tell(self, post: Post) -> None:
        name = f"{post.topic} {post.at.isoformat()} {post.number} {post.body.get('id')}"
        raw, headers = bodies.signed(
            post.topic,
            post.body,
            secret=self._secret,
            shop=SHOP_DOMAIN,
            delivery_id=token_hash(name)[:36],
            at=post.at,
        )
        self._post(self._hook, raw, headers)

    def _tell_events(self, events: list[dict[str, Any]]) -> None:
        if events:
            headers = {"Authorization": f"Bearer {storefront_key(self._app)}", "Content-Type": "application/json"}
            self._post(f"{self._base_url}/api/v1/events", orjson.dumps(events), headers)

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            answer = self._http.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            # A real shop would come again; here the next shopper is never far.
            log.info("The storefront could not reach the door: %s", type(error).__name__)
            return
        if answer.is_error:
            log.warning("The storefront's post was answered with %s: %s", answer.status_code, answer.text[:200])


def shopper_of(customer: Customer, external_id: str) -> Shopper:
    """A customer as the shop would tell them."""
    return Shopper(
        int(external_id) if external_id.isdigit() else customer.id,
        customer.email or "",
        customer.first_name,
        customer.last_name,
        customer.country or "GB",
        customer.locale or "en-GB",
    )


def _piece(product: Product, quantity: int) -> Piece:
    number = int(product.external_id)
    # The demo's products have one variant each, whose id goes with theirs; see history.py.
    return Piece(number, number + 33_000_000_000_000, product.title, "", product.price, quantity)


def pieces_of(items: list[CartItem]) -> list[Piece]:
    """A stored cart's lines as the shop would tell them."""
    return [
        Piece(int(i.product_external_id or 0), int(i.variant_external_id or 0), i.title, i.sku, i.price, i.quantity)
        for i in items
    ]
