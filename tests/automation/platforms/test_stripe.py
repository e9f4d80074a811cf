from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson
import pytest

from automation.changes import (
    CartChanged,
    Change,
    ConsentChanged,
    CustomerChanged,
    DueItemChanged,
    OrderChanged,
    OrderRefunded,
)
from automation.errors import BadSignature, Misconfigured, Refused, Unreadable
from automation.platform import CodeTerms, Envelope, Request
from automation.platforms.stripe import TOPICS, Stripe
from tests.automation.platforms.mutating import NOWHERE, SHARED, is_said_or_refused, mutate, recordings
from tests.conftest import NOW, Net

BODIES = recordings("stripe")


def shop(http: httpx.Client | None = None, **values: Any) -> Stripe:
    given = {"signing_secret": "whsec_secret", **values}
    return Stripe(Stripe.Settings.model_validate(given), http or NOWHERE)


def read(topic: str, body: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shop().translate(Envelope("d1", topic, raw, NOW))


def only(changes: Any, kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


def event(name: str, **changes: Any) -> dict[str, Any]:
    """A recorded event with some of its object's fields changed."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(BODIES[name]))
    found["data"]["object"] |= changes
    return found


def signed(body: bytes, at: datetime = NOW, secret: str = "whsec_secret") -> Request:
    stamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()
    return Request({"stripe-signature": f"t={stamp},v1={'0' * 64},v1={digest},v0=x"}, body)


BODY = orjson.dumps(BODIES["invoice.paid"])


def test_a_signed_event_opens_with_either_secret() -> None:
    envelope = shop(previous_secret="whsec_old").open(signed(BODY, secret="whsec_old"), NOW)
    assert (envelope.delivery_id, envelope.topic) == ("evt_1", "invoice.paid")


@pytest.mark.parametrize(
    "request_",
    [
        Request({}, BODY),
        Request({"stripe-signature": "t=now,v1=x"}, BODY),
        Request({"stripe-signature": "t=1773144000,v1=ü"}, BODY),
        signed(BODY, secret="wrong"),
        signed(BODY, NOW - timedelta(minutes=6)),
        Request(signed(BODY).headers, BODY + b" "),
    ],
)
def test_what_stripe_did_not_sign_now_is_turned_away(request_: Request) -> None:
    with pytest.raises(BadSignature):
        shop().open(request_, NOW)


def test_a_paid_checkout_is_an_order_under_its_payments_id_and_its_refund_finds_it() -> None:
    changes = read("checkout.session.completed", BODIES["checkout.session.completed"])
    order = only(changes, OrderChanged)
    assert (order.external_id, order.total, order.discount, order.shipping) == ("pi_1", 4800, 700, 500)
    assert only(changes, ConsentChanged).status == "granted"
    assert (only(changes, CustomerChanged).first_name, only(changes, CustomerChanged).last_name) == ("Ada", "Byron")
    refund = only(read("refund.created", BODIES["refund.created"]), OrderRefunded)
    assert (refund.order_external_id, refund.amount) == ("pi_1", 100)
    unpaid = read("checkout.session.completed", event("checkout.session.completed", payment_status="unpaid"))
    assert not [change for change in unpaid if isinstance(change, OrderChanged)]


def test_a_checkout_that_ran_out_has_its_way_back() -> None:
    cart = only(read("checkout.session.expired", BODIES["checkout.session.expired"]), CartChanged)
    assert (cart.recovery_url, cart.total) == ("https://buy.stripe.com/r/live_x", 4800)
    assert cart.person.email == "ada@example.com"


def test_an_invoice_is_a_payment_that_is_due_until_it_is_paid() -> None:
    due = only(read("invoice.finalized", BODIES["invoice.finalized"]), DueItemChanged)
    assert (due.kind, due.amount, due.done_at) == ("payment", 1000, None)
    assert due.due_at == datetime.fromtimestamp(1773500000, UTC)
    changes = read("invoice.paid", BODIES["invoice.paid"])
    assert only(changes, DueItemChanged).done_at == datetime.fromtimestamp(1773140000, UTC)
    order = only(changes, OrderChanged)
    assert (order.external_id, order.lines[0].quantity, order.lines[0].price) == ("pi_9", 2, 500)


def test_a_subscription_is_a_renewal_until_it_is_given_up() -> None:
    name = "customer.subscription.updated"
    renewal = only(read(name, BODIES[name]), DueItemChanged)
    assert (renewal.kind, renewal.amount, renewal.currency, renewal.done_at) == ("renewal", 1000, "JPY", None)
    assert only(read(name, event(name, cancel_at_period_end=True)), DueItemChanged).done_at == NOW


@pytest.mark.parametrize(("currency", "amount"), [("isk", 48), ("mga", 480000), ("jpy", 4800), ("kwd", 4800)])
def test_stripe_counts_some_currencies_in_its_own_way(currency: str, amount: int) -> None:
    body = event("checkout.session.completed", currency=currency)
    assert only(read("checkout.session.completed", body), OrderChanged).total == amount


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Unreadable, match=r"data\.object is missing"):
        read("invoice.paid", {"id": "evt_1"})
    with pytest.raises(Unreadable, match="amount_total is missing"):
        read("checkout.session.completed", event("checkout.session.completed", amount_total=None))


def test_all_there_is_comes_list_by_list_and_what_was_missed_from_the_events(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/v1/")
        first = "starting_after" not in request.url.params
        kinds = {"customers": "customer.updated", "invoices": "invoice.finalized"}
        items = (
            [BODIES["invoice.paid"]]
            if name == "events"
            else [BODIES[kinds[name]]["data"]["object"]]
            if name in kinds
            else []
        )
        return httpx.Response(200, json={"data": items, "has_more": name == "customers" and first})

    net.answer = answer

    def kinds(since: datetime | None) -> list[str]:
        found, cursor = [], None
        while True:
            page = shop(net.client(), api_key="rk_1").pull(since, cursor)
            found += [type(change).__name__ for change in page.changes]
            cursor = page.cursor
            if cursor is None:
                return found

    assert kinds(None) == ["CustomerChanged", "CustomerChanged", "DueItemChanged"]
    assert net.requests[1].url.params["starting_after"] == "cus_1"
    assert kinds(NOW) == ["DueItemChanged", "OrderChanged"]
    assert net.requests[-1].url.params["created[gte]"] == str(int(NOW.timestamp()))


def test_a_key_that_stripe_does_not_know_says_so(net: Net) -> None:
    net.answer = lambda _: httpx.Response(401, json={"error": {"message": "Invalid API Key provided"}})
    with pytest.raises(Misconfigured, match="Invalid API Key"):
        shop(net.client(), api_key="rk_1").check()


def test_a_mutated_body_is_translated_or_refused() -> None:
    mutate(read, sorted(TOPICS), list(BODIES.items()))


@pytest.mark.skipif(not SHARED.exists(), reason="the larger collection is not at hand")
def test_every_sample_of_the_larger_collection_is_translated_or_refused() -> None:
    for path in (SHARED / "stripe").glob("*.json"):
        body = orjson.dumps({"id": "evt_1", "data": {"object": orjson.loads(path.read_bytes())}})
        for topic in TOPICS:
            assert is_said_or_refused(read, topic, body), path.name


TERMS = CodeTerms(
    offer_id="of1",
    title="5 off",
    kind="amount",
    value=500,
    currency="EUR",
    minimum=2000,
    starts_at=NOW,
    ends_at=NOW + timedelta(days=3),
)


class Till:
    """Coupons and promotion codes as Stripe keeps them."""

    def __init__(self, **codes: str) -> None:
        self.coupons: dict[str, dict[str, str]] = {}
        self.codes = dict(codes)
        self.posted: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        assert request.headers["stripe-version"] == "2024-06-20"
        if request.method == "GET" and path == "/promotion_codes":
            code = request.url.params["code"]
            known = [{"id": "promo_1", "coupon": {"id": self.codes[code]}}] if code in self.codes else []
            return httpx.Response(200, json={"data": known})
        if request.method == "GET":
            known_coupon = self.coupons.get(path.removeprefix("/coupons/"))
            return httpx.Response(200 if known_coupon else 404, json=known_coupon or {"error": {"message": "none"}})
        given = dict(parse_qsl(request.content.decode()))
        self.posted.append({**given, "key": request.headers["idempotency-key"]})
        if path == "/coupons":
            self.coupons[given["id"]] = given
            return httpx.Response(200, json=given)
        if given["code"] in self.codes:
            return httpx.Response(400, json={"error": {"message": "An active promotion code with that code exists."}})
        self.codes[given["code"]] = given["coupon"]
        return httpx.Response(200, json={"id": "promo_2"})


def test_codes_are_each_redeemed_once_under_one_coupon(net: Net) -> None:
    till = Till(THEIRS="summer")
    net.answer = till
    platform = shop(net.client(), api_key="rk_1")
    assert platform.create_codes(TERMS, ["A", "THEIRS", "B"]) == ["A", "B"]
    assert platform.create_codes(TERMS, ["B", "C"]) == ["B", "C"]
    assert list(till.coupons) == ["cartwheel-of1"]
    assert (till.coupons["cartwheel-of1"]["amount_off"], till.coupons["cartwheel-of1"]["currency"]) == ("500", "eur")
    code = next(p for p in till.posted if p.get("code") == "A")
    assert (code["max_redemptions"], code["restrictions[minimum_amount]"]) == ("1", "2000")
    assert code["expires_at"] == str(int((NOW + timedelta(days=3)).timestamp()))
    keys = [p["key"] for p in till.posted if p.get("code") == "B"]
    assert len(set(keys)) == 1, "asked again, it is the same request"


def test_there_is_no_coupon_for_shipping_and_none_without_a_key(net: Net) -> None:
    with pytest.raises(Refused, match="shipping"):
        shop(net.client(), api_key="rk_1").create_codes(replace(TERMS, kind="shipping"), ["A"])
    with pytest.raises(Misconfigured, match="key"):
        shop(net.client()).create_codes(TERMS, ["A"])
    net.answer = lambda _: httpx.Response(403, json={"error": {"message": "The key lacks coupon_write."}})
    with pytest.raises(Misconfigured, match="coupon_write"):
        shop(net.client(), api_key="rk_1").create_codes(TERMS, ["A"])
