from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from automation.app import App
from automation.changes import MailEvent, ProductChanged
from automation.errors import NotAllowed, Unreadable
from automation.translate import translate
from tests.conftest import NOW

RECORDINGS = Path(__file__).parent.parent / "recordings"


def test_a_platforms_payload_becomes_changes_without_a_connection(app: App) -> None:
    body = (RECORDINGS / "platforms/shopify/products-update.json").read_bytes()
    (product,) = translate(app, "shopify", "products/update", body)
    assert isinstance(product, ProductChanged)
    assert product.title == "Example T-Shirt"


def test_a_providers_payload_becomes_what_became_of_a_mail(app: App) -> None:
    body = b"""{"RecordType": "Delivery", "MessageID": "m", "Recipient": "ada@example.com",
        "DeliveredAt": "2026-03-10T12:00:00Z", "Metadata": {"message_id": "abc"}}"""
    (event,) = translate(app, "postmark", "Delivery", body)
    assert isinstance(event, MailEvent)
    assert event.event == "delivered"


def test_an_unknown_topic_gives_nothing_and_an_unknown_kind_is_named(app: App) -> None:
    assert translate(app, "shopify", "themes/publish", b"{}") == []
    with pytest.raises(NotAllowed, match="called shopware; there are"):
        translate(app, "shopware", "x", b"{}")


def test_what_is_missing_is_named(app: App) -> None:
    with pytest.raises(Unreadable, match="line_items is missing"):
        translate(app, "shopify", "carts/create", b'{"id": "c1"}')


def test_a_providers_topic_is_read_from_its_body(app: App) -> None:
    told = {"RecordType": "Delivery", "MessageID": "m", "Recipient": "a@example.com", "DeliveredAt": NOW.isoformat()}
    body = orjson.dumps(told)
    (event,) = translate(app, "postmark", "anything", body)
    assert isinstance(event, MailEvent)
    assert (event.event, event.provider_id) == ("delivered", "m")
    with pytest.raises(Unreadable, match="RecordType is missing"):
        translate(app, "postmark", "Delivery", b"{}")


def test_a_provider_that_numbers_its_deliveries_in_a_header_is_read_without_one(app: App) -> None:
    told = {
        "type": "email.delivered",
        "created_at": NOW.isoformat(),
        "data": {"email_id": "e1", "to": ["a@example.com"]},
    }
    (event,) = translate(app, "resend", "", orjson.dumps(told))
    assert isinstance(event, MailEvent)
    assert event.event == "delivered"
