from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from automation import faults
from automation.app import App
from automation.changes import Change
from automation.intake import Receipt, record, store
from automation.models import Cart, Connection, Customer, InboundWebhook, Order, TopicCount
from automation.source import Envelope
from automation.stages import listen as stage
from automation.stages.listen import listen
from tests.automation.intake.shop import Shop, ago
from tests.conftest import NOW


@pytest.fixture
def shop(app: App) -> Shop:
    """A connected shop."""
    return Shop(app)


def arrive(shop: Shop, topic: str, body: Any) -> None:
    """A webhook came in and was kept."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    with shop.app.db.write() as session:
        store(session, shop.connection, Envelope(f"{topic}:{hash(raw)}", topic, raw, ago(1)), NOW, is_known=True)


def cart(token: str, price: str = "10.00") -> dict[str, Any]:
    lines = [{"product_id": 1, "title": "Tea", "quantity": 2, "price": price}]
    return {"token": token, "updated_at": ago(30).isoformat(), "line_items": lines}


def test_a_shoppers_story_becomes_a_customer_a_cart_and_an_order(shop: Shop) -> None:
    checkout = {**cart("k1"), "id": 5, "cart_token": "c1", "email": "ada@example.com"}
    paid = {"id": 9, "cart_token": "c1", "total_price": "20.00", "created_at": ago(5).isoformat()}
    arrive(shop, "orders/create", paid)
    arrive(shop, "checkouts/create", checkout)
    arrive(shop, "carts/create", cart("c1"))
    assert listen(shop.app, NOW, 100) == 3
    row = shop.one(Cart)
    assert (row.total, row.ordered_at, row.customer_id) == (2000, ago(5), shop.one(Customer).id)
    assert shop.one(Order).total == 2000
    assert {w.state for w in shop.rows(InboundWebhook)} == {"processed"}
    assert {(c.topic, c.count) for c in shop.rows(TopicCount)} == {
        ("orders/create", 1),
        ("checkouts/create", 1),
        ("carts/create", 1),
    }
    assert shop.one(Connection).last_heard_at == NOW
    assert listen(shop.app, NOW, 100) == 0


def test_no_more_than_the_limit_is_taken_and_the_oldest_first(shop: Shop) -> None:
    for token in ("c1", "c2", "c3"):
        arrive(shop, "carts/create", cart(token))
    assert listen(shop.app, NOW, 2) == 2
    assert [row.external_id for row in shop.rows(Cart)] == ["c1", "c2"]


def test_one_that_cannot_be_read_fails_alone_and_says_why(shop: Shop) -> None:
    arrive(shop, "carts/create", cart("c1", "a lot"))
    arrive(shop, "carts/create", cart("c2"))
    assert listen(shop.app, NOW, 100) == 2
    bad, good = shop.rows(InboundWebhook)
    assert (bad.state, good.state) == ("failed", "processed")
    assert bad.error == "line_items[0].price: 'a lot' is not an amount."
    assert shop.one(Cart).external_id == "c2"


def test_one_that_cannot_be_recorded_is_tried_three_times_and_holds_up_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choosy(session: Session, connection: Connection, changes: Sequence[Change], now: datetime) -> Receipt:
        found = record(session, connection, changes, now)
        if any(getattr(change, "external_id", "") == "c1" for change in changes):
            raise RuntimeError("c1 cannot be kept")
        return found

    monkeypatch.setattr(stage, "record", choosy)
    arrive(shop, "carts/create", cart("c1"))
    arrive(shop, "carts/create", cart("c2"))
    states = []
    for _ in range(3):
        listen(shop.app, NOW, 100)
        states.append(shop.rows(InboundWebhook)[0].state)
    bad, good = shop.rows(InboundWebhook)
    assert states == ["received", "received", "failed"]
    assert (bad.attempts, bad.error, good.state) == (3, "RuntimeError: c1 cannot be kept", "processed")
    assert [row.external_id for row in shop.rows(Cart)] == ["c2"]
    assert shop.one(TopicCount).count == 2


def test_a_crash_before_the_commit_loses_nothing(shop: Shop) -> None:
    def die(point: str) -> None:
        if point == "listen.recorded":
            raise KeyboardInterrupt

    arrive(shop, "carts/create", cart("c1"))
    faults.arm(die)
    try:
        with pytest.raises(KeyboardInterrupt):
            listen(shop.app, NOW, 100)
    finally:
        faults.arm(None)
    assert (shop.rows(Cart), shop.one(InboundWebhook).state) == ([], "received")
    assert listen(shop.app, NOW, 100) == 1
    assert shop.one(Cart).external_id == "c1"


def test_what_somebody_else_is_dealing_with_is_left_alone(shop: Shop) -> None:
    if shop.app.db.is_sqlite:
        pytest.skip("SQLite has one writer")
    arrive(shop, "carts/create", cart("c1"))
    arrive(shop, "carts/create", cart("c2"))
    with shop.app.db.write() as session:
        session.query(InboundWebhook).filter_by(id=1).with_for_update().one()
        assert listen(shop.app, NOW, 100) == 1
    assert [w.state for w in shop.rows(InboundWebhook)] == ["received", "processed"]


def test_more_webhooks_do_not_mean_more_statements(shop: Shop) -> None:
    counts: list[int] = []
    statements: list[str] = []
    event.listen(shop.app.db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    for size in (3, 60):
        for number in range(size):
            body = {**cart(f"k{size}-{number}"), "id": 1000 * size + number, "email": f"a{size}x{number}@example.com"}
            arrive(shop, "checkouts/create", body)
        statements.clear()
        assert listen(shop.app, NOW, 100) == size
        counts.append(len(statements))
    assert counts[0] == counts[1]
