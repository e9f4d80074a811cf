from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from automation.app import App
from automation.demo import bodies
from automation.demo.bodies import Piece, Shopper
from automation.demo.shop import SHOP_DOMAIN, shop_of
from automation.demo.storefront import Storefront
from automation.models import Cart, CartItem, Event, InboundWebhook, Order
from automation.stages.listen import listen
from tests.conftest import NOW

HOUR = timedelta(hours=1)
SHOPPER = Shopper(6_000_000_012_347, "saga.kallio.12347@example.com", "Saga", "Kallio", "IS", "is-IS")
PIECES = [Piece(7_000_000_000_001, 40_000_000_000_001, "Mug", "M", 250, 2), Piece(7, 8, "Bowl", "B", 1999, 1)]


def live(app: App, front: Storefront, hours: int, visits: float = 40) -> None:
    """Let the shop live for some hours, in steps of a quarter."""
    for quarter in range(hours * 4):
        since = NOW + quarter * HOUR / 4
        front.play(since, since + HOUR / 4, visits)
        while listen(app, since + HOUR / 4, 500):
            pass


def test_shoppers_carts_checkouts_orders_and_looks_arrive_through_the_real_doors(
    stocked: App, doors: httpx.Client
) -> None:
    with stocked.db.read() as session:
        before = {m: session.scalar(select(func.count()).select_from(m)) or 0 for m in (Cart, Order, Event)}
    live(stocked, Storefront(stocked, "http://shop.test", doors, "a seed"), 4)
    with stocked.db.read() as session:
        after = {m: session.scalar(select(func.count()).select_from(m)) or 0 for m in (Cart, Order, Event)}
        assert all(after[model] > before[model] + 5 for model in before), (before, after)
        states = set(session.scalars(select(InboundWebhook.state)))
        assert states == {"processed"}, "every webhook was signed, known and understood"
        known = select(func.count(Cart.id)).where(Cart.customer_id.is_not(None), Cart.checkout_id.is_not(None))
        assert session.scalar(known)
        assert session.scalar(select(func.count(Cart.id)).where(Cart.ordered_at.is_not(None)))
        lost = select(func.count()).select_from(CartItem).where(CartItem.product_id.is_(None))
        assert session.scalar(lost) == 0


def test_the_same_seed_tells_the_same_story(stocked: App) -> None:
    def story() -> list[Any]:
        told: list[Any] = []

        def answer(request: httpx.Request) -> httpx.Response:
            told.append((request.headers.get("X-Shopify-Topic"), request.content))
            return httpx.Response(200)

        with httpx.Client(transport=httpx.MockTransport(answer)) as http:
            Storefront(stocked, "http://shop.test", http, "a seed").play(NOW, NOW + HOUR / 4, 200)
        return told

    assert story() == story() != []


def test_nothing_is_told_before_it_happened_and_all_in_order(stocked: App) -> None:
    told: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.headers.get("X-Shopify-Triggered-At", ""))
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        front = Storefront(stocked, "http://shop.test", http, "a seed")
        for quarter in range(4):
            until = NOW + (quarter + 1) * HOUR / 4
            front.play(until - HOUR / 4, until, 100)
            assert max(told, default="") <= until.isoformat()
    told = [at for at in told if at]
    assert len(told) > 50
    assert told == sorted(told)


def test_a_shop_that_is_not_loaded_has_no_shoppers(demo: App) -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as http:
        assert Storefront(demo, "http://shop.test", http, "a seed").play(NOW, NOW + HOUR, 100) == 0


def test_a_door_that_is_closed_does_not_stop_the_shop(stocked: App, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with httpx.Client(transport=httpx.MockTransport(refuse)) as http:
        assert Storefront(stocked, "http://shop.test", http, "a seed").play(NOW, NOW + HOUR / 4, 100) > 0
    assert "@" not in caplog.text


def test_a_forged_signature_is_turned_away(stocked: App, doors: httpx.Client) -> None:
    with stocked.db.read() as session:
        found = shop_of(session)
        assert found is not None
        hook = f"http://shop.test/hooks/{found[1].public_id}"
    raw, headers = bodies.signed(
        "carts/create",
        bodies.cart("token", PIECES, NOW, NOW),
        secret="not the shop's",
        shop=SHOP_DOMAIN,
        delivery_id="d1",
        at=NOW,
    )
    assert doors.post(hook, content=raw, headers=headers).status_code == 401


def test_amounts_are_decimal_text() -> None:
    assert [bodies.money(pence) for pence in (5, 100, 123456)] == ["0.05", "1.00", "1234.56"]
    assert bodies.checkout("t", PIECES, SHOPPER, "http://x", NOW, NOW)["total_price"] == "24.99"


def test_cart_checkout_and_order_name_one_another() -> None:
    checkout = bodies.checkout("t", PIECES, SHOPPER, "http://x", NOW, NOW)
    order = bodies.order("t", PIECES, SHOPPER, NOW)
    assert checkout["cart_token"] == order["cart_token"] == bodies.cart("t", PIECES, NOW, NOW)["id"]
    assert checkout["token"] == order["checkout_token"]
