"""Saleor: webhooks that say what a GraphQL subscription asks of them, and its GraphQL API for all else.

https://docs.saleor.io/developer/extending/webhooks/overview
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from automation.changes import Change, CustomerDeleted, ProductDeleted
from automation.errors import Later, Misconfigured, SendError, Unreadable
from automation.payload import Part
from automation.platform import CodeTerms, Envelope, News, Page, Platform, Reader, Request, read_json, translated
from automation.platforms.saleor import codes as codes_
from automation.platforms.saleor import queries
from automation.platforms.saleor.objects import checkout, customer, order, product
from automation.platforms.saleor.settings import SaleorSettings
from automation.platforms.saleor.signing import Keys, check
from automation.shop_api import Leaf, ShopApi, Turn, object_reader, walk
from automation.shop_graphql import GraphApi, Problem, leaf, place

NAME = "Cartwheel"
EVENTS: Mapping[str, str] = {
    **dict.fromkeys(("CUSTOMER_CREATED", "CUSTOMER_UPDATED", "CUSTOMER_DELETED"), "user"),
    **dict.fromkeys(("CHECKOUT_CREATED", "CHECKOUT_UPDATED"), "checkout"),
    **dict.fromkeys(("ORDER_CREATED", "ORDER_UPDATED", "ORDER_CONFIRMED", "ORDER_FULLY_PAID"), "order"),
    **dict.fromkeys(("ORDER_PAID", "ORDER_FULFILLED", "ORDER_CANCELLED", "ORDER_REFUNDED", "ORDER_EXPIRED"), "order"),
    **dict.fromkeys(("PRODUCT_CREATED", "PRODUCT_UPDATED", "PRODUCT_DELETED"), "product"),
}
"""What is subscribed to → the name of the object in its body."""


def _noticed(name: str, read: Reader) -> Reader:
    """Reads the object within a NOTIFY_USER, which tells what a mail of the shop's own would say."""

    def notice(news: News) -> list[Change]:
        payload = news.body.part("payload") or Part({}, "payload")
        found = payload.part(name)
        if found is None:
            raise payload.missing(name)
        return read(News(found, news.settings, news.at))

    return notice


_NOTICES: dict[str, Reader] = {
    **dict.fromkeys(("account_confirmation", "account_change_email_confirm"), _noticed("user", customer)),
    **dict.fromkeys(("order_confirmation", "order_canceled", "order_payment_confirmation"), _noticed("order", order)),
    **dict.fromkeys(("order_refund_confirmation", "order_fulfillment_confirmation"), _noticed("order", order)),
}
"""Kind of notice → what reads it; the others (passwords, gift cards, staff) say nothing that matters."""


def _notice(news: News) -> list[Change]:
    read = _NOTICES.get(news.body.text("notify_event") or "")
    return read(news) if read else []


TOPICS: dict[str, Reader] = {
    **{
        event.lower(): {"user": customer, "checkout": checkout, "order": order, "product": product}[name]
        for event, name in EVENTS.items()
    },
    "customer_deleted": lambda news: [CustomerDeleted(external_id=news.id("id"))],
    "product_deleted": lambda news: [ProductDeleted(external_id=news.id("id"))],
    "checkout_fully_paid": checkout,
    "notify_user": _notice,
}
"""Their event, in lower case → what reads the object that it is about."""


class Saleor(Platform):
    """Saleor (3.18 or newer) tells of customers, checkouts, orders and products, and takes voucher codes.

    In the dashboard, add a local app that may manage orders, users, products, checkouts and discounts, and enter its
    token here. Cartwheel then adds its webhook itself, reads what the shop has, looks every hour for what a webhook
    missed, and makes voucher codes, each good once, in the channel that you name.

    Saleor knows no consent to marketing, no birthdays and no time zones: tell consent by a sign-up form or the API. A
    checkout counts as left once its customer has typed an address. A checkout's link works with your storefront's
    address of it.
    """

    label: ClassVar[str] = "Saleor"
    Settings: ClassVar[type[SaleorSettings]] = SaleorSettings
    topics: ClassVar[frozenset[str]] = frozenset(TOPICS)
    code_batch: ClassVar[int] = codes_.AT_ONCE
    reconciled_every: ClassVar[timedelta] = timedelta(hours=1)

    def __init__(self, settings: Any, http: Any) -> None:
        super().__init__(settings, http)
        self._keys = Keys(http, settings.api_url)

    def open(self, request: Request, now: datetime) -> Envelope:
        headers = request.headers
        secret = self.settings.hook_secret.get_secret_value() if self.settings.hook_secret else ""
        given = headers.get("saleor-signature") or headers.get("x-saleor-signature") or ""
        check(given, request.body, self._keys, secret, now)
        topic = (headers.get("saleor-event") or headers.get("x-saleor-event") or "").lower()
        if not 0 < len(topic) <= 128:
            raise Unreadable("The header saleor-event is missing or too long.")
        body = _one(read_json(request.body))
        told = body.part("meta") or body
        issued_at = told.data.get("issuedAt") or told.data.get("issued_at")
        at = Part({"at": issued_at}).moment("at") if issued_at else None
        # A delivery has no id; a repeated one has the same body, and ours say when they were issued.
        digest = hashlib.sha256(topic.encode() + b"\n" + request.body).hexdigest()
        return Envelope(digest, topic, request.body, at or now)

    def translate(self, envelope: Envelope) -> list[Change]:
        if envelope.topic not in TOPICS:
            return []
        body = _one(read_json(envelope.body))
        name = EVENTS.get(envelope.topic.upper(), "checkout" if envelope.topic.startswith("checkout") else "")
        found = body.part(name) if name else None
        return translated(TOPICS, envelope.topic, News(found or body, self.settings, envelope.triggered_at))

    @property
    def has_api(self) -> bool:
        return self.settings.app_token is not None

    @property
    def _api(self) -> GraphApi:
        if self.settings.app_token is None:
            raise Misconfigured("The token of Saleor's app is missing.")
        headers = {"Authorization": f"Bearer {self.settings.app_token.get_secret_value()}"}
        # Without its last slash Saleor answers with a redirect.
        url = self.settings.api_url.rstrip("/")
        return GraphApi(ShopApi(self.http, url, headers, self.label), _judge, "/")

    def check(self) -> str:
        shop = self._api.find(queries.SHOP).get("shop")
        app = self._api.find(queries.HOOKS).get("app")
        if not isinstance(app, dict):
            raise Misconfigured("Saleor does not know this token as an app's.")
        name = shop.get("name") if isinstance(shop, dict) else None
        return f"Saleor knows this token: {name or 'a shop without a name'}."

    def subscribe(self, url: str) -> str:
        api = self._api
        app = api.find(queries.HOOKS).get("app")
        if not isinstance(app, dict):
            raise Misconfigured("Saleor does not know this token as an app's.")
        known = app.get("webhooks")
        ours = (
            [h for h in known if isinstance(h, dict) and h.get("targetUrl") == url] if isinstance(known, list) else []
        )
        hook: dict[str, Any] = {
            "name": NAME,
            "targetUrl": url,
            "asyncEvents": list(EVENTS),
            "isActive": True,
            "query": queries.subscription(EVENTS),
        }
        if self.settings.hook_secret is not None:
            hook["secretKey"] = self.settings.hook_secret.get_secret_value()
        if ours:
            said = api.change("webhookUpdate", queries.CHANGE_HOOK, {"id": ours[0].get("id"), "input": hook})
        else:
            said = api.change("webhookCreate", queries.ADD_HOOK, {"input": hook})
        problem = codes_.problem_of(said)
        if problem is not None:
            raise problem
        return f"A webhook for {len(EVENTS)} events sends here; {'it was there' if ours else 'it is new'}."

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        readers = {"products": product, "customers": customer, "checkouts": checkout, "orders": order}
        lists: dict[str, Turn] = {name: partial(self._list, name, read) for name, read in readers.items()}
        return walk(lists, since, cursor)

    def _list(self, name: str, read: Reader, since: datetime | None, cursor: str | None) -> Leaf:
        asked: dict[str, Any] = {"after": place(cursor)[1]}
        if since is not None:
            at = since.astimezone(UTC)
            # Checkouts are asked for by day.
            asked["filter"] = {"updatedAt": {"gte": f"{at:%Y-%m-%d}" if name == "checkouts" else at.isoformat()}}
        found = self._api.find(queries.listing(name), asked).get("found")
        return leaf(found, object_reader(self.settings, read), cursor)

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
        return codes_.create(self._api, self.settings.channel, terms, codes)


def _one(said: Any) -> Part:
    """The body; those without a subscription come as a list of one. Raises Unreadable."""
    return Part.whole(said[0] if isinstance(said, list) and len(said) == 1 else said)


def _judge(problem: Problem, _: Mapping[str, Any]) -> SendError | None:
    more = problem.get("extensions")
    raised = more.get("exception") if isinstance(more, dict) else None
    code = str(raised.get("code") or "") if isinstance(raised, dict) else ""
    message = f"Saleor: {problem.get('message') or code}"[:400]
    if code in {"PermissionDenied", "InvalidTokenError", "InvalidSignatureError", "ExpiredSignatureError"}:
        return Misconfigured(message, code=code)
    if code in {"OperationalError", "InternalServerError"}:
        return Later(message, code=code)
    return None
