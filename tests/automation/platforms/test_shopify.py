from __future__ import annotations

import base64
import hmac
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from automation.changes import (
    CartChanged,
    CartDeleted,
    Change,
    ConsentChanged,
    CustomerChanged,
    CustomersMerged,
    OrderChanged,
    OrderDelivered,
    OrderRefunded,
    Person,
    PrivacyRequested,
    ProductChanged,
)
from automation.errors import BadSignature, Unreadable
from automation.platform import Envelope, Request
from automation.platforms.shopify import TOPICS, Shopify
from tests.automation.platforms.mutating import NOWHERE, SHARED, is_said_or_refused, mutate
from tests.conftest import NOW

FOLDER = Path(__file__).parents[2] / "recordings/platforms/shopify"
WEBHOOKS = sorted(path for path in FOLDER.glob("*.json") if not path.name.startswith("rest-"))
NOTHING_EXPECTED = {"fulfillment_events/create"}
"""Known topics whose recording says nothing that matters: a parcel under way."""
OBJECTS = {
    "rest-carts.json": ("carts/update", "carts"),
    "rest-customer.json": ("customers/update", "customer"),
    "rest-customer.goshopify.json": ("customers/update", "customer"),
    "rest-customers_search.json": ("customers/update", "customers"),
    "rest-order.goshopify.json": ("orders/updated", "order"),
    "rest-order_with_transaction.goshopify.json": ("orders/updated", "order"),
    "rest-product.json": ("products/update", "product"),
    "rest-product.goshopify.json": ("products/update", "product"),
}


def topic_of(path: Path) -> str:
    """carts-update-null-note.json → carts/update."""
    return "/".join(path.name.split(".")[0].split("-")[:2])


def shopify(**values: Any) -> Shopify:
    return Shopify(Shopify.Settings.model_validate({"secret": "shh", **values}), NOWHERE)


def read(topic: str, body: Any, **values: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shopify(**values).translate(Envelope("d1", topic, raw, NOW))


def recording(name: str) -> Any:
    return orjson.loads((FOLDER / name).read_bytes())


def only(changes: list[Change], kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


def signed(body: bytes, secret: str = "shh", **headers: str) -> Request:
    digest = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    names = {"x-shopify-topic": "carts/create", "x-shopify-webhook-id": "d1", "x-shopify-hmac-sha256": digest}
    given = {f"x-shopify-{name.replace('_', '-')}": value for name, value in headers.items()}
    return Request({k: v for k, v in {**names, **given}.items() if v != "-"}, body)


def test_a_signed_webhook_opens_with_either_secret() -> None:
    body = b'{"id": "c1"}'
    shop = shopify(previous_secret="old", shop_domain="https://Wren.myshopify.com/")
    request = signed(body, triggered_at="2026-03-10T11:00:00+00:00", shop_domain="wren.myshopify.com")
    envelope = shop.open(request, NOW)
    assert (envelope.delivery_id, envelope.topic, envelope.body) == ("d1", "carts/create", body)
    assert envelope.triggered_at is not None
    assert shop.open(signed(body, "old", triggered_at="yesterday"), NOW).triggered_at is None


@pytest.mark.parametrize(
    "request_",
    [
        signed(b"{}", "wrong"),
        signed(b"{}", ""),
        signed(b"{}", hmac_sha256="-"),
        signed(b"{}", hmac_sha256="no base64!"),
        signed(b"{}", hmac_sha256="ünïcode"),
        Request({**signed(b"{}").headers}, b"{ }"),
        signed(b"{}", shop_domain="other.myshopify.com"),
    ],
)
def test_what_the_shop_did_not_sign_is_turned_away(request_: Request) -> None:
    with pytest.raises(BadSignature):
        shopify(shop_domain="wren.myshopify.com").open(request_, NOW)


def test_an_empty_secret_cannot_be_set_and_never_passes() -> None:
    with pytest.raises(ValidationError):
        shopify(secret="")
    with pytest.raises(BadSignature):
        shopify(previous_secret="").open(signed(b"{}", ""), NOW)


@pytest.mark.parametrize("header", ["topic", "webhook_id"])
@pytest.mark.parametrize("value", ["-", "", "x" * 129])
def test_a_webhook_without_its_headers_cannot_be_read(header: str, value: str) -> None:
    with pytest.raises(Unreadable, match=f"x-shopify-{header.replace('_', '-')}"):
        shopify().open(signed(b"{}", **{header: value}), NOW)


def test_a_body_that_is_no_json_says_where() -> None:
    with pytest.raises(Unreadable, match="line 1 column"):
        shopify().open(signed(b'{"id": '), NOW)
    with pytest.raises(Unreadable, match="should be an object, it is a list"):
        shopify().open(signed(b"[]"), NOW)


@pytest.mark.parametrize("path", WEBHOOKS, ids=lambda path: path.name)
def test_every_recorded_webhook_is_translated_or_unknown(path: Path) -> None:
    topic = topic_of(path)
    changes = read(topic, path.read_bytes())
    assert bool(changes) == (topic in TOPICS and topic not in NOTHING_EXPECTED)


@pytest.mark.parametrize(("name", "how"), OBJECTS.items())
def test_every_recorded_object_reads_like_its_webhook(name: str, how: tuple[str, str]) -> None:
    found = recording(name)[how[1]]
    for body in found if isinstance(found, list) else [found]:
        assert read(how[0], body)


def test_a_cart_is_nobodys_and_counts_in_the_shops_currency() -> None:
    cart = only(read("carts/create", recording("carts-create.json")), CartChanged)
    assert (cart.external_id, cart.person, cart.currency) == ("eeafa272cebfd4b22385bc4b645e762c", None, "USD")
    assert (cart.lines[0].quantity, cart.lines[0].price, cart.lines[0].title) == (3, 1999, "Example T-Shirt")


def test_a_yen_has_no_cents() -> None:
    cart = {"token": "c1", "updated_at": "2026-03-10T12:00:00Z", "line_items": [{"quantity": 1, "price": "1500"}]}
    assert only(read("carts/update", cart, currency="JPY"), CartChanged).lines[0].price == 1500


def test_a_checkout_brings_its_cart_and_its_customer() -> None:
    changes = read("checkouts/create", recording("checkouts-create.json"))
    cart, customer = only(changes, CartChanged), only(changes, CustomerChanged)
    assert cart.external_id == "eeafa272cebfd4b22385bc4b645e762c"
    assert cart.checkout_id == "981820079255243500"
    assert cart.recovery_url.endswith("recover?key=example-secret-token")
    assert cart.person == Person(external_id="603851970716743400", email="john@example.com")
    assert (customer.first_name, customer.country, customer.region) == ("John", "CA", "ON")


def test_a_deleted_checkout_is_the_one_that_was_created() -> None:
    gone = only(read("checkouts/delete", recording("checkouts-delete.json")), CartDeleted)
    made = only(read("checkouts/create", recording("checkouts-create.json")), CartChanged)
    assert (gone.checkout_id, gone.at) == (made.checkout_id, NOW)


def test_a_guests_checkout_without_customer_is_known_by_its_address() -> None:
    body = recording("checkouts-create.json") | {"customer": None, "cart_token": None}
    changes = read("checkouts/update", body)
    assert only(changes, CartChanged).external_id == "123123123"
    assert only(changes, CustomerChanged).email == "example@email.com"
    assert only(changes, CustomerChanged).first_name == "Bob"


def test_an_order_names_its_money_lines_and_tokens() -> None:
    body = recording("orders-create.json") | {
        "cart_token": "c1",
        "checkout_id": 99,
        "checkout_token": "k1",
        "financial_status": "paid",
        "cancelled_at": None,
        "discount_codes": [{"code": "TEA", "amount": "20.00"}],
        "landing_site": "/tea?utm_source=news&utm_campaign=spring&x=1",
    }
    order = only(read("orders/create", body), OrderChanged)
    assert (order.total, order.subtotal, order.discount, order.shipping) == (38800, 38800, 2000, 1000)
    assert (order.cart_external_id, order.checkout_external_id, order.codes) == ("c1", "99", ["TEA"])
    assert order.source["utm"] == {"source": "news", "campaign": "spring"}
    assert order.paid_at == order.updated_at
    assert len(order.lines) == 2


def test_an_orders_refunds_and_the_refund_alone_are_the_same() -> None:
    refund = recording("refunds-create.json")
    alone = only(read("refunds/create", refund), OrderRefunded)
    order = recording("orders-create.json") | {"refunds": [refund]}
    within = only(read("orders/updated", order), OrderRefunded)
    assert (alone.amount, alone.external_id) == (39800, "890088186047892400")
    assert within == alone


def test_a_refund_counts_the_money_that_moved() -> None:
    moved = [
        {"kind": "refund", "status": "success", "amount": "12.50", "currency": "EUR"},
        {"kind": "refund", "status": "failure", "amount": "99.00"},
        {"kind": "void", "status": "success", "amount": "99.00"},
    ]
    assert (
        only(read("refunds/create", recording("refunds-create.json") | {"transactions": moved}), OrderRefunded).amount
        == 1250
    )


def test_a_parcel_matters_when_it_has_arrived() -> None:
    event = recording("fulfillment_events-create.json")
    assert read("fulfillment_events/create", event) == []
    assert only(read("fulfillment_events/create", event | {"status": "delivered"}), OrderDelivered)
    parcel = {"id": 1, "order_id": 2, "shipment_status": "delivered", "updated_at": "2026-03-10T12:00:00Z"}
    assert only(read("fulfillments/update", parcel), OrderDelivered).order_external_id == "2"


def test_a_customer_of_todays_api_has_neither_tags_nor_consent() -> None:
    (customer,) = read("customers/update", {"id": 7, "email": "ada@example.com", "updated_at": "2026-03-10T12:00:00Z"})
    assert isinstance(customer, CustomerChanged)
    assert (customer.external_id, customer.tags, customer.first_name) == ("7", None, None)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("subscribed", "granted"),
        ("SUBSCRIBED", "granted"),
        ("pending", "pending"),
        ("unsubscribed", "withdrawn"),
        ("redacted", "withdrawn"),
        ("invalid", "withdrawn"),
        ("not_subscribed", "withdrawn"),
    ],
)
def test_consent_has_a_topic_of_its_own(state: str, status: str) -> None:
    said = {"state": state, "opt_in_level": "confirmed_opt_in", "consent_updated_at": "2026-03-10T11:00:00Z"}
    body = {"customer_id": 7, "email_address": "ada@example.com", "email_marketing_consent": said}
    consent = only(read("customers_email_marketing_consent/update", body), ConsentChanged)
    assert (consent.status, consent.person.external_id) == (status, "7")


def test_consent_that_says_nothing_changes_nothing() -> None:
    said = {"state": "not_subscribed", "opt_in_level": None, "consent_updated_at": None}
    body: dict[str, Any] = {"customer_id": 7, "email_address": None, "email_marketing_consent": said}
    assert read("customers_email_marketing_consent/update", body) == []
    assert read("customers_email_marketing_consent/update", {**body, "email_marketing_consent": None}) == []


def test_the_checkbox_of_old_is_consent_while_the_record_has_no_other() -> None:
    body = recording("customers-create.json")
    assert only(read("customers/create", body), ConsentChanged).status == "granted"
    assert only(read("customers/create", body | {"accepts_marketing": False}), ConsentChanged).status == "withdrawn"
    said = {"state": "not_subscribed", "opt_in_level": None, "consent_updated_at": None}
    assert len(read("customers/create", body | {"email_marketing_consent": said})) == 1


def test_tags_are_added_and_removed_by_name() -> None:
    body = {"customerId": "gid://shopify/Customer/7", "tags": ["vip"], "occurredAt": "2026-03-10T11:00:00Z"}
    assert read("customer.tags_added", body) == [CustomerChanged(external_id="7", tags_added=["vip"])]
    assert read("customer.tags_removed", body) == [CustomerChanged(external_id="7", tags_removed=["vip"])]


def test_only_a_completed_merge_joins_customers() -> None:
    body = {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "status": "completed",
    }
    assert read("customers/merge", body) == [CustomersMerged(kept_external_id="1", deleted_external_id="2")]
    assert read("customers/merge", body | {"status": "failed"}) == []


def test_a_product_has_its_page_its_picture_and_counted_variants() -> None:
    body = recording("rest-product.json")["product"]
    body["variants"][1]["inventory_management"] = None
    product = only(read("products/update", body, shop_domain="wren.myshopify.com"), ProductChanged)
    assert product.url == "https://wren.myshopify.com/products/ipod-nano"
    assert product.image_url.endswith("ipod-nano.png?0")
    assert product.description.startswith("It's the small iPod")
    assert product.tags == ["Emotive", "Flash Memory", "MP3", "Music"]
    assert [variant.stock for variant in product.variants][:2] == [10, None]


def test_the_requests_of_law_name_whom_they_are_about() -> None:
    request = only(read("customers/redact", recording("customers-redact.json")), PrivacyRequested)
    assert (request.kind, request.person.external_id) == ("erasure", "191167")
    assert request.detail["orders_to_redact"] == [299938, 280263, 220458]
    assert only(read("shop/redact", {"shop_id": 1}), PrivacyRequested).kind == "store_erasure"


@pytest.mark.parametrize(
    ("topic", "body", "missing"),
    [
        ("orders/create", {"id": 1, "created_at": "2026-03-10T12:00:00Z"}, "total_price is missing"),
        ("orders/create", {"total_price": "1.00"}, "id is missing"),
        ("checkouts/create", {"id": 1}, "line_items is missing"),
        ("carts/update", {"line_items": []}, "token or id is missing"),
        ("carts/update", {"token": "c", "line_items": [{"price": "a lot"}]}, r"line_items\[0\]\.price"),
        ("carts/update", {"token": "c", "line_items": [{"quantity": -1}]}, "quantity"),
        ("customers/delete", {}, "id is missing"),
        ("customers/redact", {"customer": {}}, "customer.id or customer.email is missing"),
        ("refunds/create", {"id": 1, "transactions": []}, "order_id is missing"),
        ("products/update", {"id": 1, "variants": [{"id": 2}]}, r"variants\[0\]\.price is missing"),
        ("customer.tags_added", {"customerId": 7}, "tags is missing"),
    ],
)
def test_what_is_missing_is_named(topic: str, body: dict[str, Any], missing: str) -> None:
    with pytest.raises(Unreadable, match=missing):
        read(topic, body)


def test_a_mutated_body_is_translated_or_refused() -> None:
    bodies = [(topic_of(path), orjson.loads(path.read_bytes())) for path in WEBHOOKS if topic_of(path) in TOPICS]
    mutate(read, sorted(TOPICS), bodies)


@pytest.mark.skipif(not SHARED.exists(), reason="the larger collection is not at hand")
def test_every_sample_of_the_larger_collection_is_translated_or_refused() -> None:
    for path in (SHARED / "shopify").glob("*.json"):
        for topic in TOPICS:
            assert is_said_or_refused(read, topic, path.read_bytes()), path.name


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(TOPICS)), st.binary(max_size=200))
def test_random_bytes_are_refused(topic: str, body: bytes) -> None:
    assert is_said_or_refused(read, topic, body)
