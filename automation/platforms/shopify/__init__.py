"""Shopify: carts, checkouts, orders, customers, products, consent and the requests that the law makes shops pass on.

Shopify promises neither order nor that a delivery comes once, and leaves out more with every API version. So every
field may be missing, and only what a change means nothing without is insisted on.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from automation.changes import Change, CustomerDeleted, OrderDeleted, ProductDeleted, Uninstalled
from automation.errors import BadSignature, Unreadable
from automation.payload import Part, instant
from automation.platform import CodeTerms, Envelope, Page, Platform, Request, read_json
from automation.platforms.shopify import asking
from automation.platforms.shopify import codes as codes_
from automation.platforms.shopify.news import News, ShopifySettings, said
from automation.platforms.shopify.people import (
    consent,
    customer,
    customers_merged,
    privacy,
    tags_added,
    tags_removed,
)
from automation.platforms.shopify.products import product
from automation.platforms.shopify.sales import (
    cart,
    checkout,
    checkout_deleted,
    fulfillment,
    fulfillment_event,
    order,
    refund,
)
from automation.security import same
from automation.shop_graphql import GraphApi

TOPICS: dict[str, Callable[[News], list[Change]]] = {
    "carts/create": cart,
    "carts/update": cart,
    "checkouts/create": checkout,
    "checkouts/update": checkout,
    "checkouts/delete": checkout_deleted,
    "orders/create": order,
    "orders/updated": order,
    "orders/paid": order,
    "orders/fulfilled": order,
    "orders/partially_fulfilled": order,
    "orders/cancelled": order,
    "orders/delete": lambda news: [OrderDeleted(external_id=news.id("id"))],
    "refunds/create": refund,
    "fulfillments/create": fulfillment,
    "fulfillments/update": fulfillment,
    "fulfillment_events/create": fulfillment_event,
    "customers/create": customer,
    "customers/update": customer,
    "customers/enable": customer,
    "customers/disable": customer,
    "customers/delete": lambda news: [CustomerDeleted(external_id=news.id("id"))],
    "customers/merge": customers_merged,
    "customers_email_marketing_consent/update": consent,
    "customers/email_marketing_consent/update": consent,
    "customer.tags_added": tags_added,
    "customer.tags_removed": tags_removed,
    "products/create": product,
    "products/update": product,
    "products/delete": lambda news: [ProductDeleted(external_id=news.id("id"))],
    "customers/data_request": privacy("access", "orders_requested", "data_request"),
    "customers/redact": privacy("erasure", "orders_to_redact"),
    "shop/redact": privacy("store_erasure", "shop_id", "shop_domain"),
    "app/uninstalled": lambda _: [Uninstalled()],
}
"""Their topic → what reads it. Stock levels and edits of orders come as updates of products and orders, too."""


class Shopify(Platform):
    """Shopify keeps customers, carts, checkouts, orders and products current by webhooks.

    Create a custom app in the shop that may read products, customers and orders and write discounts, install it, and
    enter its client secret and its Admin API access token here. Cartwheel then adds the webhooks itself, reads what
    the shop has, looks every hour for what a webhook missed, and makes discount codes, each good once.

    With the secret alone, subscribe the app to the topics you need with this connection's address. The topics that
    the law asks of public apps are entered in the app's own configuration. Shopify tells no birthdays, and no names
    for a cart before its checkout begins.
    """

    label: ClassVar[str] = "Shopify"
    Settings: ClassVar[type[ShopifySettings]] = ShopifySettings
    topics: ClassVar[frozenset[str]] = frozenset(TOPICS)
    code_batch: ClassVar[int] = codes_.AT_ONCE

    def open(self, request: Request, now: datetime) -> Envelope:  # noqa: ARG002  Shopify sets no limit to a delivery's age
        headers = request.headers
        self._verify(headers.get("x-shopify-hmac-sha256", ""), request.body)
        domain = headers.get("x-shopify-shop-domain", "").lower()
        if self.settings.shop_domain and domain and domain != self.settings.shop_domain:
            raise BadSignature(f"This webhook is from {domain[:100]}, the connection is for another shop.")
        for name in ("x-shopify-topic", "x-shopify-webhook-id"):
            if not 0 < len(headers.get(name, "")) <= 128:
                raise Unreadable(f"The header {name} is missing or too long.")
        Part.whole(read_json(request.body))
        try:
            triggered_at = instant(headers.get("x-shopify-triggered-at", ""))
        except ValueError:
            triggered_at = None
        return Envelope(headers["x-shopify-webhook-id"], headers["x-shopify-topic"], request.body, triggered_at)

    def _verify(self, given: str, body: bytes) -> None:
        """One of the two secrets must have signed these very bytes."""
        try:
            signature = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            signature = b""
        for secret in (self.settings.secret, self.settings.previous_secret):
            key = secret.get_secret_value().encode() if secret else b""
            if key and same(hmac.digest(key, body, "sha256"), signature):
                return
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:
        translator = TOPICS.get(envelope.topic)
        if translator is None:
            return []
        return said(translator, News(Part.whole(read_json(envelope.body)), self.settings, envelope.triggered_at))

    @property
    def has_api(self) -> bool:
        return self.settings.access_token is not None and bool(self.settings.shop_domain)

    @property
    def _api(self) -> GraphApi:
        return asking.api_of(self.settings, self.http)

    def check(self) -> str:
        return asking.check(self._api)

    def subscribe(self, url: str) -> str:
        return asking.subscribe(self._api, TOPICS.keys(), url)

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        return asking.pull(self._api, self.settings, since, cursor)

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
        return codes_.create(self._api, terms, codes)
