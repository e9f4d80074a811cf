"""Stripe: checkouts, payments, refunds, invoices and subscriptions.

An invoice is a payment that falls due, a subscription a renewal; what was paid is an order under its payment's id,
which refunds name too. https://docs.stripe.com/api/events/types
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from automation.changes import Change, CustomerDeleted
from automation.errors import BadSignature, Misconfigured, Unreadable
from automation.payload import Part
from automation.platform import (
    CodeTerms,
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
from automation.platforms.stripe import codes as codes_
from automation.platforms.stripe.objects import customer, invoice, left_session, paid_session, refund, subscription
from automation.security import same
from automation.shop_api import Leaf, ShopApi, Turn, as_list, made, object_reader, walk
from automation.source import ServiceUrl, Token

TOLERANCE = timedelta(minutes=5)
SIZE = 100


class StripeSettings(PlatformSettings):
    signing_secret: SecretStr = Field(min_length=8, description="Signing secret of the webhook endpoint (whsec_…).")
    previous_secret: SecretStr | None = Field(None, description="The secret before, while it is being rolled.")
    api_key: Token | None = Field(
        None,
        description="Restricted key (rk_…) that may read customers, invoices, subscriptions, checkouts and events, and "
        "write coupons and promotion codes.",
    )
    base_url: ServiceUrl = Field(
        "https://api.stripe.com", description="Address of the API.", json_schema_extra={"advanced": True}
    )


TOPICS: dict[str, Reader] = {
    "checkout.session.completed": paid_session,
    "checkout.session.async_payment_succeeded": paid_session,
    "checkout.session.expired": left_session,
    "customer.created": customer,
    "customer.updated": customer,
    "customer.deleted": lambda news: [CustomerDeleted(external_id=news.id("id"))],
    "customer.subscription.created": subscription,
    "customer.subscription.updated": subscription,
    "customer.subscription.deleted": subscription,
    "invoice.finalized": invoice,
    "invoice.updated": invoice,
    "invoice.paid": invoice,
    "invoice.payment_failed": invoice,
    "invoice.voided": invoice,
    "invoice.marked_uncollectible": invoice,
    "refund.created": refund,
    "refund.updated": refund,
    "charge.refund.updated": refund,
}
"""Their type of event → what reads its object."""


class Stripe(Platform):
    """Stripe tells of checkouts, payments due, renewals, refunds and customers.

    In Stripe's dashboard, open Developers → Webhooks, add an endpoint with this connection's address, choose the
    events that are listed here, and enter its signing secret. With a restricted key that may read, Cartwheel also
    takes in the customers, invoices and subscriptions that there are, and asks hourly for events it missed; Stripe
    keeps them for 30 days. With one that may write coupons and promotion codes, it makes codes, each good once.

    Stripe tells no carts and no catalogue, and has no coupons for shipping. It gives the secret of a webhook away only
    when that is made, so the endpoint is made by hand.
    """

    label: ClassVar[str] = "Stripe"
    Settings: ClassVar[type[StripeSettings]] = StripeSettings
    topics: ClassVar[frozenset[str]] = frozenset(TOPICS)
    topic_field: ClassVar[str] = "type"
    code_batch: ClassVar[int] = codes_.AT_ONCE

    def open(self, request: Request, now: datetime) -> Envelope:
        self._verify(request.headers.get("stripe-signature", ""), request.body, now)
        body = Part.whole(read_json(request.body))
        event_id = body.id("id")
        if event_id is None:
            raise body.missing("id")
        return Envelope(event_id, self.topic_in(body.data), request.body, body.moment("created") or now)

    def _verify(self, header: str, body: bytes, now: datetime) -> None:
        parts = [part.strip().partition("=") for part in header.split(",")]
        sent = next((value for name, _, value in parts if name == "t"), "")
        if not re.fullmatch(r"\d{9,11}", sent) or not sent.isascii():
            raise BadSignature
        if abs(now - datetime.fromtimestamp(int(sent), UTC)) > TOLERANCE:
            raise BadSignature("The signature is too old; are both clocks right?")
        for secret in (self.settings.signing_secret, self.settings.previous_secret):
            key = secret.get_secret_value().encode() if secret else b""
            expected = hmac.new(key, f"{sent}.".encode() + body, "sha256").hexdigest()
            if key and any(same(expected, value) for name, _, value in parts if name == "v1"):
                return
        raise BadSignature

    def translate(self, envelope: Envelope) -> list[Change]:
        return _event(self.settings, envelope.topic, Part.whole(read_json(envelope.body)), envelope.triggered_at)

    @property
    def has_api(self) -> bool:
        return self.settings.api_key is not None

    @property
    def _api(self) -> ShopApi:
        if self.settings.api_key is None:
            raise Misconfigured("Stripe's key is missing.")
        headers = {"Authorization": f"Bearer {self.settings.api_key.get_secret_value()}"}
        root = f"{self.settings.base_url.rstrip('/')}/v1"
        return ShopApi(self.http, root, headers, self.label, _words)

    def check(self) -> str:
        self._api.get("/customers", {"limit": "1"})
        return "Stripe knows this key."

    def pull(self, since: datetime | None, cursor: str | None) -> Page:
        lists: dict[str, Turn] = {
            "customers": partial(self._list, "/customers", customer, {}),
            "invoices": partial(self._list, "/invoices", invoice, {}),
            "subscriptions": partial(self._list, "/subscriptions", subscription, {"status": "all"}),
        }
        missed: dict[str, Turn] = {"events": partial(self._list, "/events", None, {})}
        return walk(lists if since is None else missed, since, cursor)

    def _list(
        self, path: str, read: Reader | None, more: Mapping[str, str], since: datetime | None, cursor: str | None
    ) -> Leaf:
        params = {"limit": str(SIZE), **more, **({"starting_after": cursor} if cursor else {})}
        if since is not None:
            params["created[gte]"] = str(int(since.timestamp()))
        said = self._api.json(self._api.get(path, params))
        items = as_list(said.get("data") if isinstance(said, dict) else None, path)
        last = items[-1].get("id") if items and isinstance(items[-1], dict) else None
        following = str(last) if last and said.get("has_more") is True else None
        reader = object_reader(self.settings, read) if read else partial(_told, self.settings)
        return Leaf(items, reader, following, 0.5)

    def create_codes(self, terms: CodeTerms, codes: Sequence[str]) -> list[str]:
        api = codes_.pinned(self._api)
        return made(codes, 1, partial(codes_.make, api, codes_.coupon_for(api, terms), terms))


def _told(settings: StripeSettings, item: Any) -> list[Change]:
    """What an event out of the list of events says."""
    event = Part.whole(item)
    return _event(settings, event.text("type") or "", event, event.moment("created"))


def _event(settings: StripeSettings, topic: str, event: Part, at: datetime | None) -> list[Change]:
    if topic not in TOPICS:
        return []
    found = (event.part("data") or Part({}, "data")).part("object")
    if found is None:
        raise Unreadable("data.object is missing.")
    return translated(TOPICS, topic, News(found, settings, at))


def _words(said: Mapping[str, Any]) -> str:
    error = said.get("error")
    return str(error.get("message") or "") if isinstance(error, dict) else ""
