from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import CartChanged, Change, ConsentChanged, CustomerChanged, OrderChanged, ProductChanged
from automation.errors import BadSignature, Misconfigured, Unreadable
from automation.platform import Envelope, Request
from automation.platforms.prestashop import TOPICS, PrestaShop
from tests.automation.platforms.mutating import NOWHERE, mutate, recordings
from tests.conftest import NOW, Net

BODIES = recordings("prestashop")


def shop(http: httpx.Client | None = None, **values: Any) -> PrestaShop:
    given = {"shop_url": "https://shop.example.com", "webservice_key": "KEY", **values}
    return PrestaShop(PrestaShop.Settings.model_validate(given), http or NOWHERE)


def read(topic: str, body: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shop().translate(Envelope("d1", topic, raw, NOW))


def only(changes: Any, kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


def test_it_takes_no_webhooks() -> None:
    with pytest.raises(BadSignature, match="asks instead"):
        shop().open(Request({}, b"{}"), NOW)


def test_times_are_the_shops_own() -> None:
    order = only(read("orders", BODIES["orders"]), OrderChanged)
    assert order.placed_at == datetime(2026, 7, 10, 9, 45, tzinfo=UTC)
    assert (order.total, order.subtotal, order.discount, order.shipping) == (5350, 5400, 500, 450)
    assert (order.cart_external_id, order.lines[0].price, order.person.external_id) == ("77", 2700, "7")
    assert order.delivered_at == order.paid_at == datetime(2026, 7, 12, 7, tzinfo=UTC)


def test_a_customer_brings_birthday_and_the_day_of_consent() -> None:
    changes = read("customers", BODIES["customers"] | {"newsletter_date_add": "0000-00-00 00:00:00"})
    assert only(changes, ConsentChanged).at == only(changes, CustomerChanged).created_at
    changes = read("customers", BODIES["customers"])
    assert only(changes, CustomerChanged).birthday_day == 10
    assert only(changes, ConsentChanged).at == datetime(2026, 2, 1, 9, tzinfo=UTC)
    assert len(read("customers", BODIES["customers"] | {"newsletter": "0", "birthday": "0000-00-00"})) == 1


def test_a_cart_and_a_product() -> None:
    cart = only(read("carts", BODIES["carts"]), CartChanged)
    assert (cart.lines[0].product_external_id, cart.lines[0].variant_external_id, cart.lines[0].quantity) == (
        "3",
        "12",
        2,
    )
    product = only(read("products", BODIES["products"]), ProductChanged)
    assert (product.title, product.price, product.cost) == ("Tea", 2500, 800)


def test_it_is_asked_resource_by_resource_for_what_changed(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/api/")
        return httpx.Response(200, json=[] if name == "carts" else {name: [BODIES[name]]})

    net.answer = answer
    cursor, kinds = None, []
    while True:
        page = shop(net.client()).pull(NOW, cursor)
        kinds += [type(change).__name__ for change in page.changes]
        cursor = page.cursor
        if cursor is None:
            break
    assert kinds == ["ProductChanged", "CustomerChanged", "ConsentChanged", "OrderChanged"]
    assert net.requests[0].url.params["filter[date_upd]"] == "[2026-03-10 13:00:00,9999-12-31 00:00:00]"
    assert net.requests[0].headers["authorization"] == "Basic S0VZOg=="


def test_a_key_that_may_not_says_so(net: Net) -> None:
    net.answer = lambda _: httpx.Response(401)
    with pytest.raises(Misconfigured):
        shop(net.client()).check()


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Unreadable, match="total_paid is missing"):
        read("orders", {"id": 1})
    with pytest.raises(ValueError, match="no time zone"):
        shop(timezone="Mars/Olympus")


def test_a_mutated_body_is_translated_or_refused() -> None:
    mutate(read, sorted(TOPICS), list(BODIES.items()))
