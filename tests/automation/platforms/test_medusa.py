from __future__ import annotations

import hmac
from typing import Any

import httpx
import orjson
import pytest

from automation.changes import CartChanged, Change, CustomerChanged, CustomerDeleted, OrderChanged, ProductChanged
from automation.errors import BadSignature, Unreadable
from automation.platform import Envelope, Request
from automation.platforms.medusa import TOPICS, Medusa
from tests.automation.platforms.mutating import NOWHERE, mutate, recordings
from tests.conftest import NOW, Net

BODIES = recordings("medusa")
SECRET = "a-secret-of-our-own"


def shop(http: httpx.Client | None = None) -> Medusa:
    given = {"backend_url": "https://api.shop.example.com", "api_key": "sk_1", "hook_secret": SECRET}
    return Medusa(Medusa.Settings.model_validate(given), http or NOWHERE)


def read(topic: str, body: Any) -> list[Change]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return shop().translate(Envelope("d1", topic, raw, NOW))


def only(changes: Any, kind: type[Any]) -> Any:
    (found,) = [change for change in changes if isinstance(change, kind)]
    return found


BODY = b'{"name": "order.placed", "data": {"id": "order_1"}}'


def signed(body: bytes = BODY, secret: str = SECRET) -> Request:
    return Request({"x-cartwheel-signature": hmac.new(secret.encode(), body, "sha256").hexdigest()}, body)


def test_a_signed_event_opens_and_is_to_be_looked_up() -> None:
    envelope = shop().open(signed(), NOW)
    assert (envelope.topic, envelope.is_bare) == ("order.placed", True)
    for request in (signed(secret="wrong"), Request({}, BODY), Request(signed().headers, BODY + b" ")):
        with pytest.raises(BadSignature):
            shop().open(request, NOW)


def test_it_is_looked_up_with_the_key_and_read(net: Net) -> None:
    net.answer = lambda _: httpx.Response(200, json={"order": BODIES["order.placed"]["object"]})
    platform = shop(net.client())
    order = only(platform.translate(platform.fetch(platform.open(signed(), NOW))), OrderChanged)
    assert (order.total, order.discount, order.number, order.lines[0].price) == (5350, 500, "12", 2500)
    assert str(net.requests[0].url) == "https://api.shop.example.com/admin/orders/order_1"
    net.answer = lambda _: httpx.Response(404)
    assert platform.translate(platform.fetch(platform.open(signed(), NOW))) == []
    with pytest.raises(Unreadable, match=r"data\.id"):
        platform.fetch(Envelope("d", "order.placed", b'{"data": {"id": "../x"}}', NOW, is_bare=True))


def test_an_event_as_medusa_documents_it_is_opened_and_asked_for(net: Net) -> None:
    """The shape of https://docs.medusajs.com/resources/references/events: a name, and the id of what it is about."""
    body = orjson.dumps({"name": "order.placed", "data": {"id": "order_01J0000000000000000000000"}})
    net.answer = lambda _: httpx.Response(200, json={"order": BODIES["order.placed"]["object"]})
    platform = shop(net.client())
    envelope = platform.open(signed(body), NOW)
    assert envelope.is_bare
    assert only(platform.translate(platform.fetch(envelope)), OrderChanged).total == 5350
    assert net.requests[0].url.path == "/admin/orders/order_01J0000000000000000000000"


def test_what_the_recordings_say() -> None:
    assert only(read("cart.updated", BODIES["cart.updated"]), CartChanged).total == 4500
    assert only(read("order.placed", BODIES["order.placed"]), CustomerChanged).country == "GB"
    assert only(read("product.updated", BODIES["product.updated"]), ProductChanged).variants[0].price == 2500
    assert read("customer.deleted", BODIES["customer.deleted"]) == [CustomerDeleted(external_id="x_1")]
    with pytest.raises(Unreadable, match="looked up"):
        read("order.placed", BODY)


def test_all_there_is_comes_list_by_list(net: Net) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/admin/")
        return httpx.Response(200, json={name: [], "count": 0})

    net.answer = answer
    cursor, rounds = None, 0
    while True:
        page, rounds = shop(net.client()).pull(NOW, cursor), rounds + 1
        cursor = page.cursor
        if cursor is None:
            break
    assert rounds == 3
    assert net.requests[0].url.params["updated_at[$gte]"] == NOW.isoformat()


def test_a_mutated_body_is_translated_or_refused() -> None:
    mutate(read, sorted(TOPICS), list(BODIES.items()))
