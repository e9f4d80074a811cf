"""Why a rule holds for a customer: the tree, the values seen, and the number of statements."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from automation.app import App
from automation.models import Segment
from automation.rules import language
from automation.rules.explain import explain
from automation.rules.scope import scope_of
from tests import make
from tests.conftest import NOW


def test_every_node_tells_what_it_saw(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        who = make.customer(
            session, store, "Ada", tags=["vip"], attributes={"size": 42}, birthday_month=3, birthday_day=9
        )
        for days in (10, 100):
            make.order(session, store, who, NOW - timedelta(days=days), f"o{days}")
        large = {"field": "attributes.size", "is": "at_least", "value": 43}
        segment = Segment(store_id=store.id, name="Large", rule=large, created_at=NOW, updated_at=NOW)
        session.add(segment)
        session.flush()
        store_id, customer_id, segment_id = store.id, who.id, segment.id
    rule = language.read(
        {
            "all": [
                {"event": "order.placed", "value": 2, "within": {"calendar": "this_year", "zone": "customer"}},
                {"not": {"segment": segment_id}},
                {"consent": "marketing"},
                {"field": "birthday", "is": "is_today"},
            ]
        }
    )
    statements: list[str] = []
    with app.db.read() as session:
        event.listen(app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
        why = explain(session, rule, customer_id, NOW, scope_of(session, store_id))
    orders, not_large, consent, birthday = why.parts
    assert (why.holds, orders.holds, not_large.holds, consent.holds, birthday.holds) == (
        False,
        False,
        True,
        True,
        False,
    )
    assert orders.seen == {"value": 1, "last_at": NOW - timedelta(days=10)}
    assert not_large.sentence == "they are not in the segment “Large”"
    assert not_large.parts[0].parts[0].seen == {"value": 42}
    assert consent.seen["status"] == "granted"
    assert birthday.seen == {"value": "03-09"}
    assert why.as_json()["parts"][0]["seen"]["last_at"] == "2026-02-28T12:00:00+00:00"
    # The scope, the customers' zones, the answer.
    assert len(statements) == 3


def test_a_rule_without_comparisons_can_be_explained_and_a_stranger_cannot(app: App) -> None:
    with app.db.write() as session:
        who = make.customer(session, make.store(session)).id
    with app.db.read() as session:
        assert explain(session, language.EVERYBODY, who, NOW).holds
        with pytest.raises(LookupError, match="no customer"):
            explain(session, language.EVERYBODY, who + 1, NOW)


def test_what_happened_later_was_not_known_then(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        who = make.customer(session, store)
        make.order(session, store, who, NOW - timedelta(days=2), cancelled_at=NOW)
        customer_id = who.id
    rule = language.read({"event": "order.placed"})
    with app.db.read() as session:
        for days, holds in ((3, False), (1, True), (0, False)):
            assert explain(session, rule, customer_id, NOW - timedelta(days=days)).holds == holds
