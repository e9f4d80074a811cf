"""BigCommerce: its webhooks only name what changed; carts, orders, customers and products are looked up.

A looked-up object stands in the webhook's body as `object`, an order with `order_products`, `order_coupons` and
`order_refunds` inside. https://developer.bigcommerce.com/docs/integrations/webhooks
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any, ClassVar

import orjson

from automation.changes import CartDeleted, Change, CustomerDeleted, ProductDeleted, Uninstalled
from automation.errors import BadSignature, Unreadable
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
from automation.platforms.bigcommerce.people import customer, subscriber
from automation.platforms.bigcommerce.products import product
from automation.platforms.bigcommerce.sales import REFUNDED, cart, order
from automation.platforms.bigcommerce.settings import BigCommerceSettings
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

TOLERANCE = timedelta(minutes=5)
"""How old a signed webhook may be; a repeated one is signed anew."""
HEADER = "x-cartwheel-secret"
_MARK = "Cartwheel: "

TOPICS: dict[str, Reader] = {
    "store/cart/created": cart,
    "store/cart/updated": cart,
    "store/cart/couponApplied": cart,
    "store/cart/abandoned": cart,
    "store/cart/lineItem/created": cart,
    "store/cart/lineItem/updated": cart,
    "store/cart/lineItem/deleted": cart,
    "store/cart/deleted": lambda news: [CartDeleted(external_id=news.id("id"), at=news.at)],
    "store/cart/converted": order,
    "store/order/created": order,
    "store/order/updated": order,
    "store/order/archived": order,
    "store/order/statusUpdated": order,
    "store/order/refund/created": order,
    "store/shipment/created": order,
    "store/shipment/updated": order,
    "store/customer/created": customer,
    "store/customer/updated": customer,
    "store/customer/address/created": customer,
    "store/customer/address/updated": customer,
    "store/customer/address/update": customer,
    "store/customer/deleted": lambda news: [CustomerDeleted(external_id=news.id("id"))],
    "store/subscriber/created": subscriber,
    "store/subscriber/updated": subscriber,
    "store/product/created": product,
    "store/product/updated": product,
    "store/product/inventory/updated": product,
    "store/product/inventory/order/updated": product,
    "store/sku/inventory/updated": product,
    "store/sku/inventory/order/updated": product,
    "store/product/deleted": lambda news: [ProductDeleted(external_id=news.id("id"))],
    "store/app/uninstalled": lambda _: [Uninstalled()],
}
"""Their scope → what reads the object that it is about."""
COMPLETE = frozenset({"store/cart/deleted", "store/customer/deleted", "store/product/deleted", "store/app/uninstalled"})
"""Scopes that say all there is to say by the id."""
SCOPES = (
    "store/cart/*",
    "store/cart/lineItem/*",
    "store/order/*",
    "store/shipment/*",
    "store/customer/*",
    "store/subscriber/*",
    "store/product/*",
    "store/sku/*",
    "store/app/uninstalled",
)
"""What is subscribed to."""


class BigCommerce(Platform):
    """BigCommerce tells of carts, orders, customers, subscribers and products, and gives carts a way back.

    In BigCommerce, open Settings → API → Store-level API accounts and create a V2/V3 token that may read carts,
    customers, orders and products and modify marketing (for coupons) and information. Enter the token here; the
    store's hash stands in the API path. Cartwheel then adds the webhooks itself, reads what the shop has, looks every
    hour for what a webhook missed, and makes coupons, each good once.

    Carts cannot be listed: what a webhook missed of one shows with its next change, or with its order. Birthdays are
    not told.
    """

    label: ClassVar[str] = "BigCommerce"
    Settings: ClassVar[type[BigCommerceSettings]] = BigCommerceSettings
    topics: ClassVar[frozenset[str]] = frozenset(TOPICS)
    code_batch: ClassVar[int] = 20
    topic_field: ClassVar[str] = "scope"

    def open(self, request: Request, now: datetime) -> Envelope:
        signed_id = self._verify(request, now)
        body = Part.whole(read_json(request.body))
        topic = self.topic_in(body.data)
        producer = (body.text("producer") or "").removeprefix("stores/")
        if producer and not producer.startswith("{") and producer != self.settings.store_hash:
            raise BadSignature(f"This webhook is from the shop {producer[:40]}, the connection is for another one.")
        delivery_id = signed_id or body.id("hash")
        if delivery_id is None:
            raise body.missing("hash")
        is_bare = topic in TOPICS and topic not in COMPLETE
        return Envelope(delivery_id, topic, request.body, body.moment("created_at") or now, is_bare)

    def _verify(self, request: Request, now: datetime) -> str | None:
        """Either the signature or our secret must be right. The id of a signed delivery."""
        headers = request.headers
        secret = self.settings.client_secret
        if secret and secret.get_secret_value() and "webhook-signature" in headers:
            return _signed(headers, request.body, secret.get_secret_value(), now)
        ours = self.settings.hook_secret.get_secret_value()
        if not ours or not same(ours, headers.get(HEADER, "")):
            raise BadSignature
        return None

    def translate(self, envelope: Envelope) -> list[Change]:
        body = Part.whole(read_json(envelope.body))
        if envelope.topic not in TOPICS:
            return []
        named = body.part("data") or Part({}, "data")
        if envelope.topic in COMPLETE:
            return translated(TOPICS, envelope.topic, News(named, self.settings, envelope.triggered_at))
        if "object" not in body.data:
            what, which = named.text("type") or "something", named.text("id") or "without an id"
            raise Unreadable(f"The webhook only names {what} {which}; it is looked up before it is read.")
        found = body.part("object")
        if found is None:  # gone before it was looked up
            return []
        return translated(TOPICS, envelope.topic, News(found, self.settings, envelope.triggered_at))

    @property
    def has_api(self) -> bool:
        return True

    @property
    def _api(self) -> ShopApi:
        token = self.settings.access_token.get_secret_value()
        root = f"{self.settings.base_url.rstrip('/')}/stores/{self.settings.store_hash}"
        return ShopApi(self.http, root, {"X-Auth-Token": token}, self.label)

    def check(self) -> str:
        found = self._api.find("/v2/store")
        name = found.get("name") if isinstance(found, dict) else None
        return f"BigCommerce knows this token: {name or 'a shop without a name'}."

    # Looking up

    def fetch(self, envelope: Envelope) -> Envelope:
        body = Part.whole(read_json(envelope.body))
        named = body.part("data")
        if named is None:
            raise body.missing("data")
        found = self._look_up(envelope.topic, named)
        return replace(envelope, body=orjson.dumps({**body.data, "object": found}), is_bare=False)

    def _look_up(self, topic: str, named: Part) -> Any:
        reader = TOPICS[topic]
        if reader is cart:
            return self._cart(_named_id(named, "cartId", "id"))
        if reader is order:
            return self._order(_named_id(named, "orderId", "id"))
        if reader is customer:
            address = named.part("address")
            external_id = _named_id(address, "customer_id") if address else _named_id(named, "id")
            params = {"id:in": external_id, "include": "addresses,formfields"}
            return next(iter(_data(self._api.find("/v3/customers", params)) or ()), None)
        if reader is subscriber:
            return _data(self._api.find(f"/v3/customers/subscribers/{_named_id(named, 'id')}"))
        stock = named.part("inventory")
        external_id = _named_id(stock, "product_id") if stock else _named_id(named, "id")
        return _data(self._api.find(f"/v3/catalog/products/{external_id}", {"include": "variants,images"}))

    def _cart(self, cart_id: str) -> Any:
        return _data(self._api.find(f"/v3/carts/{cart_id}", {"include": "redirect_urls"}))

    def _order(self, order_id: str) -> Any:
        found = self._api.find(f"/v2/orders/{order_id}")
        return self._whole(found) if isinstance(found, dict) else None

    def _whole(self, found: dict[str, Any]) -> dict[str, Any]:
        """An order with what stands under addresses of its own."""
        api, path = self._api, f"/v2/orders/{found.get('id')}"
        more = {"order_products": as_list(api.find(f"{path}/products") or [], "products")}
        more["order_coupons"] = as_list(api.find(f"{path}/coupons") or [], "coupons")
        if found.get("status_id") in REFUNDED:
            refunds = _data(api.find(f"/v3/orders/{found.get('id')}/payment_actions/refunds"))
            more["order_refunds"] = as_list(refunds or [], "refunds")
        return {**found, **more}

    # Everything, and what was missed

    def subscribe(self, url: str) -> str:
        api = self._api
        known = as_list(_data(api.json(api.get("/v3/hooks", {"limit": "250"}))), "hooks")
        ours = {hook.get("scope"): hook for hook in known if isinstance(hook, dict) and hook.get("destination") == url}
        headers = {HEADER: self.settings.hook_secret.get_secret_value()}
        for scope in SCOPES:
            hook = {"scope": scope, "destination": url, "is_active": True, "headers": headers}
            if scope in ours:
                api.changed("PUT", f"/v3/hooks/{ours[scope].get('id')}", hook)
            else:
                api.changed("POST", "/v3/hooks", hook)
        return f"{len(SCOPES)} webhooks send here; {len(set(SCOPES) - ours.keys())} of them are new."

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        people = {"include": "addresses,formfields"}
        lists: dict[str, Turn] = {
            "products": partial(self._list, "/v3/catalog/products", product, 50, {"include": "variants,images"}),
            "customers": partial(self._list, "/v3/customers", customer, 250, people),
            "subscribers": partial(self._list, "/v3/customers/subscribers", subscriber, 250, {}),
            "orders": self._orders,
        }
        return walk(lists, since, cursor)

    def _list(
        self, path: str, read: Reader, size: int, more: Mapping[str, str], since: datetime | None, cursor: str | None
    ) -> Leaf:
        page = int(cursor or "1")
        params = {"limit": str(size), "page": str(page), **more}
        if since is not None:
            params["date_modified:min"] = f"{since:%Y-%m-%dT%H:%M:%SZ}"
        said = self._api.json(self._api.get(path, params))
        items = as_list(_data(said), path)
        meta = said.get("meta", {}) if isinstance(said, dict) else {}
        paging = meta.get("pagination", {}) if isinstance(meta, dict) else {}
        pages = paging.get("total_pages") if isinstance(paging, dict) else None
        is_last = page >= pages if isinstance(pages, int) else len(items) < size
        done = counted(1, page, pages if isinstance(pages, int) else None)
        return Leaf(items, object_reader(self.settings, read), None if is_last else str(page + 1), done)

    def _orders(self, since: datetime | None, cursor: str | None) -> Leaf:
        size, page = 25, int(cursor or "1")
        params = {"limit": str(size), "page": str(page), "sort": "id:asc"}
        if since is not None:
            params["min_date_modified"] = format_datetime(since.astimezone(UTC))
        found = self._api.find("/v2/orders", params) or []  # 204 when there is none
        orders = [self._whole(item) for item in as_list(found, "orders") if isinstance(item, dict)]
        return Leaf(orders, object_reader(self.settings, order), str(page + 1) if len(found) == size else None, 0.5)

    # Codes

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
        return made(codes, 1, partial(self._create, terms))

    def _create(self, terms: CodeTerms, codes: Sequence[str]) -> list[CodeOutcome]:
        (code,) = codes
        answer = self._api.send("POST", "/v2/coupons", _coupon(code, terms))
        error = self._api.failed(answer)
        if error is None:
            said = answer.json()
            return [Created(str(said.get("id", "")) if isinstance(said, dict) else "")]
        if answer.status in {400, 409, 422}:
            known = self._api.find("/v2/coupons", {"code": code})
            for coupon in known if isinstance(known, list) else ():
                is_ours = isinstance(coupon, dict) and str(coupon.get("name", "")).startswith(_MARK)
                return [Created(str(coupon.get("id", ""))) if is_ours else CodeTaken(f"{code} is the shop's already.")]
        raise error


def _signed(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> str:
    """The id of a delivery whose signature and time are right (Standard Webhooks). Raises BadSignature."""
    delivery_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not delivery_id or not re.fullmatch(r"\d{9,11}", sent):
        raise BadSignature
    if abs(now - datetime.fromtimestamp(int(sent), UTC)) > TOLERANCE:
        raise BadSignature("The signature is too old; are both clocks right?")
    expected = hmac.digest(secret.encode(), f"{delivery_id}.{sent}.".encode() + body, "sha256")
    for given in headers["webhook-signature"].split():
        version, _, text = given.partition(",")
        try:
            signature = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if version == "v1" and same(expected, signature):
            return delivery_id[:128]
    raise BadSignature


def _named_id(part: Part, *names: str) -> str:
    """An id that may stand in a path. Raises Unreadable."""
    for name in names:
        found = part.id(name)
        if found is not None:
            if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", found):
                raise part.wrong(name, "an id")
            return found
    raise part.missing(*names)


def _data(said: Any) -> Any:
    return said.get("data") if isinstance(said, dict) else None


def _coupon(code: str, terms: CodeTerms) -> dict[str, Any]:
    kinds = {"percent": "percentage_discount", "amount": "per_total_discount", "shipping": "free_shipping"}
    amount = {
        "percent": str(terms.value),
        "amount": decimal_text(terms.value, terms.currency),
        "shipping": "0",
    }
    return {
        "name": f"{_MARK}{terms.title} {code}"[:100],
        "code": code,
        "type": kinds[terms.kind],
        "amount": amount[terms.kind],
        "min_purchase": decimal_text(terms.minimum or 0, terms.currency),
        "enabled": True,
        "applies_to": {"entity": "categories", "ids": [0]},
        "max_uses": 1,
        **({"expires": format_datetime(terms.ends_at.astimezone(UTC))} if terms.ends_at else {}),
    }
