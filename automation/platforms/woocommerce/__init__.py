"""WooCommerce: orders, customers and products as its REST API v3 writes them; a webhook's body is such an object.

It tells nothing of carts; an order that nobody has paid for yet is the nearest to a checkout, and `payment_url` is
the way back to it. A delivery is never repeated, so what got lost is asked for by `modified_after`.
https://woocommerce.github.io/woocommerce-rest-api-docs/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from automation.changes import Change, CustomerDeleted, OrderDeleted, ProductDeleted
from automation.errors import BadSignature, Misconfigured, Refused, Unreadable, Unsure
from automation.money import decimal_text
from automation.payload import Part
from automation.platform import (
    CodeTerms,
    Envelope,
    News,
    Page,
    Platform,
    Reader,
    Request,
    read_json,
    translated,
)
from automation.platforms.woocommerce.people import customer
from automation.platforms.woocommerce.products import product
from automation.platforms.woocommerce.sales import order
from automation.platforms.woocommerce.settings import WooSettings
from automation.security import same
from automation.shop_api import (
    CodeOutcome,
    CodeTaken,
    Created,
    Leaf,
    ShopApi,
    Turn,
    as_list,
    counted,
    made,
    object_reader,
    walk,
)

SIZE = 100
"""Objects on a page, which is the most it gives."""
CODES_AT_ONCE = 100
"""Coupons in one batch, which is the most it takes."""
_MARK = "Made by Cartwheel: "
_PING = re.compile(rb"webhook_id=\d{1,12}")
TOPICS: dict[str, Reader] = {
    "order.created": order,
    "order.updated": order,
    "order.restored": order,
    "order.deleted": lambda news: [OrderDeleted(external_id=news.id("id"))],
    "customer.created": customer,
    "customer.updated": customer,
    "customer.deleted": lambda news: [CustomerDeleted(external_id=news.id("id"))],
    "product.created": product,
    "product.updated": product,
    "product.restored": product,
    "product.deleted": lambda news: [ProductDeleted(external_id=news.id("id"))],
}
"""Their topic → what reads it."""


class WooCommerce(Platform):
    """WooCommerce tells of orders, checkouts, customers and products.

    In WordPress, open WooCommerce → Settings → Advanced → REST API, add a key with read and write access and enter
    both parts here. Cartwheel then adds the webhooks itself, reads what the shop has, and looks every hour for what
    a webhook missed, and makes coupons, each good once. With read access alone, add the webhooks by hand, with the
    secret that you enter here.

    Carts are not told by WooCommerce; orders that were begun and not paid count as checkouts. The storefront snippet
    tells of carts. It knows no birthdays and no time zones, and consent only where a plugin keeps it in a field.
    """

    label: ClassVar[str] = "WooCommerce"
    Settings: ClassVar[type[WooSettings]] = WooSettings
    topics: ClassVar[frozenset[str]] = frozenset(TOPICS)
    code_batch: ClassVar[int] = CODES_AT_ONCE

    def open(self, request: Request, now: datetime) -> Envelope:
        headers = request.headers
        if "x-wc-webhook-signature" not in headers and _PING.fullmatch(request.body):
            # Asked once when a webhook is made: it is not signed, and says nothing but its own number.
            return Envelope("ping", "ping", b"{}", now)
        self._verify(headers.get("x-wc-webhook-signature", ""), request.body)
        for name in ("x-wc-webhook-topic", "x-wc-webhook-delivery-id"):
            if not 0 < len(headers.get(name, "")) <= 128:
                raise Unreadable(f"The header {name} is missing or too long.")
        Part.whole(read_json(request.body))
        # Two deliveries of a webhook within a second bear the same id.
        digest = hashlib.sha256(request.body).hexdigest()[:40]
        delivery_id = f"{headers['x-wc-webhook-delivery-id'][:80]}:{digest}"
        return Envelope(delivery_id, headers["x-wc-webhook-topic"], request.body, now)

    def _verify(self, given: str, body: bytes) -> None:
        try:
            signature = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            signature = b""
        # WordPress keeps the secret as HTML and signs with what it decodes to.
        key = html.unescape(self.settings.webhook_secret.get_secret_value()).encode()
        if not key or not same(hmac.digest(key, body, "sha256"), signature):
            raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:
        news = News(Part.whole(read_json(envelope.body)), self.settings, envelope.triggered_at)
        return translated(TOPICS, envelope.topic, news)

    @property
    def has_api(self) -> bool:
        return bool(self.settings.consumer_key and self.settings.consumer_secret)

    @property
    def _api(self) -> ShopApi:
        if not self.has_api:
            raise Misconfigured("The key of WooCommerce's REST API is missing.")
        key, secret = (
            s.get_secret_value() if s else "" for s in (self.settings.consumer_key, self.settings.consumer_secret)
        )
        basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
        root = f"{self.settings.shop_url}/wp-json/wc/v3"
        return ShopApi(self.http, root, {"Authorization": f"Basic {basic}"}, self.label)

    def check(self) -> str:
        answer = self._api.get("/orders", {"per_page": "1"})
        as_list(self._api.json(answer), "orders")
        return f"WooCommerce knows these keys: {answer.headers.get('x-wp-total', 'some')} orders."

    def subscribe(self, url: str) -> str:
        api = self._api
        known = as_list(api.json(api.get("/webhooks", {"per_page": str(SIZE)})), "webhooks")
        secret = self.settings.webhook_secret.get_secret_value()
        ours = {w.get("topic"): w for w in known if isinstance(w, dict) and w.get("delivery_url") == url}
        added = 0
        for topic in TOPICS:
            hook = {"name": f"Cartwheel {topic}", "topic": topic, "delivery_url": url, "secret": secret}
            if topic not in ours:
                api.changed("POST", "/webhooks", hook)
                added += 1
            else:
                api.changed("PUT", f"/webhooks/{ours[topic].get('id')}", {"secret": secret, "status": "active"})
        return f"{len(TOPICS)} webhooks send here; {added} of them are new."

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        lists: dict[str, Turn] = {
            "products": partial(self._list, "/products", product, {}),
            "customers": self._customers,
            "orders": partial(self._list, "/orders", order, {"status": "any"}),
        }
        return walk(lists, since, cursor)

    def _list(
        self, path: str, read: Reader, more: Mapping[str, str], since: datetime | None, cursor: str | None
    ) -> Leaf:
        params = {"per_page": str(SIZE), "orderby": "id", "order": "asc", "page": cursor or "1", **more}
        if since is not None:
            params |= {"modified_after": f"{since:%Y-%m-%dT%H:%M:%S}", "dates_are_gmt": "true"}
        return self._leaf(path, read, params)

    def _customers(self, since: datetime | None, cursor: str | None) -> Leaf:
        """Customers cannot be asked for by their last change; of late are those who registered last.

        Who changed an address shows with the next order.
        """
        order_by = "asc" if since is None else "desc"
        params = {"per_page": str(SIZE), "orderby": "id", "order": order_by, "page": cursor or "1"}
        leaf = self._leaf("/customers", customer, params)
        if since is not None and any(_made_before(item, since) for item in leaf.items):
            return Leaf(leaf.items, leaf.read)
        return leaf

    def _leaf(self, path: str, read: Reader, params: Mapping[str, str]) -> Leaf:
        answer = self._api.get(path, params)
        items = as_list(self._api.json(answer), path)
        page, pages = int(params["page"]), _number(answer.headers.get("x-wp-totalpages", ""))
        is_last = len(items) < SIZE if pages is None else page >= pages
        done = counted(1, page, pages)
        return Leaf(items, object_reader(self.settings, read), None if is_last else str(page + 1), done)

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
        return made(codes, CODES_AT_ONCE, partial(self._create, terms))

    def _create(self, terms: CodeTerms, codes: Sequence[str]) -> list[CodeOutcome]:
        said = self._api.changed("POST", "/coupons/batch", {"create": [_coupon(code, terms) for code in codes]})
        answered = said.get("create") if isinstance(said, dict) else None
        answers = answered if isinstance(answered, list) and len(answered) == len(codes) else [None] * len(codes)
        return [self._made(code, item) for code, item in zip(codes, answers, strict=True)]

    def _made(self, code: str, said: Any) -> CodeOutcome:
        error = said.get("error") if isinstance(said, dict) else None
        if isinstance(said, dict) and not error and said.get("id"):
            return Created(str(said["id"]))
        known = self._api.find("/coupons", {"code": code})
        for coupon in known if isinstance(known, list) else ():
            if isinstance(coupon, dict) and str(coupon.get("description", "")).startswith(_MARK):
                return Created(str(coupon.get("id", "")))
            return CodeTaken(f"{code} is a coupon of the shop already.")
        message = error.get("message") if isinstance(error, dict) else None
        return Refused(str(message)) if message else Unsure("WooCommerce did not say what became of it.")


def _coupon(code: str, terms: CodeTerms) -> dict[str, Any]:
    kinds = {"percent": "percent", "amount": "fixed_cart", "shipping": "percent"}
    amount = {
        "percent": str(terms.value),
        "amount": decimal_text(terms.value, terms.currency),
        "shipping": "0",
    }
    return {
        "code": code,
        "description": f"{_MARK}{terms.title}"[:250],
        "discount_type": kinds[terms.kind],
        "amount": amount[terms.kind],
        "free_shipping": terms.kind == "shipping",
        "individual_use": True,
        "usage_limit": 1,
        "minimum_amount": decimal_text(terms.minimum, terms.currency) if terms.minimum else "",
        "date_expires_gmt": f"{terms.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if terms.ends_at else None,
    }


def _made_before(item: Any, since: datetime) -> bool:
    try:
        at = Part.whole(item).moment("date_created_gmt")
    except Unreadable:
        return False
    return at is not None and at < since - timedelta(days=1)


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None
