from __future__ import annotations

import orjson
import pytest

from automation.changes import CustomerChanged, CustomerDeleted, EventHappened
from automation.errors import BadSignature, Unreadable
from automation.platform import Envelope, Request
from automation.platforms.api import MOST, Api, Invalid, NoSettings, parse
from tests.conftest import NOW, Net

AT = NOW.isoformat()


@pytest.fixture
def api(net: Net) -> Api:
    return Api(NoSettings(), net.client())


def batch(body: object) -> Envelope:
    return Envelope("d1", "batch", orjson.dumps(body))


def test_it_has_no_webhooks(api: Api) -> None:
    with pytest.raises(BadSignature, match="/api/v1"):
        api.open(Request({}, b'{"changes": []}'), NOW)


def test_a_batch_becomes_changes_in_order(api: Api) -> None:
    told = api.translate(
        batch(
            {
                "changes": [
                    {"type": "event", "name": "visited", "at": AT},
                    {"type": "customer", "email": "ada@example.com"},
                    {"type": "customer_deleted", "external_id": "7"},
                ]
            }
        )
    )
    assert told == [
        EventHappened(name="visited", at=NOW),
        CustomerChanged(email="ada@example.com"),
        CustomerDeleted(external_id="7"),
    ]


@pytest.mark.parametrize("body", [[], {}, {"changes": {}}, "x", None, 7, {"changes": [{}] * (MOST + 1)}])
def test_what_is_no_batch_is_unreadable(api: Api, body: object) -> None:
    with pytest.raises(Unreadable, match="changes"):
        api.translate(batch(body))


def test_another_topic_means_nothing(api: Api) -> None:
    assert api.translate(Envelope("d1", "gossip", b"{}")) == []


def test_a_collections_first_type_may_be_left_out() -> None:
    items = [{"email": "ada@example.com"}, {"type": "customer_deleted", "external_id": "7"}]
    assert parse(items, "customers") == [CustomerChanged(email="ada@example.com"), CustomerDeleted(external_id="7")]


def test_a_type_of_another_collection_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        parse([{"type": "order_deleted", "external_id": "7"}], "customers")
    assert caught.value.faults[0].index == 0


def test_every_fault_is_told_and_the_first_stands_in_the_message() -> None:
    with pytest.raises(Invalid, match="Item 1, email") as caught:
        parse([{"email": "ada@example.com"}, {"email": 7}, {"country": "germany"}], "customers")
    assert [(f.index, f.field) for f in caught.value.faults] == [(1, "email"), (2, "country")]
