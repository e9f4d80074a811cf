"""Rules at their borders: the refusals, the words, segments within segments, and fields that others add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from automation.app import App
from automation.errors import RuleBroken, SetupError
from automation.models import ConsentState, Customer
from automation.rules import fields, language
from automation.rules.english import sentence
from automation.rules.fields import FIELDS, Beside, Field
from automation.rules.language import EVERYBODY
from automation.rules.scope import Scope
from automation.rules.sql import MAX_EXPANDED, predicate
from tests import make
from tests.conftest import NOW

VIP = {"field": "tags", "is": "has", "value": "vip"}


def test_nobody_and_everybody(app: App) -> None:
    with app.db.write() as session:
        who = make.customer(session, make.store(session)).id
    with app.db.read() as session:
        assert session.scalars(select(Customer.id).where(predicate(EVERYBODY, NOW))).all() == [who]
        assert session.scalars(select(Customer.id).where(predicate(language.read({"any": []}), NOW))).all() == []


def test_a_segment_is_read_by_its_rule_and_a_circle_is_refused(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        make.customer(session, store, "Ada", tags=["vip"])
        bob = make.customer(session, store, "Bob").id
    with app.db.read() as session:
        where = predicate(language.read({"not": {"segment": 3}}), NOW, {3: language.read(VIP)})
        assert session.scalars(select(Customer.id).where(where)).all() == [bob]
    with pytest.raises(RuleBroken, match="circle"):
        predicate(language.read({"segment": 3}), NOW, {3: language.read({"segment": 3})})
    with pytest.raises(RuleBroken, match="no segment 4"):
        predicate(language.read({"segment": 4}), NOW, {})


def test_segments_that_multiply_are_refused_before_they_reach_a_database() -> None:
    many = {"any": [{"segment": 2}] * 20}
    segments = {1: language.read(many), 2: language.read({"any": [VIP] * 21})}
    with pytest.raises(RuleBroken, match="too large"):
        predicate(segments[1], NOW, segments)
    assert MAX_EXPANDED < 20 * 21


def test_the_largest_rule_runs_on_both_databases(app: App) -> None:
    texts = [f"text {i}" for i in range(50)]
    node = {"event": "review.left", "where": [{"property": "stars", "is": "in", "value": texts}]}
    rule = language.read({"any": [{"all": [node] * 48}, {"not": {"any": [node] * 48}}]})
    with app.db.read() as session:
        for each in (False, True):
            assert session.scalars(select(Customer.id).where(predicate(rule, NOW, each=each))).all() == []


def test_a_calendar_needs_to_know_whose() -> None:
    rule = language.read({"event": "visit", "within": {"calendar": "today"}})
    with pytest.raises(RuleBroken, match="needs the store's time zone"):
        predicate(rule, NOW, {})
    assert predicate(rule, NOW, Scope(1, "Europe/Berlin")) is not None


@pytest.fixture
def agreed_at() -> Iterator[Field]:
    table = ConsentState.__table__.c
    field = Field("agreed_at", "instant", "their answer", beside=Beside(table.customer_id, table.at))
    fields.register(field)
    yield field
    del FIELDS[field.name]


def test_a_field_of_another_table_is_one_entry(app: App, agreed_at: Field) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, "Ada").id
        bob = make.customer(session, store, "Bob", consent=False).id
    with app.db.read() as session:
        for operator, value, found in (
            ("is_known", None, [ada]),
            ("is_unknown", None, [bob]),
            ("over_days_ago", 99, [ada]),
            ("in_last_days", 99, []),
        ):
            rule = language.read({"field": "agreed_at", "is": operator, "value": value})
            assert session.scalars(select(Customer.id).where(predicate(rule, NOW))).all() == found
    with pytest.raises(SetupError, match="already"):
        fields.register(agreed_at)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"field": "shoe", "is": "is", "value": 1}, "there is no field 'shoe'"),
        ({"field": "attributes.", "is": "is", "value": 1}, "there is no field 'attributes.'"),
        ({"field": 'attributes.a"b', "is": "is", "value": 1}, "there is no field"),
        ({"field": "attributes.a.b.c.d.e.f", "is": "is", "value": 1}, "there is no field"),
        ({"field": "country", "is": "at_least", "value": "DE"}, "cannot be compared by 'at_least'"),
        ({"field": "country", "is": "is", "value": "D\x00"}, "no database can keep"),
        ({"field": "order_count", "is": "is", "value": "many"}, "needs a number"),
        ({"field": "order_count", "is": "is", "value": True}, "needs a number"),
        ({"field": "order_count", "is": "is", "value": float("nan")}, "needs a number"),
        ({"field": "order_count", "is": "is", "value": 10**30}, "needs a number"),
        ({"field": "country", "is": "in", "value": []}, "needs a list"),
        ({"field": "country", "is": "in", "value": ["x"] * 501}, "needs a list of 1 to 500"),
        ({"field": "created_at", "is": "before", "value": "2026-01-01"}, "with its zone"),
        ({"field": "created_at", "is": "before", "value": "0001-01-01T00:00:00+14:00"}, "with its zone"),
        ({"field": "created_at", "is": "in_last_days", "value": 1e9}, "needs a number of days"),
        ({"field": "created_at", "is": "within", "value": {"calendar": "someday"}}, "was: Input should be"),
        ({"field": "country", "is": "is", "value": "DE", "zone": "store"}, "takes no zone"),
        ({"field": "birthday", "is": "in_next_days", "value": 366}, "1 to 365"),
        ({"all": [{"field": "country", "is": "is"}]}, "all.0: country is: needs a text"),
        ({"event": "mail.openned"}, "there is no event 'mail.openned'; there are order.placed"),
        ({"event": "DROP TABLE"}, "is no event's name"),
        ({"event": "order.placed", "do": "sum", "is": "is", "value": 1}, "sum needs a property"),
        ({"event": "order.placed", "do": "sum", "property": "code", "is": "is", "value": 1}, "code is no number"),
        ({"event": "order.placed", "property": "total"}, "count takes no property"),
        ({"event": "order.placed", "do": "first", "is": "is", "value": 1}, "first cannot be compared by 'is'"),
        ({"event": "order.placed", "within": {"last_days": 0}}, "within.last_days: Input should be greater than 0"),
        ({"event": "order.placed", "within": {"last_days": 40000}}, "within.last_days"),
        ({"event": "order.placed", "within": {"between": ["2026-02-01", "2026-01-01"]}}, "first is later"),
        ({"event": "order.placed", "within": {"between": ["2026-02-01"]}}, "within.between"),
        ({"event": "order.placed", "within": {"days": 3}}, "a window is one of"),
        (
            {"any": [{"event": "order.placed", "where": [{"property": "colour", "is": "is", "value": "x"}]}]},
            "any.0: where.0: order.placed has no property 'colour'; it has total",
        ),
        ({"event": "a", "where": [{"property": "x", "is": "is", "value": 1}] * 11}, "where: List should have at most"),
        ({"bought": {"colour": ["red"]}}, "bought.colour"),
        ({"bought": {}}, "bought: Dictionary should have at least 1"),
        ({"consent": "marketing", "is": "maybe"}, "is: Input should be 'granted'"),
        ({"suppressed": "yes"}, "suppressed"),
        ({"segment": "1; DROP TABLE"}, "segment: Input should be a valid integer"),
        ({"anything": 1}, "a node is one of"),
        ("country = 'DE'", "a node is one of"),
        ({"all": [], "any": []}, "Extra inputs"),
        ({"any": [{"field": "country", "is": "is_known"}] * 100}, "may have 100 parts"),
        ({"any": [{"bought": {"tag": ["x"] * 400}}] * 13}, "compare with 5000 values"),
    ],
)
def test_a_broken_rule_is_refused_and_says_where(value: Any, complaint: str) -> None:
    with pytest.raises(RuleBroken, match=complaint):
        language.read(value)


@pytest.mark.parametrize("depth", [9, 30, 5000])
def test_a_rule_nested_too_deeply_is_refused_at_once(depth: int) -> None:
    value: dict[str, Any] = {"field": "country", "is": "is_known"}
    for _ in range(depth - 1):
        value = {"not": value}
    with pytest.raises(RuleBroken, match="nested 8 deep"):
        language.read(value)


def test_a_rule_reads_as_a_sentence() -> None:
    rule = language.read(
        {
            "all": [
                {"field": "country", "is": "in", "value": ["DE", "AT"]},
                {"any": [{"field": "order_count", "is": "at_least", "value": 2}, {"segment": 4}]},
                {"not": {"field": "last_order_at", "is": "in_last_days", "value": 30}},
            ]
        }
    )
    assert sentence(rule, {4: "Friends"}) == (
        "their country is one of DE, AT and (the number of their orders is at least 2 or they are in the segment "
        "“Friends”) and not (their last order was in the last 30 days)"
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"event": "order.placed", "value": 2, "within": {"last_days": 90}},
            "they placed at least 2 orders in the last 90 days",
        ),
        ({"not": {"event": "mail.opened", "within": {"last_days": 30}}}, "they opened no mail in the last 30 days"),
        ({"event": "review.left", "is": "is", "value": 0}, "they had no “review.left”"),
        (
            {"event": "order.placed", "where": [{"property": "total", "is": "more_than", "value": 5000}]},
            "they placed an order whose total is more than 50.00 EUR",
        ),
        (
            {
                "event": "order.placed",
                "do": "sum",
                "property": "net",
                "is": "at_least",
                "value": 10000,
                "within": {"calendar": "this_year"},
            },
            "the sum of the total after refunds over all orders that they placed this year is at least 100.00 EUR",
        ),
        (
            {"event": "mail.clicked", "where": [{"property": "campaign", "is": "is", "value": "c1"}]},
            "they clicked in a mail whose campaign is “Spring”",
        ),
        (
            {"event": "order.placed", "do": "last", "is": "over_days_ago", "value": 60},
            "the last order that they placed was more than 60 days ago",
        ),
        ({"not": {"bought": {"category": ["Tea"]}}}, "they did not buy something of the category “Tea”"),
        ({"field": "birthday", "is": "in_next_days", "value": 7}, "their birthday is today or in the next 7 days"),
        (
            {"consent": "marketing", "within": {"calendar": "last_month", "zone": "customer"}},
            "they agreed to “marketing” last month (by their own calendar)",
        ),
        ({"suppressed": ["complaint"]}, "their address must not be mailed, because of a complaint"),
    ],
)
def test_each_kind_of_node_has_words(value: Any, words: str) -> None:
    assert sentence(language.read(value), campaigns={"c1": "Spring"}, currency="EUR") == words
