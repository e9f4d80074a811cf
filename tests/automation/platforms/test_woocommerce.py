from __future__ import annotations

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import (
    CartChanged,
    Change,
    ConsentChanged,
    CustomerChanged,
    OrderChanged,
    OrderDeleted,
    OrderRefunded,
    Person,
    ProductChanged,
)
from automation.errors import BadSignature, Later, Misconfigured, Refused, Unreadable
from automation.platform import CodeTerms, Envelope, Page, Request
from automation.platforms.woocommerce import TOPICS, WooCommerce
from tests.automation.platforms.mutating import NOWHERE, SHARED, is_said_or_refused, mutate, recordings
from tests.conftest import NOW, Net

BODIES = recordings("woocommerce")
KEYS = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}


def topic_of(name: str) -> str:
    """order.updated.pending → order.updated."""
    return ".".join(name.split(".")[:2])


def shop(http: httpx.Client | None = None, **values: Any) -> WooCommerce:
    given = {"shop_url": "https://shop.example.com/", "webhook_secret": "shh", **values}
    return WooCommerce(WooCommerce.Settings.model_validate(given), http or NOWHERE)


def read(topic: str, body: Any, **values: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shop(**values).translate(Envelope("d1", topic, raw, NOW))


def only(changes: Any, kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


def signed(body: bytes, secret: str = "shh", **headers: str) -> Request:
    digest = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    names = {"topic": "order.created", "delivery-id": "d1", "signature": digest, **headers}
    return Request({f"x-wc-webhook-{name}": value for name, value in names.items() if value != "-"}, body)


def test_a_signed_webhook_opens_also_with_a_secret_that_wordpress_keeps_as_html() -> None:
    envelope = shop().open(signed(b'{"id": 1}'), NOW)
    assert (envelope.topic, envelope.body, envelope.is_bare) == ("order.created", b'{"id": 1}', False)
    assert shop(webhook_secret="a&amp;b").open(signed(b"{}", "a&b"), NOW).topic == "order.created"


def test_two_deliveries_of_the_same_second_are_two() -> None:
    first, second = (shop().open(signed(body), NOW).delivery_id for body in (b'{"id": 1}', b'{"id": 2}'))
    assert first != second
    assert shop().open(signed(b'{"id": 1}'), NOW).delivery_id == first


@pytest.mark.parametrize(
    "request_",
    [
        signed(b"{}", "wrong"),
        signed(b"{}", signature="-"),
        signed(b"{}", signature="no base64!"),
        signed(b"{}", signature=""),
        Request(signed(b"{}").headers, b"{ }"),
        Request({}, b"webhook_id=1&x=2"),
        signed(b"webhook_id=1", "wrong"),
    ],
)
def test_what_the_shop_did_not_sign_is_turned_away(request_: Request) -> None:
    with pytest.raises(BadSignature):
        shop().open(request_, NOW)


def test_the_question_that_woocommerce_asks_first_is_answered_and_means_nothing() -> None:
    ping = shop().open(Request({"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=12"), NOW)
    assert ping.topic not in WooCommerce.topics
    assert shop().translate(ping) == []


@pytest.mark.parametrize("header", ["topic", "delivery-id"])
def test_a_webhook_without_its_headers_cannot_be_read(header: str) -> None:
    with pytest.raises(Unreadable, match=f"x-wc-webhook-{header}"):
        shop().open(signed(b"{}", **{header: "-"}), NOW)


@pytest.mark.parametrize("name", BODIES)
def test_every_recording_is_translated_or_unknown(name: str) -> None:
    assert bool(read(topic_of(name), BODIES[name])) == (topic_of(name) in TOPICS)


def test_a_guests_order_has_its_money_its_lines_and_its_address() -> None:
    changes = read("order.created", BODIES["order.created"])
    order, customer = only(changes, OrderChanged), only(changes, CustomerChanged)
    assert (order.total, order.subtotal, order.shipping, order.tax, order.currency) == (2935, 1800, 1000, 135, "USD")
    assert [
        (line.product_external_id, line.variant_external_id, line.quantity, line.price) for line in order.lines
    ] == [
        ("93", "", 2, 300),
        ("22", "23", 1, 1200),
    ]
    assert order.lines[1].title == "Ship Your Idea – Color: Black, Size: M Test"
    assert order.person == Person(email="john.doe@example.com")
    assert order.placed_at == datetime(2017, 3, 22, 19, 28, 2, tzinfo=UTC)
    assert (order.paid_at, order.fulfilled_at, order.cancelled_at) == (
        datetime(2017, 3, 22, 19, 28, 8, tzinfo=UTC),
        None,
        None,
    )
    assert (customer.external_id, customer.country, customer.region, customer.city) == (
        None,
        "US",
        "CA",
        "San Francisco",
    )


def test_an_order_that_nobody_paid_for_is_a_checkout_and_its_payment_page_the_way_back() -> None:
    changes = read("order.updated", BODIES["order.updated.pending"])
    cart = only(changes, CartChanged)
    assert (cart.external_id, cart.checkout_id, cart.total, cart.currency) == ("wc_order_abc", "801", 1500, "JPY")
    assert cart.recovery_url.startswith("https://shop.example.com/checkout/order-pay/801/")
    assert (cart.lines[0].title, cart.lines[0].price, cart.lines[0].discount) == ("Tea & Cake", 833, 166)
    assert cart.source == {"utm": {"source": "news"}, "device": "Mobile"}
    paid = read(
        "order.updated",
        BODIES["order.updated.pending"] | {"status": "processing", "date_paid_gmt": "2026-03-10T11:00:00"},
    )
    assert only(paid, OrderChanged).cart_external_id == cart.external_id
    assert only(paid, OrderChanged).codes == ["tea10"]


def test_a_checkout_that_the_shop_gave_up_is_no_order_but_a_paid_one_is_cancelled() -> None:
    unpaid = read("order.updated", BODIES["order.updated.pending"] | {"status": "cancelled"})
    assert only(unpaid, OrderDeleted).external_id == "801"
    paid = read("order.updated", BODIES["order.created"] | {"status": "cancelled"})
    assert only(paid, OrderChanged).cancelled_at == datetime(2017, 3, 22, 19, 28, 8, tzinfo=UTC)


def test_every_refund_has_its_own_id() -> None:
    changes = read("order.updated", BODIES["order.updated.refunded"])
    assert [(c.external_id, c.amount) for c in changes if isinstance(c, OrderRefunded)] == [
        ("726", 1000),
        ("727", 1935),
    ]
    assert only(changes, OrderChanged).fulfilled_at == datetime(2017, 3, 24, 10, tzinfo=UTC)


def test_consent_and_birthday_are_read_from_the_fields_that_plugins_write() -> None:
    body = BODIES["order.updated.pending"]
    consent = only(read("order.updated", body, consent_field="marketing_opt_in"), ConsentChanged)
    assert (consent.status, consent.person.external_id) == ("granted", "25")
    empty = body | {"meta_data": [{"key": "marketing_opt_in", "value": "0"}]}
    assert not [
        c for c in read("order.updated", empty, consent_field="marketing_opt_in") if isinstance(c, ConsentChanged)
    ]
    person = BODIES["customer.created"] | {"meta_data": [{"key": "birthday", "value": "1990-12-31"}]}
    customer = only(read("customer.updated", person, birthday_field="birthday"), CustomerChanged)
    assert (customer.birthday_month, customer.birthday_day, customer.birthday_year) == (12, 31, 1990)
    placeholder = person | {"meta_data": [{"key": "birthday", "value": "1970-01-01"}]}
    assert only(read("customer.updated", placeholder, birthday_field="birthday"), CustomerChanged).birthday_day is None


def test_a_product_is_in_the_shops_currency_and_out_of_stock_when_it_says_so() -> None:
    body = BODIES["product.created"] | {"price": "15.00", "regular_price": "20.00", "stock_status": "outofstock"}
    product = only(read("product.updated", body, currency="GBP"), ProductChanged)
    assert (product.price, product.compare_at, product.stock, product.state) == (1500, 2000, 0, "active")
    assert (product.category, product.image_url[:20]) == ("Clothing", "https://example.com/")
    counted = body | {"manage_stock": True, "stock_quantity": 7, "status": "draft"}
    assert only(read("product.updated", counted), ProductChanged).stock == 7


@pytest.mark.parametrize(
    ("topic", "body", "missing"),
    [
        ("order.created", {"id": 1, "status": "processing"}, "total is missing"),
        ("order.created", {"total": "1.00"}, "id is missing"),
        ("order.created", {"id": 1, "total": "a lot", "status": "completed"}, "total: 'a lot' is not an amount"),
        ("order.updated", {"id": 1, "total": "1", "line_items": [{"quantity": "many"}]}, r"line_items\[0\]\.quantity"),
        ("order.updated", {"id": 1, "total": "1", "date_created_gmt": "soon"}, "date_created_gmt is not an instant"),
        ("customer.updated", {}, "id is missing"),
        ("product.updated", {"id": 1, "price": []}, "price"),
        ("order.created", [], "should be an object, it is a list"),
    ],
)
def test_what_is_missing_is_named(topic: str, body: Any, missing: str) -> None:
    with pytest.raises(Unreadable, match=missing):
        read(topic, body)


def test_a_mutated_body_is_translated_or_refused() -> None:
    bodies = [(topic_of(name), body) for name, body in BODIES.items() if topic_of(name) in TOPICS]

    def translate(topic: str, body: bytes) -> list[Change]:
        return read(topic, body, consent_field="marketing_opt_in", birthday_field="birthday")

    mutate(translate, sorted(TOPICS), bodies)


@pytest.mark.skipif(not SHARED.exists(), reason="the larger collection is not at hand")
def test_every_sample_of_the_larger_collection_is_translated_or_refused() -> None:
    for path in (SHARED / "woocommerce").glob("*.json"):
        for topic in TOPICS:
            assert is_said_or_refused(read, topic, path.read_bytes()), path.name


# The shop's API


def told(request: httpx.Request) -> dict[str, Any]:
    return dict(request.url.params)


def test_keys_are_tried_by_counting_orders(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json=[], headers={"X-WP-Total": "12"})
    assert shop(net.client(), **KEYS).check() == "WooCommerce knows these keys: 12 orders."
    assert net.requests[0].headers["authorization"] == "Basic " + base64.b64encode(b"ck_1:cs_1").decode()
    net.answer = lambda _: httpx.Response(401, json={"code": "x", "message": "Consumer key is invalid."})
    with pytest.raises(Misconfigured, match="401: Consumer key is invalid"):
        shop(net.client(), **KEYS).check()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.Response(429, headers={"Retry-After": "7"}), Later, "429"),
        (httpx.Response(502), Later, "502"),
        (httpx.Response(200, text="<html>Welcome</html>"), Later, "something else than JSON"),
        (httpx.Response(200, json={"an": "object"}), Later, "should be a list"),
        (httpx.Response(301, headers={"Location": "https://evil.example.com"}), Misconfigured, "evil.example.com"),
        (httpx.Response(403, json={"message": "no"}), Misconfigured, "403: no"),
    ],
)
def test_what_an_answer_means(net: Net, answer: httpx.Response, error: type[Exception], words: str) -> None:
    net.answer = lambda _: answer
    with pytest.raises(error, match=words):
        shop(net.client(), **KEYS).pull(None, None)
    assert len(net.requests) == 1


def test_a_shop_that_asks_to_wait_says_how_long(net: Net) -> None:
    net.answer = lambda _: httpx.Response(429, headers={"Retry-After": "7"})
    with pytest.raises(Later) as caught:
        shop(net.client(), **KEYS).pull(None, None)
    assert caught.value.after == timedelta(seconds=7)


def pages(platform: WooCommerce, since: datetime | None = None) -> list[Page]:
    found, cursor = [], None
    while True:
        found.append(platform.pull(since, cursor))
        cursor = found[-1].cursor
        if cursor is None:
            return found


def test_all_that_the_shop_has_comes_page_by_page_and_one_odd_object_stops_nothing(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        if request.url.path.endswith("/products"):
            return httpx.Response(200, json=[BODIES["product.created"]], headers={"X-WP-TotalPages": "1"})
        if request.url.path.endswith("/customers"):
            return httpx.Response(200, json=[BODIES["customer.created"]], headers={"X-WP-TotalPages": "2"})
        orders = [BODIES["order.created"] | {"id": page}, {"id": 5, "total": "a lot"}]
        return httpx.Response(200, json=orders, headers={"X-WP-TotalPages": "2"})

    net.answer = answer
    found = pages(shop(net.client(), **KEYS))
    assert [page.progress for page in found] == [pytest.approx(p) for p in (1 / 3, 0.5, 2 / 3, 5 / 6, 1)]
    changes = [change for page in found for change in page.changes]
    assert [c.external_id for c in changes if isinstance(c, OrderChanged)] == ["1", "2"]
    assert found[-1].refused == ["5: total: 'a lot' is not an amount."]
    assert not any("modified_after" in told(request) for request in net.requests)


def test_what_webhooks_missed_is_asked_for_by_its_last_change(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        is_customers = request.url.path.endswith("/customers")
        registered = [BODIES["customer.created"]] if is_customers else []
        return httpx.Response(200, json=registered, headers={"X-WP-TotalPages": "9" if is_customers else "1"})

    net.answer = answer
    assert len(pages(shop(net.client(), **KEYS), NOW)) == 3
    orders = told(net.requests[-1])
    assert (orders["modified_after"], orders["dates_are_gmt"], orders["status"]) == (
        "2026-03-10T12:00:00",
        "true",
        "any",
    )
    assert told(net.requests[1])["order"] == "desc"


def test_webhooks_are_added_once_with_our_secret(net: Net) -> None:
    hook = "https://mail.example.com/hooks/x"
    known = [
        {"id": 3, "topic": "order.created", "delivery_url": hook},
        {"id": 4, "topic": "order.created", "delivery_url": "y"},
    ]
    net.answer = lambda request: httpx.Response(200, json=known if request.method == "GET" else {})
    assert shop(net.client(), **KEYS).subscribe(hook) == "11 webhooks send here; 10 of them are new."
    made = [orjson.loads(r.content) for r in net.requests if r.method == "POST"]
    assert {m["topic"] for m in made} == TOPICS.keys() - {"order.created"}
    assert {(m["delivery_url"], m["secret"]) for m in made} == {(hook, "shh")}
    assert [r.url.path for r in net.requests if r.method == "PUT"] == ["/wp-json/wc/v3/webhooks/3"]


OFFER = CodeTerms(
    offer_id="o1",
    title="Birthday",
    kind="percent",
    value=15,
    currency="EUR",
    minimum=2000,
    starts_at=NOW,
    ends_at=datetime(2026, 4, 1, 12, tzinfo=UTC),
)


def test_coupons_are_made_in_one_request_and_say_what_they_are_good_for(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        wanted = orjson.loads(request.content)["create"]
        return httpx.Response(200, json={"create": [{"id": 10 + n, **c} for n, c in enumerate(wanted)]})

    net.answer = answer
    assert shop(net.client(), **KEYS).create_codes(OFFER, ["A1", "B2"]) == ["A1", "B2"]
    (coupon, _) = orjson.loads(net.requests[0].content)["create"]
    assert coupon["amount"] == "15"
    assert (coupon["discount_type"], coupon["minimum_amount"], coupon["usage_limit"]) == ("percent", "20.00", 1)
    assert coupon["date_expires_gmt"] == "2026-04-01T12:00:00"


def test_a_code_that_an_earlier_try_made_is_ours_and_one_of_the_shops_is_taken(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            error = {"id": 0, "error": {"code": "woocommerce_rest_coupon_code_already_exists", "message": "exists"}}
            odd = {"id": 0, "error": {"code": "x", "message": "not so"}}
            return httpx.Response(200, json={"create": [error, error, odd]})
        return httpx.Response(200, json=known.get(request.url.params["code"], []))

    known = {"A1": [{"id": 7, "description": "Made by Cartwheel: Birthday"}], "B2": [{"id": 8, "description": "Mine"}]}
    net.answer = answer
    assert shop(net.client(), **KEYS).create_codes(OFFER, ["A1", "B2", "C3"]) == ["A1"]
    known.clear()
    with pytest.raises(Refused, match="exists"):
        shop(net.client(), **KEYS).create_codes(OFFER, ["A1", "B2", "C3"])


def test_codes_of_a_shop_in_trouble_are_left_for_later(net: Net) -> None:
    net.answer = lambda _: httpx.Response(429, headers={"Retry-After": "3"})
    with pytest.raises(Later):
        shop(net.client(), **KEYS).create_codes(OFFER, ["A1"])


@pytest.mark.parametrize(
    "url", ["http://shop.example.com", "https://10.0.0.1", "https://shop.local", "https://intranet", "ftp://x.com"]
)
def test_a_shop_has_a_public_address(url: str) -> None:
    with pytest.raises(ValueError, match=re.compile("shop_url")):
        shop(shop_url=url)
