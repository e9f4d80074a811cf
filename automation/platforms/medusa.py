"""Medusa v2: its events stay inside the shop until a subscriber of the shop's own posts them here.

An event names an object only, {"name": "order.placed", "data": {"id": "order_…"}}; it is looked up. Amounts are
decimals in whole units. https://docs.medusajs.com/resources/references/events
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

import orjson
from pydantic import Field, SecretStr

from automation.changes import (
    CartChanged,
    Change,
    CustomerChanged,
    CustomerDeleted,
    Line,
    OrderChanged,
    Person,
    ProductChanged,
    ProductDeleted,
    VariantState,
)
from automation.errors import BadSignature, Unreadable
from automation.payload import Part, readable
from automation.platform import (
    Envelope,
    News,
    Page,
    Platform,
    PlatformSettings,
    Reader,
    Request,
    read_json,
    translated,
)
from automation.security import random_token, same
from automation.shop_api import Leaf, ShopApi, Turn, as_list, counted, object_reader, walk
from automation.source import ShopUrl, Token

HEADER = "x-cartwheel-signature"
SIZE = 100
_PAID = frozenset({"captured", "partially_refunded", "refunded"})
_SHIPPED = frozenset({"shipped", "delivered"})


class MedusaSettings(PlatformSettings):
    backend_url: ShopUrl = Field(description="Address of the Medusa server, such as https://api.shop.example.com.")
    api_key: Token = Field(description="Secret API key (sk_…) from Settings → Secret API Keys.")
    publishable_key: Token | None = Field(None, description="Publishable key (pk_…); carts are read with it.")
    hook_secret: SecretStr = Field(
        default_factory=lambda: SecretStr(random_token()),
        min_length=16,
        description="What the shop's subscriber signs with: a hex HMAC-SHA256 of the body in x-cartwheel-signature.",
    )
    storefront_url: str = Field("", max_length=500, description="Where customers shop; for products' links.")


def _person(part: Part) -> Person | None:
    external_id, email = part.id("customer_id"), part.text("email", 320)
    return Person(external_id=external_id, email=email) if external_id or email else None


def _profile(news: News, person: Person) -> CustomerChanged:
    body = news.body
    place = body.part("billing_address") or body.part("shipping_address") or Part({})
    return CustomerChanged(
        external_id=person.external_id,
        email=person.email,
        first_name=body.text("first_name") or place.text("first_name"),
        last_name=body.text("last_name") or place.text("last_name"),
        phone=body.text("phone", 64) or place.text("phone", 64),
        country=place.country("country_code"),
        region=place.text("province", 64),
        city=place.text("city"),
        postcode=place.text("postal_code", 32),
        updated_at=body.moment("updated_at") or news.at,
    )


def _lines(body: Part, currency: str) -> list[Line]:
    return [
        Line(
            product_external_id=part.id("product_id") or "",
            variant_external_id=part.id("variant_id") or "",
            title=part.text("product_title", 500) or part.text("title", 500) or "",
            sku=part.text("variant_sku", 128) or "",
            quantity=max(part.quantity("quantity") or 0, 0),
            price=part.amount("unit_price", currency) or 0,
            discount=part.amount("discount_total", currency) or 0,
        )
        for part in body.parts("items") or ()
    ]


def customer(news: News) -> list[Change]:
    """A customer."""
    return [_profile(news, Person(external_id=news.id("id"), email=news.body.text("email", 320)))]


def cart(news: News) -> list[Change]:
    """A cart."""
    body, person = news.body, _person(news.body)
    currency = body.currency("currency_code", "EUR")
    found = CartChanged(
        external_id=news.id("id"),
        person=person,
        currency=currency,
        total=body.amount("total", currency),
        lines=_lines(body, currency),
        created_at=body.moment("created_at"),
        updated_at=news.moment("updated_at", "created_at"),
        completed_at=body.moment("completed_at"),
    )
    return [*([_profile(news, person)] if person else ()), found]


def order(news: News) -> list[Change]:
    """An order with its customer."""
    body, person = news.body, _person(news.body)
    currency = body.currency("currency_code", "EUR")
    total = body.amount("total", currency)
    if total is None:
        raise body.missing("total")
    seen_at = news.moment("updated_at", "created_at")
    shipped, is_gone = body.text("fulfillment_status"), body.text("status") == "canceled"
    found = OrderChanged(
        external_id=news.id("id"),
        number=body.text("display_id", 64) or "",
        person=person,
        currency=currency,
        subtotal=body.amount("item_total", currency) or body.amount("subtotal", currency) or 0,
        discount=body.amount("discount_total", currency) or 0,
        shipping=body.amount("shipping_total", currency) or 0,
        tax=body.amount("tax_total", currency) or 0,
        total=total,
        lines=_lines(body, currency),
        placed_at=body.moment("created_at") or seen_at,
        paid_at=seen_at if body.text("payment_status") in _PAID else None,
        fulfilled_at=seen_at if shipped in _SHIPPED else None,
        delivered_at=seen_at if shipped == "delivered" else None,
        cancelled_at=body.moment("canceled_at") or (seen_at if is_gone else None),
        updated_at=seen_at,
    )
    return [*([_profile(news, person)] if person else ()), found]


def product(news: News) -> list[Change]:
    """A product; what a variant costs is told per region, so the first price counts."""
    body = news.body
    root, handle = str(getattr(news.settings, "storefront_url", "")).rstrip("/"), body.text("handle")
    variants = []
    for part in body.parts("variants") or ():
        prices = part.parts("prices") or []
        price = prices[0].amount("amount", prices[0].currency("currency_code", "EUR")) if prices else None
        external_id = part.id("id")
        if external_id is not None and price is not None:
            variants.append(VariantState(external_id=external_id, title=part.text("title", 500) or "", price=price))
    return [
        ProductChanged(
            external_id=news.id("id"),
            title=body.text("title", 500) or "",
            description=readable(body.text("description", 50_000)),
            url=f"{root}/products/{handle}" if root.startswith("https://") and handle else None,
            image_url=body.url("thumbnail"),
            state="active" if body.text("status") in ("published", None) else "draft",
            variants=variants or None,
            created_at=body.moment("created_at"),
            updated_at=body.moment("updated_at") or news.at,
        )
    ]


TOPICS: dict[str, Reader] = {
    "cart.created": cart,
    "cart.updated": cart,
    "cart.customer_updated": cart,
    "customer.created": customer,
    "customer.updated": customer,
    "customer.deleted": lambda news: [CustomerDeleted(external_id=news.id("id"))],
    "order.placed": order,
    "order.updated": order,
    "order.canceled": order,
    "order.completed": order,
    "order.fulfillment_created": order,
    "product.created": product,
    "product.updated": product,
    "product.deleted": lambda news: [ProductDeleted(external_id=news.id("id"))],
}
"""Their event → what reads the object that it names."""
COMPLETE = frozenset({"customer.deleted", "product.deleted"})
_WHERE: dict[Reader, tuple[str, str]] = {
    cart: ("/store/carts", "cart"),
    customer: ("/admin/customers", "customer"),
    order: ("/admin/orders", "order"),
    product: ("/admin/products", "product"),
}
"""Where each object is, and under which name it is answered."""


class Medusa(Platform):
    """Medusa (version 2) tells of customers, carts, orders and products through a subscriber of the shop's own.

    Create a secret API key in the admin and enter it here; Cartwheel then reads what there is and looks hourly for
    what changed. For news at once, add a subscriber to the shop that posts {"name": event.name, "data": event.data}
    to this connection's address, with a hex HMAC-SHA256 of the body under the secret in x-cartwheel-signature.

    Carts cannot be listed, so what a subscriber missed of one shows with its next change, or with its order. Medusa
    knows no consent and no birthdays, and no codes are made in it: upload those of a promotion.
    """

    label: ClassVar[str] = "Medusa"
    Settings: ClassVar[type[MedusaSettings]] = MedusaSettings
    topics: ClassVar[frozenset[str]] = frozenset(TOPICS)
    topic_field: ClassVar[str] = "name"
    reconciled_every: ClassVar[timedelta] = timedelta(hours=1)

    def open(self, request: Request, now: datetime) -> Envelope:
        key = self.settings.hook_secret.get_secret_value().encode()
        expected = hmac.new(key, request.body, "sha256").hexdigest()
        if not key or not same(expected, request.headers.get(HEADER, "").lower()):
            raise BadSignature
        topic = self.topic_in(Part.whole(read_json(request.body)).data)
        # An event has no id of its own, and the same one may be meant twice: a minute tells them apart.
        digest = hashlib.sha256(request.body).hexdigest()
        return Envelope(f"{digest}:{now:%Y%m%d%H%M}", topic, request.body, now, topic in TOPICS.keys() - COMPLETE)

    def fetch(self, envelope: Envelope) -> Envelope:
        body = Part.whole(read_json(envelope.body))
        named = (body.part("data") or Part({}, "data")).id("id")
        if named is None or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", named):
            raise Unreadable("data.id is missing or no id.")
        path, name = _WHERE[TOPICS[envelope.topic]]
        said = self._api.find(f"{path}/{named}")
        found = said.get(name) if isinstance(said, dict) else None
        return replace(envelope, body=orjson.dumps({**body.data, "object": found}), is_bare=False)

    def translate(self, envelope: Envelope) -> list[Change]:
        body = Part.whole(read_json(envelope.body))
        if envelope.topic not in TOPICS:
            return []
        if envelope.topic in COMPLETE:
            found = body.part("data") or Part({}, "data")
        elif "object" not in body.data:
            raise Unreadable("The event only names an object; it is looked up before it is read.")
        else:
            looked_up = body.part("object")
            if looked_up is None:  # gone before it was looked up
                return []
            found = looked_up
        return translated(TOPICS, envelope.topic, News(found, self.settings, envelope.triggered_at))

    @property
    def has_api(self) -> bool:
        return True

    @property
    def _api(self) -> ShopApi:
        basic = base64.b64encode(f"{self.settings.api_key.get_secret_value()}:".encode()).decode()
        public = self.settings.publishable_key
        headers = {
            "Authorization": f"Basic {basic}",
            **({"x-publishable-api-key": public.get_secret_value()} if public else {}),
        }
        return ShopApi(self.http, self.settings.backend_url, headers, self.label)

    def check(self) -> str:
        self._api.get("/admin/orders", {"limit": "1"})
        return "Medusa knows this key."

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        lists: dict[str, Turn] = {
            name: partial(self._list, f"/admin/{name}", name, read, more)
            for name, read, more in (
                ("products", product, {}),
                ("customers", customer, {}),
                ("orders", order, {"fields": "*items,*billing_address,*shipping_address,+total"}),
            )
        }
        return walk(lists, since, cursor)

    def _list(
        self, path: str, name: str, read: Reader, more: Mapping[str, str], since: datetime | None, cursor: str | None
    ) -> Leaf:
        start = int(cursor or "0")
        params = {"limit": str(SIZE), "offset": str(start), "order": "created_at", **more}
        if since is not None:
            params["updated_at[$gte]"] = since.isoformat()
        said = self._api.json(self._api.get(path, params))
        items = as_list(said.get(name) if isinstance(said, dict) else None, path)
        total = said.get("count")
        is_last = start + SIZE >= total if isinstance(total, int) else len(items) < SIZE
        done = counted(SIZE, start // SIZE + 1, total if isinstance(total, int) else None)
        return Leaf(items, object_reader(self.settings, read), None if is_last else str(start + SIZE), done)
