from __future__ import annotations

from dataclasses import replace

from automation.intake import count_topics, store
from automation.models import InboundWebhook, TopicCount
from automation.source import Envelope
from tests.automation.intake.shop import Shop, ago
from tests.conftest import NOW

ENVELOPE = Envelope("d1", "carts/update", b'{"token": "c1"}', ago(1))


def keep(shop: Shop, envelope: Envelope, *, is_known: bool = True) -> bool:
    with shop.app.db.write() as session:
        return store(session, shop.connection, envelope, NOW, is_known=is_known)


def test_a_delivery_is_kept_once(shop: Shop) -> None:
    assert keep(shop, ENVELOPE)
    assert not keep(shop, replace(ENVELOPE, body=b"another"))
    assert keep(shop, replace(ENVELOPE, delivery_id="d2"))
    first, _ = shop.rows(InboundWebhook)
    assert (first.state, first.body, first.triggered_at, first.received_at) == ("received", ENVELOPE.body, ago(1), NOW)


def test_the_same_delivery_id_of_another_shop_is_another_delivery(shop: Shop) -> None:
    other = Shop(shop.app)
    assert keep(shop, ENVELOPE)
    assert keep(other, ENVELOPE)


def test_an_unknown_topic_is_counted_and_not_kept(shop: Shop) -> None:
    for _ in range(3):
        assert keep(shop, replace(ENVELOPE, topic="themes/publish"), is_known=False)
    count = shop.one(TopicCount)
    assert (count.topic, count.is_known, count.count, count.last_at) == ("themes/publish", False, 3, NOW)
    assert shop.rows(InboundWebhook) == []


def test_a_topic_that_becomes_known_goes_on_counting(shop: Shop) -> None:
    keep(shop, ENVELOPE, is_known=False)
    with shop.app.db.write() as session:
        count_topics(session, [(shop.connection.id, "carts/update", 4)], NOW)
    count = shop.one(TopicCount)
    assert (count.count, count.is_known) == (5, True)
