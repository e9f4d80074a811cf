from __future__ import annotations

import base64
import hmac
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from automation.changes import (
    CartChanged,
    Change,
    CustomerChanged,
    OrderChanged,
    Person,
    ProductChanged,
    ProductDeleted,
)
from automation.errors import BadSignature, Later, Misconfigured, Refused, Unreadable
from automation.platform import CodeTerms, Envelope, Request
from automation.platforms.saleor import EVENTS, TOPICS, Saleor
from automation.platforms.saleor.signing import ASKED_AGAIN, KEPT, LEFT_ALONE
from tests.automation.platforms.graph_shop import Answer, graph_shop, page
from tests.automation.platforms.mutating import NOWHERE, SHARED, is_said_or_refused, mutate, recordings
from tests.conftest import NOW, Net

BODIES = recordings("saleor")
KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
HOOK = "https://mail.example.com/hooks/abc"
TERMS = CodeTerms(
    offer_id="of1",
    title="10 % off",
    kind="percent",
    value=10,
    currency="GBP",
    minimum=2500,
    starts_at=NOW,
    ends_at=NOW + timedelta(days=7),
)


def shop(net: Net | None = None, **values: Any) -> Saleor:
    given = {"api_url": "https://wren.example.com/graphql/", "app_token": "tok", "channel": "uk", "currency": "GBP"}
    return Saleor(Saleor.Settings.model_validate({**given, **values}), net.client() if net else NOWHERE)


def read(topic: str, body: Any, **values: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shop(**values).translate(Envelope("d1", topic.split(".", maxsplit=1)[0], raw, NOW))


def only(changes: Any, kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwks(key: rsa.RSAPrivateKey = KEY, kid: str = "k1") -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    n, e = (encoded(v.to_bytes((v.bit_length() + 7) // 8)) for v in (numbers.n, numbers.e))
    return {"keys": [{"kty": "RSA", "use": "sig", "kid": kid, "alg": "RS256", "n": n, "e": e}]}


BODY = orjson.dumps(BODIES["customer_updated"])


def signed(body: bytes = BODY, key: rsa.RSAPrivateKey = KEY, event: str = "customer_updated", **head: Any) -> Request:
    fields = {"alg": "RS256", "kid": "k1", "b64": False, "crit": ["b64"], **head}
    first = encoded(orjson.dumps({name: value for name, value in fields.items() if value is not None}))
    content = body if fields["b64"] is False else encoded(body).encode()
    signature = key.sign(first.encode() + b"." + content, PKCS1v15(), SHA256())
    return Request({"saleor-signature": f"{first}..{encoded(signature)}", "saleor-event": event}, body)


def test_a_webhook_that_the_shop_signed_opens_and_its_key_is_asked_for_once(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json=jwks())
    platform = shop(net)
    for request in (signed(), signed(b64=None, crit=None), signed(kid=None)):
        envelope = platform.open(request, NOW)
        assert (envelope.topic, envelope.is_bare) == ("customer_updated", False)
    assert [str(r.url) for r in net.requests] == ["https://wren.example.com/.well-known/jwks.json"]
    assert envelope.triggered_at == NOW - timedelta(minutes=1)


@pytest.mark.parametrize(
    "request_",
    [
        signed(key=OTHER),
        signed(alg="none"),
        signed(alg="HS256"),
        signed(crit=["b64", "exp"]),
        signed(crit="b64"),
        signed(kid="unknown"),
        Request(signed().headers, BODY + b" "),
        Request({"saleor-event": "customer_updated"}, BODY),
        Request({"saleor-event": "customer_updated", "saleor-signature": "a.b.c"}, BODY),
        Request({"saleor-event": "customer_updated", "saleor-signature": "e30..ünïcode"}, BODY),
        Request({"saleor-event": "customer_updated", "saleor-signature": "." * 6000}, BODY),
        Request({"saleor-event": "x", "saleor-signature": hmac.new(b"", BODY, "sha256").hexdigest()}, BODY),
    ],
)
def test_what_the_shop_did_not_sign_is_turned_away(net: Net, request_: Request) -> None:
    net.answer = lambda _: httpx.Response(200, json=jwks())
    with pytest.raises(BadSignature):
        shop(net).open(request_, NOW)


def test_a_secret_of_old_signs_and_then_nothing_else_does(net: Net) -> None:
    platform = shop(net, hook_secret="s3cret")
    digest = hmac.new(b"s3cret", BODY, "sha256").hexdigest()
    headers = {"x-saleor-signature": digest, "x-saleor-event": "customer_updated"}
    assert platform.open(Request(headers, BODY), NOW).topic == "customer_updated"
    for request in (signed(), Request(headers, BODY + b" ")):
        with pytest.raises(BadSignature):
            platform.open(request, NOW)
    assert net.requests == []


def test_new_keys_are_found_and_old_ones_forgotten_without_asking_for_every_forgery(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json=jwks())
    platform = shop(net)
    platform.open(signed(), NOW)
    for _ in range(3):
        with pytest.raises(BadSignature):
            platform.open(signed(kid="k2", key=OTHER), NOW)
    assert len(net.requests) == 1
    net.answer = lambda _: httpx.Response(200, json=jwks(OTHER, "k2"))
    later = NOW + ASKED_AGAIN + timedelta(seconds=1)
    assert platform.open(signed(kid="k2", key=OTHER), later)
    with pytest.raises(BadSignature):
        platform.open(signed(), later + KEPT + timedelta(seconds=1))


def test_while_the_keys_cannot_be_had_the_shop_is_told_to_come_again(net: Net) -> None:
    platform = shop(net)
    for status in (503, 404):
        net.answer = lambda _, status=status: httpx.Response(status)  # type: ignore[misc]  # a default binds it now
        for _ in range(2):
            with pytest.raises(Later):
                platform.open(signed(), NOW)
    assert len(net.requests) == 1
    net.answer = lambda _: httpx.Response(200, json=jwks())
    assert platform.open(signed(), NOW + LEFT_ALONE)


@pytest.mark.parametrize(
    "answer", [[], {"keys": 7}, {"keys": [7, {"kty": "RSA", "n": "!", "e": "AQAB"}]}, {"keys": []}]
)
def test_keys_that_are_none_open_nothing(net: Net, answer: Any) -> None:
    net.answer = lambda _: httpx.Response(200, json=answer)
    with pytest.raises(BadSignature):
        shop(net).open(signed(), NOW)


def test_the_same_body_is_the_same_delivery_and_another_topic_another(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json=jwks())
    platform = shop(net)
    ids = [platform.open(signed(event=e), NOW).delivery_id for e in ("order_updated", "order_updated", "order_created")]
    assert ids[0] == ids[1] != ids[2]
    with pytest.raises(Unreadable, match="saleor-event"):
        platform.open(signed(event=""), NOW)
    with pytest.raises(Unreadable, match="not JSON"):
        platform.open(signed(b"{"), NOW)


def test_a_checkout_is_a_cart_with_a_way_back() -> None:
    changes = read(
        "checkout_updated", BODIES["checkout_updated"], recovery_url="https://wren.example.com/c?id={checkout}"
    )
    cart = only(changes, CartChanged)
    assert (cart.total, cart.currency, cart.lines[0].price, cart.lines[0].title) == (2900, "GBP", 1250, "Assam")
    assert cart.recovery_url == "https://wren.example.com/c?id=Q2hlY2tvdXQ6YWJj"
    assert cart.person == Person(email="ada@example.com")
    assert only(changes, CustomerChanged).country == "GB"


def test_an_order_says_what_it_cost_and_which_checkout_it_was() -> None:
    changes = read("order_fully_paid", BODIES["order_fully_paid"])
    order = only(changes, OrderChanged)
    assert (order.total, order.tax, order.shipping, order.discount) == (2650, 442, 400, 250)
    assert (order.codes, order.cart_external_id, order.number) == (["SPRING"], "Q2hlY2tvdXQ6YWJj", "1042")
    assert order.paid_at == order.updated_at
    assert order.lines[0].variant_external_id == "UHJvZHVjdFZhcmlhbnQ6NDA="
    gone = only(read("order_cancelled", BODIES["order_cancelled"]), OrderChanged)
    assert (gone.paid_at, gone.refunded) == (None, 2650)
    assert gone.cancelled_at is not None


def test_bodies_of_old_say_the_same() -> None:
    order = only(read("order_created", BODIES["order_created.old"]), OrderChanged)
    assert (order.external_id, order.total, order.currency, order.shipping) == ("T3JkZXI6Mg==", 2650, "GBP", 400)
    notice = only(read("notify_user", BODIES["notify_user"]), OrderChanged)
    assert (notice.total, notice.lines[0].price, notice.person) == (2650, 1125, Person(email="ada@example.com"))
    assert read("notify_user", {"notify_event": "account_staff_reset_password", "payload": {}}) == []
    assert read("notify_user", {}) == []
    with pytest.raises(Unreadable, match=r"payload\.order is missing"):
        read("notify_user", {"notify_event": "order_confirmation", "payload": {}})


def test_a_product_costs_what_it_costs_in_the_channel() -> None:
    product = only(read("product_updated", BODIES["product_updated"]), ProductChanged)
    assert [(v.price, v.stock, v.sku) for v in product.variants] == [(1250, 12, "TEA-100")]
    assert (product.description, product.category, product.state) == ("A strong black tea.", "Black tea", "active")
    eu = only(read("product_updated", BODIES["product_updated"], channel="eu", currency="EUR"), ProductChanged)
    assert (eu.variants[0].price, eu.state) == (1400, "draft")
    assert read("product_deleted", BODIES["product_deleted"]) == [ProductDeleted(external_id="UHJvZHVjdDo5")]


def test_missing_fields_say_nothing_rather_than_nothing_left() -> None:
    (customer,) = read("customer_updated", {"user": {"id": "VXNlcjo3"}})
    assert isinstance(customer, CustomerChanged)
    assert (customer.email, customer.first_name, customer.country, customer.tags) == (None, None, None, None)
    order = {"id": "T3JkZXI6MQ==", "total": {"gross": {"amount": "26.50", "currency": "gbp"}}}
    assert only(read("order_updated", {"order": order}), OrderChanged).lines is None


@pytest.mark.parametrize(
    ("topic", "body", "missing"),
    [
        ("customer_updated", {"user": {}}, "id is missing"),
        ("order_created", {"order": {"id": "x"}}, r"total\.gross\.amount is missing"),
        ("checkout_created", {"checkout": {"id": "x"}}, "lines is missing"),
        ("checkout_created", {"checkout": {"id": "x", "lines": [{"quantity": "a"}]}}, r"lines\[0\]\.quantity"),
        ("product_updated", [1, 2], "should be an object"),
    ],
)
def test_what_is_missing_is_named(topic: str, body: Any, missing: str) -> None:
    with pytest.raises(Unreadable, match=missing):
        read(topic, body)


def test_its_webhook_is_made_once_and_mended_after(net: Net) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    hooks: list[Any] = []
    answers: dict[str, Answer] = {
        "app { webhooks": lambda _: {"app": {"webhooks": hooks}},
        "webhookCreate": {"webhookCreate": {"webhook": {"id": "V1"}, "errors": []}},
        "webhookUpdate": {"webhookUpdate": {"webhook": {"id": "V1"}, "errors": []}},
    }
    net.answer = graph_shop(answers, asked)
    assert "it is new" in shop(net).subscribe(HOOK)
    hooks.append({"id": "V1", "targetUrl": HOOK})
    assert "it was there" in shop(net).subscribe(HOOK)
    assert [key for key, _ in asked if key.startswith("webhook")] == ["webhookCreate", "webhookUpdate"]
    made = asked[1][1]["input"]
    assert set(made["asyncEvents"]) == set(EVENTS)
    assert "... on OrderFullyPaid { order { id number" in made["query"]
    assert made["query"].count("{") == made["query"].count("}")
    assert net.requests[0].headers["authorization"] == "Bearer tok"
    assert str(net.requests[0].url) == "https://wren.example.com/graphql/"


def test_a_token_that_is_no_apps_is_told(net: Net) -> None:
    net.answer = graph_shop({"shop {": {"shop": {"name": "Wren"}}, "app {": {"app": None}})
    with pytest.raises(Misconfigured, match="does not know this token"):
        shop(net).check()
    denied = {"errors": [{"message": "No", "extensions": {"exception": {"code": "PermissionDenied"}}}]}
    net.answer = graph_shop({"shop {": denied, "found:": {"errors": [{"message": "Unknown argument"}]}})
    with pytest.raises(Misconfigured, match="No"):
        shop(net).check()
    with pytest.raises(Refused, match="Unknown argument"):
        shop(net).pull(None, None)


def test_all_there_is_comes_list_by_list_and_goes_on_where_it_stopped(net: Net) -> None:
    def products(variables: dict[str, Any]) -> dict[str, Any]:
        item = BODIES["product_updated"]["product"]
        found = page(item, after="p2" if variables["after"] is None else None, edges=True)
        return {"found": {**found, "totalCount": 2}}

    asked: list[tuple[str, dict[str, Any]]] = []
    answers: dict[str, Answer] = {
        "found: products": products,
        "found: customers": {"found": page(BODIES["customer_updated"]["user"], edges=True)},
        "found: checkouts": {"found": page(BODIES["checkout_updated"]["checkout"], edges=True)},
        "found: orders": {"found": page(BODIES["order_fully_paid"]["order"], {"id": 1}, edges=True)},
    }
    net.answer = graph_shop(answers, asked)
    first = shop(net).pull(NOW, None)
    assert (first.cursor, first.progress) == ("products:1:p2", 0.125)
    cursor = first.cursor
    kinds: list[str] = []
    refused: list[str] = []
    while cursor:
        found = shop(net).pull(NOW, cursor)
        kinds += [type(c).__name__ for c in found.changes]
        refused += found.refused
        cursor = found.cursor
    assert kinds.count("ProductChanged") == 1
    assert {"CartChanged", "OrderChanged"} <= set(kinds)
    assert refused == ["1: total.gross.amount is missing."]
    assert asked[0][1]["filter"] == {"updatedAt": {"gte": NOW.isoformat()}}
    assert asked[3][1]["filter"] == {"updatedAt": {"gte": "2026-03-10"}}


VOUCHER = {"id": "V1", "name": "10 % off (Cartwheel of1)", "channelListings": [{"id": "L1"}]}
CHANNELS = {"channels": [{"id": "C1", "slug": "uk", "currencyCode": "GBP", "isActive": True}]}


def test_codes_are_put_under_one_voucher_of_the_channel(net: Net) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    answers: dict[str, Answer] = {
        "vouchers(first: 5": {"vouchers": page(edges=True)},
        "voucherCreate": {"voucherCreate": {"voucher": {"id": "V1"}, "errors": []}},
        "channels": CHANNELS,
        "voucherChannelListingUpdate": {"voucherChannelListingUpdate": {"voucher": {"id": "V1"}, "errors": []}},
        "voucherUpdate": {"voucherUpdate": {"voucher": {"id": "V1"}, "errors": []}},
    }
    net.answer = graph_shop(answers, asked)
    assert shop(net).create_codes(TERMS, ["A", "B"]) == ["A", "B"]
    said = dict(asked)
    assert said["voucherCreate"]["input"]["singleUse"] is True
    listing = said["voucherChannelListingUpdate"]["input"]["addChannels"][0]
    assert listing == {"channelId": "C1", "discountValue": "10", "minAmountSpent": "25.00"}
    assert said["voucherUpdate"] == {"id": "V1", "input": {"addCodes": ["A", "B"]}}


def test_codes_that_a_lost_answer_had_made_count_and_the_shops_own_do_not(net: Net) -> None:
    added: list[list[str]] = []

    def update(variables: dict[str, Any]) -> dict[str, Any]:
        added.append(variables["input"]["addCodes"])
        problem = {"field": "addCodes", "message": "Exists", "voucherCodes": ["OURS", "THEIRS"]}
        errors = [problem] if "OURS" in added[-1] else []
        return {"voucherUpdate": {"voucher": {"id": "V1"}, "errors": errors}}

    answers: dict[str, Answer] = {
        "vouchers(first: 5": {"vouchers": page(VOUCHER, edges=True)},
        "voucherUpdate": update,
        "c0: vouchers": {"c0": page({"id": "V1"}, edges=True), "c1": page({"id": "V9"}, edges=True)},
    }
    net.answer = graph_shop(answers)
    assert shop(net).create_codes(TERMS, ["OURS", "THEIRS", "NEW"]) == ["OURS", "NEW"]
    assert added[1] == ["NEW"]


def test_codes_need_a_channel_that_sells_in_the_offers_currency(net: Net) -> None:
    answers: dict[str, Answer] = {
        "vouchers(first: 5": {"vouchers": page({**VOUCHER, "channelListings": []}, edges=True)},
        "channels": CHANNELS,
    }
    net.answer = graph_shop(answers)
    with pytest.raises(Misconfigured, match="one of the shop's channels in the connection's settings: uk"):
        shop(net, channel="us").create_codes(TERMS, ["A"])
    net.answer = graph_shop({**answers, "channels": {"channels": [{"slug": "uk", "currencyCode": "EUR"}]}})
    with pytest.raises(Refused, match="sells in EUR"):
        shop(net).create_codes(TERMS, ["A"])


def test_a_mutated_body_is_translated_or_refused() -> None:
    mutate(read, sorted(TOPICS), list(BODIES.items()))


@pytest.mark.skipif(not SHARED.exists(), reason="the larger collection is not at hand")
def test_every_sample_of_the_larger_collection_is_translated_or_refused() -> None:
    for path in (SHARED / "saleor").glob("*.json"):
        for topic in TOPICS:
            assert is_said_or_refused(read, topic, path.read_bytes()), path.name
