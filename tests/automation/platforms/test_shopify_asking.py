"""Shopify is asked, in GraphQL, for all that its webhooks do not tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import CartChanged, ConsentChanged, CustomerChanged, OrderChanged, OrderRefunded, ProductChanged
from automation.errors import Later, Misconfigured, Refused
from automation.platform import CodeTerms
from automation.platforms.shopify import TOPICS, Shopify
from automation.platforms.shopify.asking import BY_LAW
from tests.automation.platforms.graph_shop import graph_shop, page
from tests.automation.platforms.mutating import mutate
from tests.conftest import NOW, Net

HOOK = "https://mail.example.com/hooks/abc"
GID = "gid://shopify"


def shop(net: Net, **values: Any) -> Shopify:
    given = {"secret": "shh", "access_token": "shpat_1", "shop_domain": "wren.myshopify.com", **values}
    return Shopify(Shopify.Settings.model_validate(given), net.client())


def money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "GBP"}}


BUYER = {"id": f"{GID}/Customer/7", "firstName": "Ada", "defaultEmailAddress": {"emailAddress": "ada@example.com"}}
LINE = {
    "title": "Assam",
    "quantity": 2,
    "sku": "TEA-100",
    "product": {"id": f"{GID}/Product/9"},
    "variant": {"id": f"{GID}/ProductVariant/40"},
    "originalUnitPriceSet": money("12.50"),
    "totalDiscountSet": money("2.50"),
}
PRODUCT = {
    "id": f"{GID}/Product/9",
    "title": "Assam",
    "handle": "assam",
    "descriptionHtml": "<p>Strong.</p>",
    "status": "ACTIVE",
    "tags": ["tea"],
    "featuredMedia": {"preview": {"image": {"url": "https://cdn.example.com/a.png"}}},
    "variants": page(
        {
            "id": f"{GID}/ProductVariant/40",
            "title": "100 g",
            "price": "12.50",
            "compareAtPrice": None,
            "inventoryQuantity": 5,
            "inventoryItem": {"tracked": False},
            "image": {"url": "https://cdn.example.com/v.png"},
        }
    ),
    "updatedAt": "2026-03-10T11:00:00Z",
}
CUSTOMER = {
    **BUYER,
    "tags": ["vip"],
    "locale": "en-GB",
    "updatedAt": "2026-03-10T11:00:00Z",
    "defaultEmailAddress": {
        "emailAddress": "ada@example.com",
        "marketingState": "SUBSCRIBED",
        "marketingOptInLevel": "CONFIRMED_OPT_IN",
        "marketingUpdatedAt": "2026-01-01T00:00:00Z",
    },
    "defaultAddress": {"countryCodeV2": "GB", "city": "London", "provinceCode": "ENG"},
}
CHECKOUT = {
    "id": f"{GID}/AbandonedCheckout/5?key=1",
    "abandonedCheckoutUrl": "https://wren.myshopify.com/checkouts/ac/x/recover?key=y",
    "createdAt": "2026-03-10T10:00:00Z",
    "updatedAt": "2026-03-10T11:00:00Z",
    "completedAt": None,
    "customer": BUYER,
    "subtotalPriceSet": money("25.00"),
    "lineItems": page(LINE),
}
ORDER = {
    "id": f"{GID}/Order/1",
    "name": "#1001",
    "email": "ada@example.com",
    "currencyCode": "GBP",
    "createdAt": "2026-03-10T11:00:00Z",
    "updatedAt": "2026-03-10T11:30:00Z",
    "displayFinancialStatus": "PARTIALLY_REFUNDED",
    "displayFulfillmentStatus": "FULFILLED",
    "discountCodes": ["SPRING"],
    "customer": BUYER,
    "totalPriceSet": money("26.50"),
    "subtotalPriceSet": money("22.50"),
    "totalDiscountsSet": money("2.50"),
    "totalTaxSet": money("4.42"),
    "totalShippingPriceSet": money("4.00"),
    "refunds": [{"id": f"{GID}/Refund/3", "createdAt": "2026-03-10T11:20:00Z", "totalRefundedSet": money("5.00")}],
    "lineItems": page(LINE),
}
NODES = {"product": PRODUCT, "customer": CUSTOMER, "checkout": CHECKOUT, "order": ORDER}


def found(*nodes: Any, count: int = 1, after: str | None = None) -> dict[str, Any]:
    return {"found": page(*nodes, after=after), "total": {"count": count}}


def everything(**other: Any) -> dict[str, Any]:
    return {
        "found: products(": found(PRODUCT),
        "found: customers(": found(CUSTOMER),
        "found: abandonedCheckouts(": found(CHECKOUT),
        "found: orders(": found(ORDER),
        **other,
    }


def all_of(platform: Shopify, since: Any = None) -> list[Any]:
    changes: list[Any] = []
    cursor = None
    while True:
        one = platform.pull(since, cursor)
        assert not one.refused
        changes += one.changes
        cursor = one.cursor
        if cursor is None:
            return changes


def only(changes: Any, kind: type[Any]) -> Any:
    return next(change for change in changes if isinstance(change, kind))


def test_all_there_is_reads_like_webhooks_with_what_those_leave_out(net: Net) -> None:
    net.answer = graph_shop(everything())
    changes = all_of(shop(net))
    product, cart, order = (only(changes, kind) for kind in (ProductChanged, CartChanged, OrderChanged))
    assert (product.external_id, product.variants[0].price, product.variants[0].stock) == ("9", 1250, None)
    assert product.variants[0].image_url == "https://cdn.example.com/v.png"
    customer = only(changes, CustomerChanged)
    assert (customer.external_id, customer.email, customer.tags, customer.country) == (
        "7",
        "ada@example.com",
        ["vip"],
        "GB",
    )
    consent = only(changes, ConsentChanged)
    assert (consent.status, consent.detail) == ("granted", "Shopify: confirmed_opt_in")
    assert (cart.checkout_id, cart.external_id, cart.currency, cart.lines[0].price) == ("5", "5", "GBP", 1250)
    assert (order.total, order.shipping, order.tax, order.codes) == (2650, 400, 442, ["SPRING"])
    assert order.paid_at == order.fulfilled_at == order.updated_at
    assert only(changes, OrderRefunded).amount == 500
    assert net.requests[0].headers["x-shopify-access-token"] == "shpat_1"
    assert str(net.requests[0].url) == "https://wren.myshopify.com/admin/api/2026-01/graphql.json"


def test_a_buyer_in_an_order_says_nothing_of_tags_or_consent(net: Net) -> None:
    net.answer = graph_shop(everything(**{"found: customers(": found()}))
    changes = all_of(shop(net))
    assert not [c for c in changes if isinstance(c, ConsentChanged)]
    assert {c.tags for c in changes if isinstance(c, CustomerChanged)} == {None}


def test_it_goes_on_where_it_stopped_and_tells_how_far_it_is(net: Net) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    answers = everything(**{"found: products(": lambda v: found(PRODUCT, count=4, after=None if v["after"] else "p1")})
    net.answer = graph_shop(answers, asked)
    first = shop(net).pull(NOW, None)
    assert (first.cursor, first.progress) == ("products:1:p1", 1 / 16)
    assert asked[0][1]["query"] == "updated_at:>='2026-03-10T12:00:00Z'"
    assert shop(net).pull(NOW, first.cursor).cursor == "customers:"
    assert asked[1][1]["after"] == "p1"


def test_lines_beyond_the_first_page_are_asked_for(net: Net) -> None:
    long = {**ORDER, "lineItems": page(LINE, after="l1")}
    answers = {"rest: lineItems": {"found": {"rest": page(LINE, LINE, LINE)}}, **everything()}
    net.answer = graph_shop({**answers, "found: orders(": found(long)})
    assert len(only(all_of(shop(net)), OrderChanged).lines) == 3


def test_who_asks_for_too_much_waits_until_the_bucket_holds_it(net: Net) -> None:
    cost = {"requestedQueryCost": 900, "throttleStatus": {"currentlyAvailable": 100, "restoreRate": 50}}
    throttled = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    net.answer = lambda _: httpx.Response(200, json={"errors": [throttled], "extensions": {"cost": cost}})
    with pytest.raises(Later) as error:
        shop(net).pull(None, None)
    assert error.value.after == timedelta(seconds=16)
    net.answer = lambda _: httpx.Response(200, json={"errors": [throttled], "extensions": {"cost": None}})
    with pytest.raises(Later) as error:
        shop(net).pull(None, None)
    assert error.value.after == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            httpx.Response(401, json={"errors": "[API] Invalid API key or access token"}),
            Misconfigured,
            "Invalid API key",
        ),
        (
            httpx.Response(200, json={"errors": [{"message": "No", "extensions": {"code": "ACCESS_DENIED"}}]}),
            Misconfigured,
            "No",
        ),
        (httpx.Response(200, json={"errors": [{"message": "Field 'x' doesn't exist"}]}), Refused, "doesn't exist"),
        (httpx.Response(200, json={"errors": "nonsense"}), Refused, "nonsense"),
        (httpx.Response(200, json={"data": None}), Later, "without data"),
        (httpx.Response(200, json=[]), Later, "something else"),
        (httpx.Response(200, json={"data": {"found": None}}), Later, "connection is missing"),
        (httpx.Response(200, json={"data": {"found": {"nodes": 7}}}), Later, "should be a list"),
        (httpx.Response(502), Later, "502"),
        (httpx.Response(302, headers={"location": "https://elsewhere.example"}), Misconfigured, "points to"),
    ],
)
def test_what_answers_mean(net: Net, answer: httpx.Response, error: type[Exception], words: str) -> None:
    net.answer = lambda _: answer
    with pytest.raises(error, match=words):
        shop(net).pull(None, None)


@pytest.mark.parametrize("domain", ["shop.example.com", "wren.myshopify.com.example.com", "wren.myshopify.com:8080"])
def test_the_token_goes_to_shopify_only(net: Net, domain: str) -> None:
    with pytest.raises(Misconfigured, match=r"wren\.myshopify\.com"):
        shop(net, shop_domain=domain).check()
    assert net.requests == []


def test_without_a_token_it_only_listens(net: Net) -> None:
    assert not shop(net, access_token=None).has_api
    with pytest.raises(Misconfigured, match="access token"):
        shop(net, access_token=None).check()


def test_it_is_subscribed_to_once_and_what_the_shop_took_away_comes_back(net: Net) -> None:
    there: dict[str, str] = {"ORDERS_CREATE": "https://another.example.com/hook"}

    def add(variables: dict[str, Any]) -> dict[str, Any]:
        is_denied = variables["topic"].startswith("FULFILLMENT")
        if not is_denied:
            there[variables["topic"]] = variables["uri"]
        return {"webhookSubscriptionCreate": {"userErrors": [{"message": "scope"}] if is_denied else []}}

    def known(_: Any) -> dict[str, Any]:
        return {"webhookSubscriptions": page(*({"topic": t, "uri": u} for t, u in there.items()))}

    net.answer = graph_shop({"webhookSubscriptions(": known, "webhookSubscriptionCreate": add})
    said = shop(net).subscribe(HOOK)
    assert "Not allowed: fulfillment_events/create, fulfillments/create, fulfillments/update." in said
    wanted = {t.replace("/", "_").replace(".", "_").upper() for t in TOPICS if t not in BY_LAW}
    assert {t for t, url in there.items() if url == HOOK} == {t for t in wanted if not t.startswith("FULFILLMENT")}
    del there["ORDERS_CREATE"], there["CUSTOMER_TAGS_ADDED"]
    assert "2 of them are new" in shop(net).subscribe(HOOK)
    assert "0 of them are new" in shop(net).subscribe(HOOK)


def test_a_token_that_may_subscribe_to_nothing_says_so(net: Net) -> None:
    refusal = {"webhookSubscriptionCreate": {"userErrors": [{"message": "You cannot"}]}}
    net.answer = graph_shop({"webhookSubscriptions(": {"webhookSubscriptions": page()}, "SubscriptionCreate": refusal})
    with pytest.raises(Refused, match="You cannot"):
        shop(net).subscribe(HOOK)


# Codes


def terms(**values: Any) -> CodeTerms:
    given: dict[str, Any] = {"offer_id": "of1", "title": "10 % off", "kind": "percent", "value": 10, "currency": "GBP"}
    return CodeTerms(**{**given, "minimum": None, "starts_at": NOW, "ends_at": None, **values})


class Till:
    """What Shopify does with codes."""

    def __init__(self, *, is_slow: bool = False) -> None:
        self.codes: dict[str, str] = {}
        self.discounts: dict[str, dict[str, Any]] = {}
        self.is_slow = is_slow
        self.answers = {
            "codeDiscountNodeByCode": self.whose,
            "codeDiscountNodes": lambda _: {
                "codeDiscountNodes": page(*({"id": i, "codeDiscount": {"title": d["title"]}} for i, d in self.found()))
            },
            "discountCodeBasicCreate": lambda v: {"discountCodeBasicCreate": self.make(v["input"])},
            "discountCodeFreeShippingCreate": lambda v: {"discountCodeFreeShippingCreate": self.make(v["input"])},
            "discountRedeemCodeBulkAdd": self.add,
        }

    def found(self) -> Any:
        return self.discounts.items()

    def whose(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {"id": "x", "codeDiscount": {"title": self.codes[code]}} if code in self.codes else None
            for name, code in variables.items()
        }

    def make(self, given: dict[str, Any]) -> dict[str, Any]:
        self.discounts[f"D{len(self.discounts)}"] = given
        self.codes[given["code"]] = given["title"]
        return {"codeDiscountNode": {"id": f"D{len(self.discounts) - 1}"}, "userErrors": []}

    def add(self, variables: dict[str, Any]) -> dict[str, Any]:
        if not self.is_slow:
            for code in variables["codes"]:
                self.codes.setdefault(code["code"], self.discounts[variables["id"]]["title"])
        return {"discountRedeemCodeBulkAdd": {"bulkCreation": {"id": "B1"}, "userErrors": []}}


def test_codes_are_each_good_once_under_one_discount(net: Net) -> None:
    till = Till()
    net.answer = graph_shop(till.answers)
    assert shop(net).create_codes(terms(minimum=2500), ["A", "B", "C"]) == ["A", "B", "C"]
    assert shop(net).create_codes(terms(minimum=2500), ["C", "D"]) == ["C", "D"]
    (discount,) = till.discounts.values()
    assert (discount["usageLimit"], discount["customerGets"]["value"]) == (1, {"percentage": 0.1})
    assert discount["minimumRequirement"] == {"subtotal": {"greaterThanOrEqualToSubtotal": "25.00"}}


def test_a_code_that_is_the_shops_own_is_not_ours(net: Net) -> None:
    till = Till()
    till.codes["A"] = "Summer sale"
    net.answer = graph_shop(till.answers)
    assert shop(net).create_codes(terms(), ["A", "B"]) == ["B"]
    assert shop(net).create_codes(terms(), ["A"]) == []


def test_codes_that_take_their_time_are_asked_for_again(net: Net) -> None:
    till = Till(is_slow=True)
    net.answer = graph_shop(till.answers)
    assert shop(net).create_codes(terms(), ["A", "B"]) == ["A"]
    with pytest.raises(Later, match="still making"):
        shop(net).create_codes(terms(), ["B"])
    till.is_slow = False
    assert shop(net).create_codes(terms(), ["B"]) == ["B"]


def test_shipping_and_amounts_have_words_of_their_own(net: Net) -> None:
    till = Till()
    net.answer = graph_shop(till.answers)
    shop(net).create_codes(terms(kind="shipping", offer_id="of2"), ["A"])
    shop(net).create_codes(terms(kind="amount", value=500, offer_id="of3", ends_at=NOW), ["B"])
    shipping, amount = till.discounts.values()
    assert shipping["destination"] == {"all": True}
    assert amount["customerGets"]["value"]["discountAmount"] == {"amount": "5.00", "appliesOnEachItem": False}
    assert amount["endsAt"] == "2026-03-10T12:00:00Z"


def test_a_refusal_says_what_shopify_says(net: Net) -> None:
    till = Till()
    refusal = {
        "discountCodeBasicCreate": {"codeDiscountNode": None, "userErrors": [{"message": "Ends before it starts"}]}
    }
    net.answer = graph_shop({**till.answers, "discountCodeBasicCreate": refusal})
    with pytest.raises(Refused, match="Ends before"):
        shop(net).create_codes(terms(), ["A"])


def test_a_mutated_node_is_read_or_refused(net: Net) -> None:
    platform = shop(net)
    lists = {"product": "products(", "customer": "customers(", "checkout": "abandonedCheckouts(", "order": "orders("}
    cursors = {"product": "products:", "customer": "customers:", "checkout": "checkouts:", "order": "orders:"}

    def read(topic: str, body: bytes) -> list[Any]:
        net.requests.clear()
        net.answer = graph_shop({f"found: {lists[topic]}": found(orjson.loads(body)), "rest:": {"found": None}})
        return list(platform.pull(None, cursors[topic]).changes)

    mutate(read, sorted(NODES), list(NODES.items()))
