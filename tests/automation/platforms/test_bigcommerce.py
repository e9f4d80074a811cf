from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import (
    CartChanged,
    CartDeleted,
    Change,
    ConsentChanged,
    CustomerChanged,
    OrderChanged,
    OrderRefunded,
    Person,
    ProductChanged,
)
from automation.errors import BadSignature, Later, Unreadable
from automation.platform import CodeTerms, Envelope, Request
from automation.platforms.bigcommerce import COMPLETE, SCOPES, TOPICS, BigCommerce
from tests.automation.platforms.mutating import NOWHERE, SHARED, is_said_or_refused, mutate, recordings
from tests.conftest import NOW, Net

BODIES = recordings("bigcommerce")
SECRET = "a-secret-of-our-own"


def shop(http: httpx.Client | None = None, **values: Any) -> BigCommerce:
    given = {"store_hash": "abc123", "access_token": "tok", "hook_secret": SECRET, **values}
    return BigCommerce(BigCommerce.Settings.model_validate(given), http or NOWHERE)


def read(topic: str, body: Any, **values: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shop(**values).translate(Envelope("d1", topic, raw, NOW))


def recorded(name: str, **values: Any) -> list[Change]:
    return read(BODIES[name]["scope"], BODIES[name], **values)


def only(changes: Any, kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


def signed(body: bytes, at: datetime = NOW, secret: str = "client", **headers: str) -> Request:
    stamp = str(int(at.timestamp()))
    digest = base64.b64encode(hmac.digest(secret.encode(), f"m1.{stamp}.".encode() + body, "sha256")).decode()
    given = {"webhook-id": "m1", "webhook-timestamp": stamp, "webhook-signature": f"v0,x v1,{digest}", **headers}
    return Request(given, body)


CALLBACK = orjson.dumps(BODIES["store-order-named"])


def test_our_secret_in_a_header_opens_a_webhook_that_is_to_be_looked_up() -> None:
    envelope = shop().open(Request({"x-cartwheel-secret": SECRET}, CALLBACK), NOW)
    assert (envelope.topic, envelope.is_bare) == ("store/order/statusUpdated", True)
    assert envelope.triggered_at == datetime(2019, 6, 25, 17, 12, 41, tzinfo=UTC)
    gone = orjson.dumps(BODIES["store-cart-deleted"])
    assert not shop().open(Request({"x-cartwheel-secret": SECRET}, gone), NOW).is_bare


def test_a_signature_opens_it_too_and_numbers_the_delivery() -> None:
    assert shop(client_secret="client").open(signed(CALLBACK), NOW).delivery_id == "m1"


@pytest.mark.parametrize(
    "request_",
    [
        Request({}, CALLBACK),
        Request({"x-cartwheel-secret": ""}, CALLBACK),
        Request({"x-cartwheel-secret": "wrong"}, CALLBACK),
        Request({"x-cartwheel-secret": "ünïcode"}, CALLBACK),
        signed(CALLBACK, secret="wrong"),
        signed(CALLBACK, NOW - timedelta(minutes=6)),
        signed(CALLBACK, NOW + timedelta(minutes=6)),
        Request(signed(CALLBACK).headers, CALLBACK + b" "),
        Request({**signed(CALLBACK).headers, "webhook-timestamp": "now"}, CALLBACK),
        Request({**signed(CALLBACK).headers, "webhook-signature": "v1,no base64"}, CALLBACK),
        Request({"x-cartwheel-secret": SECRET}, CALLBACK.replace(b"abc123", b"other1")),
    ],
)
def test_what_the_shop_did_not_send_is_turned_away(request_: Request) -> None:
    with pytest.raises(BadSignature):
        shop(client_secret="client").open(request_, NOW)


def test_a_cart_has_its_owner_its_lines_and_the_way_back() -> None:
    cart = only(recorded("store-cart-updated"), CartChanged)
    assert cart.person == Person(external_id="32", email="ada@example.com")
    assert (cart.total, cart.lines[0].price, cart.lines[0].quantity, cart.lines[0].variant_external_id) == (
        3850,
        1925,
        2,
        "509",
    )
    assert cart.recovery_url == "https://shop.example.com/cart.php?action=loadInCheckout&id=x"
    assert cart.updated_at == datetime(2026, 3, 10, 11, 30, tzinfo=UTC)


def test_a_cart_that_is_gone_means_nothing_and_a_deleted_one_is_deleted() -> None:
    assert recorded("store-cart-gone") == []
    gone = only(recorded("store-cart-deleted"), CartDeleted)
    assert (gone.external_id, gone.at) == (BODIES["store-cart-updated"]["object"]["id"], NOW)


def test_a_guests_order_closes_its_cart_and_brings_consent() -> None:
    changes = recorded("store-order-created")
    order = only(changes, OrderChanged)
    assert (order.total, order.subtotal, order.discount, order.shipping, order.tax) == (4300, 4000, 200, 500, 350)
    assert (order.cart_external_id, order.codes) == (BODIES["store-cart-updated"]["object"]["id"], ["TEA2"])
    assert (order.lines[0].price, order.lines[0].discount) == (2000, 200)
    assert order.placed_at == datetime(2026, 3, 10, 11, 45, tzinfo=UTC)
    assert order.paid_at == order.updated_at
    assert only(changes, CustomerChanged).country == "GB"
    consent = only(changes, ConsentChanged)
    assert (consent.status, consent.person) == ("granted", Person(email="ada@example.com"))


@pytest.mark.parametrize(
    ("state", "set_"),
    [(2, "fulfilled_at"), (10, "delivered_at"), (5, "cancelled_at"), (6, "cancelled_at"), (11, "paid_at")],
)
def test_a_state_is_what_happened(state: int, set_: str) -> None:
    body = BODIES["store-order-created"]
    order = only(read("store/order/updated", {**body, "object": body["object"] | {"status_id": state}}), OrderChanged)
    assert getattr(order, set_) == order.updated_at


def test_an_order_that_was_never_placed_is_none() -> None:
    body = BODIES["store-order-created"]
    assert read("store/order/created", {**body, "object": body["object"] | {"status_id": 0}}) == []


def test_a_refund_has_its_own_id() -> None:
    refund = only(recorded("store-order-refund-created"), OrderRefunded)
    assert (refund.external_id, refund.order_external_id, refund.amount) == ("3", "250", 1050)


def test_a_customer_a_subscriber_and_a_product() -> None:
    customer = only(recorded("store-customer-created", birthday_field="Birthday"), CustomerChanged)
    assert (customer.external_id, customer.birthday_month, customer.city) == ("32", 12, "London")
    assert only(recorded("store-subscriber-created"), ConsentChanged).status == "granted"
    product = only(recorded("store-product-updated", shop_url="https://shop.example.com"), ProductChanged)
    assert (product.price, product.compare_at, product.cost, product.stock) == (1925, 2500, 800, None)
    assert [(v.title, v.price, v.stock) for v in product.variants] == [("100 g", 1925, 5), ("50 g", 1100, 7)]
    assert (product.url, product.description) == ("https://shop.example.com/tea/", "Fresh & green")


def test_a_webhook_that_was_not_looked_up_says_so() -> None:
    with pytest.raises(Unreadable, match="only names order 250"):
        recorded("store-order-named")


@pytest.mark.parametrize("name", BODIES)
def test_every_recording_is_translated_or_refused(name: str) -> None:
    assert is_said_or_refused(read, BODIES[name]["scope"], orjson.dumps(BODIES[name]))


def test_a_mutated_body_is_translated_or_refused() -> None:
    mutate(read, sorted(TOPICS), [(body["scope"], body) for body in BODIES.values()])


@pytest.mark.skipif(not SHARED.exists(), reason="the larger collection is not at hand")
def test_every_sample_of_the_larger_collection_opens_and_is_translated_or_refused() -> None:
    for path in (SHARED / "bigcommerce").glob("store-*.json"):
        envelope = shop().open(Request({"x-cartwheel-secret": SECRET}, path.read_bytes()), NOW)
        assert is_said_or_refused(read, envelope.topic, envelope.body), path.name


# The shop's API


def api(request: httpx.Request) -> httpx.Response:
    path = request.url.path.removeprefix("/stores/abc123")
    order = {k: v for k, v in BODIES["store-order-created"]["object"].items() if not k.startswith("order_p")}
    cart = BODIES["store-cart-updated"]["object"]
    found: dict[str, Any] = {
        "/v2/orders/250": order,
        "/v2/orders/250/products": BODIES["store-order-created"]["object"]["order_products"],
        "/v2/orders/250/coupons": [{"code": "TEA2"}],
        f"/v3/carts/{cart['id']}": {"data": cart},
        "/v3/customers": {
            "data": [BODIES["store-customer-created"]["object"]],
            "meta": {"pagination": {"total_pages": 1}},
        },
        "/v3/customers/subscribers": {"data": [], "meta": {}},
        "/v3/catalog/products": {
            "data": [BODIES["store-product-updated"]["object"]],
            "meta": {"pagination": {"total_pages": 1}},
        },
        "/v2/orders": [order],
    }
    return httpx.Response(200, json=found[path]) if path in found else httpx.Response(404)


def test_an_order_is_looked_up_with_its_lines_and_codes(net: Net) -> None:
    net.answer = api
    platform = shop(net.client())
    whole = platform.fetch(Envelope("d1", "store/order/statusUpdated", CALLBACK, NOW, is_bare=True))
    assert not whole.is_bare
    order = only(platform.translate(whole), OrderChanged)
    assert (order.external_id, order.codes, len(order.lines)) == ("250", ["TEA2"], 1)
    assert net.requests[0].headers["x-auth-token"] == "tok"


def test_what_is_gone_when_it_is_looked_up_means_nothing(net: Net) -> None:
    net.answer = lambda _: httpx.Response(404)
    platform = shop(net.client())
    for scope in TOPICS.keys() - COMPLETE:
        body = orjson.dumps(BODIES["store-order-named"] | {"scope": scope})
        assert platform.translate(platform.fetch(Envelope("d1", scope, body, NOW, is_bare=True))) == []


def test_an_id_that_is_none_reaches_no_address(net: Net) -> None:
    body = orjson.dumps({"data": {"type": "order", "id": "../../v3/customers"}})
    with pytest.raises(Unreadable, match="id should be an id"):
        shop(net.client()).fetch(Envelope("d1", "store/order/created", body, NOW, is_bare=True))
    assert net.requests == []


def test_a_window_of_requests_that_is_used_up_says_when_the_next_begins(net: Net) -> None:
    net.answer = lambda _: httpx.Response(429, headers={"X-Rate-Limit-Time-Reset-Ms": "15000"})
    with pytest.raises(Later) as caught:
        shop(net.client()).pull(None, None)
    assert caught.value.after == timedelta(seconds=15)


def test_all_that_the_shop_has_comes_list_by_list(net: Net) -> None:
    net.answer = api
    kinds, cursor = [], None
    while True:
        page = shop(net.client()).pull(NOW, cursor)
        kinds += [type(change).__name__ for change in page.changes]
        cursor = page.cursor
        if cursor is None:
            break
    assert kinds == ["ProductChanged", "CustomerChanged", "CustomerChanged", "ConsentChanged", "OrderChanged"]
    assert net.requests[0].url.params["date_modified:min"] == "2026-03-10T12:00:00Z"


def test_a_shop_without_orders_answers_with_nothing(net: Net) -> None:
    net.answer = lambda _: httpx.Response(204)
    page = shop(net.client()).pull(None, "orders:")
    assert (page.changes, page.cursor, page.progress) == ([], None, 1.0)


def test_webhooks_are_added_with_our_secret(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"data": []})
    assert shop(net.client()).subscribe("https://m.example.com/hooks/x").startswith(f"{len(SCOPES)} webhooks")
    made = [orjson.loads(request.content) for request in net.requests[1:]]
    assert {m["scope"] for m in made} == set(SCOPES)
    assert {m["headers"]["x-cartwheel-secret"] for m in made} == {SECRET}


def test_codes_are_made_one_by_one_and_a_known_one_is_ours_or_taken(net: Net) -> None:
    known = {"B2": [{"id": 2, "name": "Cartwheel: Birthday B2"}], "C3": [{"id": 3, "name": "Mine"}]}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=known[request.url.params["code"]])
        wanted = orjson.loads(request.content)
        return httpx.Response(409 if wanted["code"] in known else 201, json={"id": 1})

    net.answer = answer
    terms = CodeTerms(
        offer_id="o1",
        title="Birthday",
        kind="amount",
        value=500,
        currency="USD",
        minimum=None,
        starts_at=NOW,
        ends_at=None,
    )
    assert shop(net.client()).create_codes(terms, ["A1", "B2", "C3"]) == ["A1", "B2"]
    assert orjson.loads(net.requests[0].content)["amount"] == "5.00"
