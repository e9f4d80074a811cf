"""Shopify's own bytes through the real door, to the rows that they become."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

from sqlalchemy import func, select

from automation.app import App
from automation.models import Cart, Customer, InboundWebhook, TopicCount
from automation.stages.listen import listen
from tests import make
from tests.conftest import NOW
from tests.pages import open_pages

BODY = (Path(__file__).parents[1] / "recordings/platforms/shopify/checkouts-create.json").read_bytes()


def _headers(secret: str, topic: str = "checkouts/create", body: bytes = BODY) -> dict[str, str]:
    digest = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    return {"X-Shopify-Hmac-Sha256": digest, "X-Shopify-Topic": topic, "X-Shopify-Webhook-Id": "d1"}


def test_a_signed_checkout_becomes_a_cart_once_and_a_forged_one_leaves_nothing(app: App) -> None:
    with app.db.write() as session:
        shop = make.connection(app, session, make.store(session), "platform", "shopify", secret="shh")
    flask = open_pages(app)
    door, path = flask.test_client(), f"/hooks/{shop.public_id}"
    try:
        assert door.post(path, data=BODY, headers=_headers("forged")).status_code == 401
        broken = door.post(path, data=b'{"id": ', headers=_headers("shh", body=b'{"id": '))
        assert (broken.status_code, "line 1" in broken.get_data(as_text=True)) == (400, True)
        with app.db.read() as session:
            assert session.scalar(select(func.count()).select_from(InboundWebhook)) == 0
        assert door.post(path, data=BODY, headers=_headers("shh", "themes/publish")).status_code == 200
        for _ in range(2):
            assert door.post(path, data=BODY, headers=_headers("shh")).status_code == 200
    finally:
        flask.extensions["cartwheel.writer"].close()
        flask.extensions["cartwheel.reception"].close()
    assert listen(app, NOW, 100) == 1
    with app.db.read() as session:
        cart, customer = session.scalars(select(Cart)).one(), session.scalars(select(Customer)).one()
        assert (cart.total, cart.item_count, cart.customer_id) == (39800, 2, customer.id)
        assert customer.email_key == "john@example.com"
        counts = session.execute(select(TopicCount.topic, TopicCount.is_known, TopicCount.count)).all()
        assert sorted(map(tuple, counts)) == [("checkouts/create", True, 1), ("themes/publish", False, 1)]
