from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from automation.changes import (
    CartChanged,
    Change,
    ConsentChanged,
    CustomerChanged,
    OrderChanged,
    OrderDeleted,
    Person,
    ProductChanged,
)
from automation.errors import BadSignature, Later, Misconfigured, Unreadable
from automation.platform import CodeTerms, Envelope, Request
from automation.platforms.magento import KEYS, TOPICS, Magento
from tests.automation.platforms.mutating import NOWHERE, SHARED, is_said_or_refused, mutate, recordings
from tests.conftest import NOW, Net

BODIES = recordings("magento")
EVENTS = {name: body for name, body in BODIES.items() if not name.startswith("rest-")}
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PATH = "/prod/keys/pub-key-abc123.pem"


def shop(http: httpx.Client | None = None, **values: Any) -> Magento:
    given = {"shop_url": "https://shop.example.com", **values}
    return Magento(Magento.Settings.model_validate(given), http or NOWHERE)


def read(topic: str, body: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shop().translate(Envelope("d1", topic, raw, NOW))


def value(name: str, **changes: Any) -> dict[str, Any]:
    """An event with some of its model's fields changed."""
    event = orjson.loads(orjson.dumps(BODIES[name]))
    event["event"]["data"]["value"] |= changes
    found: dict[str, Any] = event
    return found


def only(changes: Any, kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


def sign(data: bytes) -> str:
    return base64.b64encode(KEY.sign(data, PKCS1v15(), SHA256())).decode()


BODY = orjson.dumps(BODIES["observer.customer_login"])


def delivered(body: bytes = BODY, **headers: str) -> Request:
    given = {"x-adobe-digital-signature-2": sign(body), "x-adobe-public-key2-path": PATH}
    return Request({**given, **{name.replace("_", "-"): text for name, text in headers.items()}}, body)


def test_adobes_event_opens_by_the_key_that_it_names_and_the_key_is_asked_for_once(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, text=PEM)
    platform = shop(net.client(), client_id="client-1")
    for _ in range(2):
        envelope = platform.open(delivered(), NOW)
    assert (envelope.topic, envelope.delivery_id) == ("observer.customer_login", "4f2a")
    assert [str(request.url) for request in net.requests] == [KEYS + PATH]


@pytest.mark.parametrize(
    "request_",
    [
        delivered(BODY, x_adobe_digital_signature_2="bm8="),
        delivered(BODY, x_adobe_digital_signature_2="no base64!"),
        delivered(BODY, x_adobe_public_key2_path="/../../evil.example.com/key.pem"),
        delivered(BODY, x_adobe_public_key2_path="@evil.example.com/keys/a.pem"),
        Request(delivered().headers, BODY + b" "),
        Request({}, BODY),
        delivered(BODY.replace(b"client-1", b"client-2")),
        delivered(b'{"type": "com.adobe.commerce.observer.customer_login"}'),
    ],
)
def test_what_adobe_did_not_sign_for_us_is_turned_away(net: Net, request_: Request) -> None:
    net.answer = lambda _: httpx.Response(200, text=PEM)
    with pytest.raises(BadSignature):
        shop(net.client(), client_id="client-1").open(request_, NOW)
    assert {request.url.host for request in net.requests} <= {"static.adobeioevents.com"}


def test_a_key_that_cannot_be_had_now_lets_the_sender_come_again(net: Net) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("slow")

    net.answer = fail
    with pytest.raises(Later):
        shop(net.client(), client_id="client-1").open(delivered(), NOW)


def test_a_connection_without_client_id_or_key_takes_no_events(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, text=PEM)
    with pytest.raises(BadSignature, match="takes no events"):
        shop(net.client()).open(delivered(), NOW)


def test_the_shops_own_webhooks_open_by_its_public_key() -> None:
    request = Request({"x-adobe-commerce-webhook-signature": sign(base64.b64encode(BODY))}, BODY)
    assert shop(public_key=PEM).open(request, NOW).topic == "observer.customer_login"
    with pytest.raises(BadSignature):
        shop(public_key=PEM).open(Request(request.headers, BODY + b" "), NOW)
    with pytest.raises(ValueError, match="no RSA public key"):
        shop(public_key="-----BEGIN")


def test_adobes_first_question_is_answered_with_what_it_asked() -> None:
    assert shop().challenge(Request({}, b"", {"challenge": "8ec8d794-e0ab"})) == "8ec8d794-e0ab"
    for asked in ({}, {"challenge": ""}, {"challenge": "<script>"}):
        assert shop().challenge(Request({}, b"", asked)) is None


@pytest.mark.parametrize("name", EVENTS)
def test_every_recorded_event_is_translated(name: str) -> None:
    assert read(name, EVENTS[name])


def test_an_order_counts_what_was_bought_once_and_closes_its_quote() -> None:
    changes = read("observer.sales_order_save_commit_after", BODIES["observer.sales_order_save_commit_after"])
    order = only(changes, OrderChanged)
    assert (order.total, order.subtotal, order.discount, order.shipping, order.tax) == (5350, 5400, 500, 450, 400)
    assert [(line.product_external_id, line.quantity, line.price) for line in order.lines] == [("167", 2, 2700)]
    assert (order.number, order.cart_external_id, order.codes) == ("000000042", "77", ["TEA5"])
    assert order.placed_at == datetime(2026, 3, 10, 11, 45, tzinfo=UTC)
    assert order.person == Person(external_id="7", email="ada@example.com")
    assert only(changes, CustomerChanged).country == "GB"
    guest = read("observer.checkout_submit_all_after", BODIES["observer.checkout_submit_all_after"])
    assert only(guest, OrderChanged).person == Person(email="ada@example.com")


def test_an_order_that_was_never_paid_is_none() -> None:
    name = "observer.sales_order_save_commit_after"
    waiting = read(name, value(name, state="pending_payment", total_paid=None))
    assert not [change for change in waiting if isinstance(change, OrderChanged)]
    assert only(read(name, value(name, state="canceled", total_paid=None)), OrderDeleted)
    assert only(read(name, value(name, state="complete")), OrderChanged).fulfilled_at
    assert only(read(name, value(name, state="closed", total_refunded="53.50")), OrderChanged).refunded == 5350


def test_a_customer_brings_birthday_and_newsletter() -> None:
    changes = read("observer.customer_save_commit_after", BODIES["observer.customer_save_commit_after"])
    customer, consent = only(changes, CustomerChanged), only(changes, ConsentChanged)
    assert (customer.birthday_month, customer.birthday_day, customer.region) == (12, 10, "LND")
    assert (consent.status, consent.at) == ("granted", datetime(2026, 1, 1, 10, tzinfo=UTC))
    name = "observer.newsletter_subscriber_save_commit_after"
    assert only(read(name, BODIES[name]), ConsentChanged).status == "withdrawn"


def test_a_quote_is_a_cart_until_it_is_ordered() -> None:
    name = "observer.sales_quote_save_after"
    cart = only(read(name, BODIES[name]), CartChanged)
    assert (cart.external_id, cart.total, cart.lines[0].quantity, cart.lines[0].price) == ("77", 5000, 2, 2500)
    assert cart.recovery_url == "https://shop.example.com/checkout/cart/"
    assert read(name, value(name, is_active="0")) == []
    assert read(name, value(name, items=None)) == []


def test_a_product_of_an_event_and_of_the_api_read_alike(net: Net) -> None:
    event = only(
        read("observer.catalog_product_save_after", BODIES["observer.catalog_product_save_after"]), ProductChanged
    )
    assert (event.external_id, event.price, event.stock, event.url) == (
        "3",
        12300,
        333,
        "https://shop.example.com/test2.html",
    )
    net.answer = lambda _: httpx.Response(200, json=BODIES["rest-products"])
    product = only(shop(net.client(), access_token="tok").pull(None, None).changes, ProductChanged)
    assert (product.price, product.compare_at, product.stock) == (2000, 2500, 5)
    assert product.image_url == "https://shop.example.com/media/catalog/product/t/e/tea.jpg"


def test_lists_end_by_their_count_and_are_asked_by_their_last_change(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        name = {"/rest/all/V1/carts/search": "rest-carts", "/rest/all/V1/products": "rest-products"}.get(
            request.url.path
        )
        page = int(request.url.params["searchCriteria[currentPage]"])
        total = 101 if name == "rest-carts" and page == 1 else 1
        return httpx.Response(
            200, json={**BODIES[name], "total_count": total} if name else {"items": None, "total_count": 0}
        )

    net.answer = answer
    platform, cursor, kinds = shop(net.client(), access_token="tok"), None, []
    while True:
        page = platform.pull(NOW, cursor)
        kinds += [type(change).__name__ for change in page.changes]
        cursor = page.cursor
        if cursor is None:
            break
    assert kinds == ["ProductChanged", "CartChanged", "CartChanged"]
    params = net.requests[-1].url.params
    assert params["searchCriteria[filter_groups][0][filters][0][value]"] == "2026-03-10 12:00:00"
    assert net.requests[0].headers["authorization"] == "Bearer tok"


def test_a_token_that_the_shop_does_not_know_says_so(net: Net) -> None:
    net.answer = lambda _: httpx.Response(401, json={"message": "The consumer isn't authorized to access %resources."})
    with pytest.raises(Misconfigured, match="isn't authorized"):
        shop(net.client(), access_token="tok").check()


@pytest.mark.parametrize(
    ("topic", "body", "missing"),
    [
        (
            "observer.sales_order_save_after",
            {"entity_id": 1, "grand_total": None, "state": "new"},
            "grand_total is missing",
        ),
        ("observer.sales_order_save_after", {"grand_total": 1}, "entity_id or id is missing"),
        ("observer.customer_login", {"customer": {}}, "customer.id or customer.entity_id is missing"),
        ("observer.sales_quote_save_after", {"entity_id": 1, "items": [{"qty": "x"}]}, r"items\[0\]\.qty"),
    ],
)
def test_what_is_missing_is_named(topic: str, body: Any, missing: str) -> None:
    with pytest.raises(Unreadable, match=missing):
        read(topic, body)


def test_a_mutated_body_is_translated_or_refused() -> None:
    mutate(read, sorted(TOPICS), list(EVENTS.items()))


@pytest.mark.skipif(not SHARED.exists(), reason="the larger collection is not at hand")
def test_every_sample_of_the_larger_collection_is_translated_or_refused() -> None:
    for path in (SHARED / "magento").glob("*.json"):
        for topic in TOPICS:
            assert is_said_or_refused(read, topic, path.read_bytes()), path.name


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
    """A shop with price rules and coupons."""

    def __init__(self, **coupons: int) -> None:
        self.rules: list[dict[str, Any]] = []
        self.coupons = dict(coupons)
        self.is_lossy = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path.removeprefix("/rest/all/V1"), request.url.params
        wanted = params.get("searchCriteria[filter_groups][0][filters][0][value]")
        if request.method == "POST":
            return self.post(path, orjson.loads(request.content))
        found = {
            "/salesRules/search": [r for r in self.rules if r["name"] == wanted],
            "/coupons/search": [
                {"coupon_id": 5, "code": c, "rule_id": r} for c, r in self.coupons.items() if c == wanted
            ],
            "/customerGroups/search": [{"id": 0}, {"id": 1}],
        }
        return httpx.Response(200, json=[{"id": 0}, {"id": 1}] if path == "/store/websites" else {"items": found[path]})

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        if path == "/salesRules":
            self.rules.append({**body["rule"], "rule_id": 7})
            return httpx.Response(200, json=self.rules[-1])
        coupon = body["coupon"]
        assert (coupon["type"], coupon["usage_limit"]) == (1, 1)
        if coupon["code"] in self.coupons:
            return httpx.Response(400, json={"message": "Coupon with the same code already exists."})
        self.coupons[coupon["code"]] = coupon["rule_id"]
        return httpx.Response(500 if self.is_lossy else 200, json={"coupon_id": 6})


def test_coupons_are_each_good_once_under_one_rule(net: Net) -> None:
    till = Till(THEIRS=3)
    net.answer = till
    platform = shop(net.client(), access_token="tok")
    assert platform.create_codes(TERMS, ["A", "THEIRS", "B"]) == ["A", "B"]
    assert platform.create_codes(TERMS, ["B", "C"]) == ["B", "C"]
    (rule,) = till.rules
    assert (rule["simple_action"], rule["discount_amount"], rule["website_ids"]) == ("cart_fixed", 5.0, [1])
    assert (rule["uses_per_coupon"], rule["use_auto_generation"], rule["customer_group_ids"]) == (1, True, [0, 1])
    assert (rule["from_date"], rule["to_date"]) == ("2026-03-10", "2026-03-13")
    assert rule["condition"]["conditions"][0]["value"] == "20.00"


def test_a_coupon_whose_answer_was_lost_counts_when_it_is_there(net: Net) -> None:
    till = Till()
    till.is_lossy = True
    net.answer = till
    assert shop(net.client(), access_token="tok").create_codes(TERMS, ["A"]) == ["A"]
    net.answer = lambda _: httpx.Response(403, json={"message": "The consumer isn't authorized."})
    with pytest.raises(Misconfigured):
        shop(net.client(), access_token="tok").create_codes(TERMS, ["B"])
