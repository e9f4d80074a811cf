"""The main promise: a cart is left, a reminder comes; an order ends it. From the shop's webhook to the mailbox."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from automation.actions import campaigns, templates
from automation.app import App
from automation.clock import TurnableClock
from automation.models import ConsentState, Customer, Decision, Enrolment, Message
from automation.queue.beat import drain
from automation.rendering.again import again
from tests import make
from tests.conftest import NOW
from tests.pages import open_pages

SECRET = "shpss_a secret of the tests"


class Shop:
    """A Shopify shop that speaks to us, and the customer in it."""

    def __init__(self, app: App, client: FlaskClient, address: str, clock: TurnableClock) -> None:
        self.app = app
        self.client = client
        self.address = address
        self.clock = clock
        self._deliveries = 0

    def says(self, topic: str, body: dict[str, Any]) -> int:
        """Post a signed webhook; the status it was answered with."""
        raw = orjson.dumps(body)
        self._deliveries += 1
        signature = base64.b64encode(hmac.digest(SECRET.encode(), raw, hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Shop-Domain": "wren.myshopify.com",
            "X-Shopify-Webhook-Id": f"d-{self._deliveries}",
            "X-Shopify-Triggered-At": self.clock().isoformat(),
        }
        return self.client.post(self.address, data=raw, headers=headers).status_code

    def goes_by(self, span: timedelta) -> None:
        """Let time pass, the first hours one by one and then three at a time, and the belt run."""
        began, end = self.clock(), self.clock() + span
        while self.clock() < end:
            step = timedelta(hours=1 if self.clock() - began < timedelta(hours=3) else 3)
            self.clock.turn(min(step, end - self.clock()))
            drain(self.app)


def _text(at: datetime) -> str:
    return at.isoformat()


def _lines() -> list[dict[str, Any]]:
    return [
        {
            "key": "k1",
            "product_id": 632910392,
            "variant_id": 808950810,
            "title": "Blue enamel teapot",
            "quantity": 2,
            "price": "24.95",
            "sku": "POT-1",
        }
    ]


def checkout(at: datetime) -> dict[str, Any]:
    return {
        "id": 901414060,
        "token": "chk_1",
        "cart_token": "crt_1",
        "email": "ada@example.com",
        "buyer_accepts_marketing": True,
        "created_at": _text(at),
        "updated_at": _text(at),
        "currency": "EUR",
        "total_price": "49.90",
        "line_items": _lines(),
        "abandoned_checkout_url": "https://wren.example.com/recover/chk_1",
        "customer": {"id": 207119551, "email": "ada@example.com", "first_name": "Ada"},
    }


def order(at: datetime) -> dict[str, Any]:
    return {
        "id": 820982911,
        "name": "#1001",
        "email": "ada@example.com",
        "cart_token": "crt_1",
        "checkout_token": "chk_1",
        "created_at": _text(at),
        "processed_at": _text(at),
        "updated_at": _text(at),
        "currency": "EUR",
        "total_price": "49.90",
        "subtotal_price": "49.90",
        "financial_status": "paid",
        "line_items": _lines(),
        "customer": {"id": 207119551, "email": "ada@example.com", "first_name": "Ada"},
    }


@pytest.fixture
def shop(app: App, clock: TurnableClock) -> Shop:
    """A connected shop with the cart campaign live and Ada, who agreed to marketing."""
    clock.now = NOW.replace(hour=8)
    with app.db.write() as session:
        store = make.store(session)
        row = make.connection(app, session, store, "platform", "shopify", secret=SECRET)
        make.connection(app, session, store, "provider", "mailbox")
        templates.install(app, session, store, clock(), only={f"cart_reminder_{n}" for n in (1, 2, 3)})
        campaigns.publish(
            app, session, campaigns.create_from_recipe(app, session, store, "cart_abandoned", NOW), clock()
        )
        address = f"/hooks/{row.public_id}"
    client = open_pages(app).test_client()
    shop = Shop(app, client, address, clock)
    consent = {"state": "subscribed", "opt_in_level": "single_opt_in", "consent_updated_at": _text(clock())}
    customer = {
        "id": 207119551,
        "email": "ada@example.com",
        "first_name": "Ada",
        "created_at": _text(clock()),
        "updated_at": _text(clock()),
        "email_marketing_consent": consent,
    }
    assert shop.says("customers/create", customer) == 200
    drain(app)
    return shop


def sent(app: App) -> list[tuple[str, datetime]]:
    with app.db.read() as session:
        found = session.scalars(select(Message).where(Message.state == "accepted").order_by(Message.id))
        return [(m.step_id or "", m.accepted_at) for m in found if m.accepted_at]


def test_a_left_checkout_is_reminded_of_three_times(app: App, shop: Shop) -> None:
    left = shop.clock()
    assert shop.says("checkouts/create", checkout(left)) == 200
    shop.goes_by(timedelta(hours=75))
    # 08:00 UTC is 09:00 in Berlin: no mail here meets the night, so each is on time.
    assert [(step, at - left) for step, at in sent(app)] == [
        ("mail_1", timedelta(hours=1)),
        ("mail_2", timedelta(hours=24)),
        ("mail_3", timedelta(hours=72)),
    ]


def test_the_mail_shows_the_cart_and_can_be_shown_again_byte_for_byte(app: App, shop: Shop) -> None:
    shop.says("checkouts/create", checkout(shop.clock()))
    shop.goes_by(timedelta(hours=1))
    with app.db.read() as session:
        message = session.scalars(select(Message)).one()
        mail, is_same = again(app, session, message.id)
    assert is_same
    assert mail.to_email == "ada@example.com"
    assert "Blue enamel teapot" in mail.html
    assert "Blue enamel teapot" in mail.text
    assert "1 Market Street" in mail.html
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "https://mail.example.com/u/" in mail.headers["List-Unsubscribe"]


def test_an_order_within_the_hour_silences_the_reminder(app: App, shop: Shop) -> None:
    shop.says("checkouts/create", checkout(shop.clock()))
    shop.goes_by(timedelta(minutes=45))
    assert shop.says("orders/create", order(shop.clock())) == 200
    shop.goes_by(timedelta(hours=75))
    assert sent(app) == []
    with app.db.read() as session:
        enrolment = session.scalars(select(Enrolment)).one()
    assert enrolment.state == "exited"
    assert "order" in enrolment.exit_reason


def test_an_order_after_the_first_mail_withholds_the_second(app: App, shop: Shop) -> None:
    shop.says("checkouts/create", checkout(shop.clock()))
    shop.goes_by(timedelta(hours=2))
    shop.says("orders/create", order(shop.clock()))
    shop.goes_by(timedelta(hours=75))
    assert [step for step, _ in sent(app)] == ["mail_1"]


def test_unsubscribing_with_one_click_ends_the_mails_and_says_so(app: App, shop: Shop) -> None:
    shop.says("checkouts/create", checkout(shop.clock()))
    shop.goes_by(timedelta(hours=2))
    with app.db.read() as session:
        message = session.scalars(select(Message)).one()
        mail, _ = again(app, session, message.id)
    link = mail.headers["List-Unsubscribe"].split(">")[0].lstrip("<").removeprefix("https://mail.example.com")
    assert shop.client.get(link).status_code == 200
    with app.db.read() as session:
        assert session.scalars(select(ConsentState)).one().status == "granted"
    assert shop.client.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    with app.db.read() as session:
        assert session.scalars(select(ConsentState)).one().status == "withdrawn"
    shop.goes_by(timedelta(hours=75))
    assert [step for step, _ in sent(app)] == ["mail_1"]
    with app.db.read() as session:
        reasons = session.scalars(select(Decision.reason).order_by(Decision.id)).all()
    assert set(reasons[1:]) == {"no_consent"}


def test_a_forged_webhook_changes_nothing(app: App, shop: Shop) -> None:
    raw = orjson.dumps(checkout(shop.clock()))
    headers = {"X-Shopify-Topic": "checkouts/create", "X-Shopify-Hmac-Sha256": "bm90IGl0", "X-Shopify-Webhook-Id": "x"}
    assert shop.client.post(shop.address, data=raw, headers=headers).status_code == 401
    shop.goes_by(timedelta(hours=2))
    assert sent(app) == []
    with app.db.read() as session:
        assert len(session.scalars(select(Customer)).all()) == 1
