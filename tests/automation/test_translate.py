from __future__ import annotations

from pathlib import Path

import pytest

from automation.app import App
from automation.changes import MailEvent, ProductChanged
from automation.errors import NotAllowed, Unreadable
from automation.translate import translate

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
