"""Rules: the SQL reader against a reader in plain Python, on both databases; the words; the refusals."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from automation.app import App
from automation.errors import RuleBroken
from automation.models import Cart, Customer, Order, Store
from automation.rules import language
from automation.rules.english import sentence
from automation.rules.fields import FIELDS
from automation.rules.language import EVERYBODY, All, Any_, Compare, InSegment, Not, Rule
from automation.rules.sql import predicate
from tests import make
from tests.conftest import NOW

COUNTRIES = ("DE", "FR", "de", "", "100%", "ÖÄ")
TAGS = ("vip", "VIP", "it's", "a_b")
DAYS = (1, 2, 30, 90)


class World:
    """A few customers and what there is to know of them, as rows and as plain values."""

    def __init__(self, app: App, seed: int) -> None:
        self.dice = random.Random(seed)
        self.known: dict[int, dict[str, Any]] = {}
        with app.db.write() as session:
            store = make.store(session)
            for i in range(12):
                self._customer(session, store, i)

    def _ago(self) -> datetime:
        return NOW - timedelta(hours=self.dice.choice([0, 1, 23, 24, 25, 47, 48, 720, 721, 2160, 3000]))

    def _customer(self, session: Any, store: Store, i: int) -> None:
        dice = self.dice
        facts: dict[str, Any] = {
            "country": dice.choice([None, *(c for c in COUNTRIES if len(c) <= 2)]),
            "city": dice.choice([None, *COUNTRIES]),
            "locale": dice.choice([None, "en", "de-AT"]),
            "timezone": dice.choice([None, "Europe/Berlin"]),
            "last_name": dice.choice(["", "Lovelace", "O_Neil"]),
            "birthday_month": dice.choice([None, 1, 12]),
            "tags": dice.sample(TAGS, dice.randint(0, 3)),
            "engaged_at": dice.choice([None, self._ago()]),
            "created_at": self._ago(),
        }
        row = make.customer(session, store, f"C{i}", **facts)
        orders = [
            make.order(
                session,
                store,
                row,
                self._ago(),
                f"o{i}.{n}",
                total=dice.choice([0, 999, 5000]),
                refunded=dice.choice([0, 0, 999]),
                cancelled_at=dice.choice([None, None, NOW]),
            )
            for n in range(dice.choice([0, 0, 1, 3]))
        ]
        carts = [
            make.cart(
                session,
                store,
                row,
                self._ago(),
                f"k{i}.{n}",
                item_count=dice.choice([0, 1]),
                ordered_at=dice.choice([None, NOW]),
            )
            for n in range(dice.choice([0, 1, 2]))
        ]
        self.known[row.id] = {**facts, "email": row.email_key, "first_name": row.first_name, **_sums(orders, carts)}


def _sums(orders: list[Order], carts: list[Cart]) -> dict[str, Any]:
    kept = [o for o in orders if o.cancelled_at is None]
    return {
        "order_count": len(kept),
        "order_total": sum(o.total - o.refunded for o in kept),
        "last_order_at": max((o.placed_at for o in kept), default=None),
        "cart_count": sum(1 for c in carts if c.ordered_at is None and c.item_count > 0),
    }


def holds(rule: Rule, known: dict[str, Any]) -> bool:
    """The oracle: reads a rule the slow and obvious way."""
    match rule:
        case All():
            return all(holds(r, known) for r in rule.all)
        case Any_():
            return any(holds(r, known) for r in rule.any)
        case Not():
            return not holds(rule.not_, known)
        case Compare():
            return _compares(rule, known[rule.field])
        case InSegment():
            raise AssertionError("not drawn")


def _ascii_lower(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def _compares(rule: Compare, seen: Any) -> bool:
    if rule.is_ == "is_known":
        return seen is not None and seen != ""
    if rule.is_ == "is_unknown":
        return seen is None or seen == ""
    if seen is None:
        return False
    value = rule.value
    if isinstance(seen, str):
        seen = _ascii_lower(seen)
        value = [_ascii_lower(v) for v in value] if isinstance(value, list) else _ascii_lower(value)
    if FIELDS[rule.field].type == "instant":
        return _instant_compares(rule, seen)
    answers: dict[str, Callable[[], bool]] = {
        "is": lambda: seen == value,
        "is_not": lambda: seen != value,
        "in": lambda: seen in value,
        "not_in": lambda: seen not in value,
        "contains": lambda: value in seen,
        "starts_with": lambda: seen.startswith(value),
        "at_least": lambda: seen >= value,
        "at_most": lambda: seen <= value,
        "more_than": lambda: seen > value,
        "less_than": lambda: seen < value,
        "has": lambda: value in seen,
        "has_not": lambda: value not in seen,
    }
    return answers[rule.is_]()


def _instant_compares(rule: Compare, seen: datetime) -> bool:
    if rule.is_ in ("before", "after"):
        bound = datetime.fromisoformat(rule.value)
        return seen < bound if rule.is_ == "before" else seen > bound
    inside = NOW - timedelta(days=rule.value) < seen <= NOW
    return inside if rule.is_ == "in_last_days" else not inside


def _comparison(draw: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(FIELDS)))
    kind = FIELDS[name].type
    operator = draw(st.sampled_from(sorted(language.OPERATORS[kind])))
    if operator in ("is_known", "is_unknown"):
        return {"field": name, "is": operator}
    texts = st.sampled_from([*(c for c in COUNTRIES if c), "c1", "%", "_", "lovelace", "o_", "en"])
    value: Any
    if kind == "text":
        value = draw(st.lists(texts, min_size=1, max_size=3)) if operator in ("in", "not_in") else draw(texts)
    elif kind == "tags":
        value = draw(st.sampled_from(TAGS))
    elif kind == "number":
        value = draw(st.sampled_from([0, 1, 2, 3, 12, 999, 5000, 2.5]))
    elif operator.endswith("_days"):
        value = draw(st.sampled_from(DAYS))
    else:
        value = (NOW - timedelta(hours=draw(st.sampled_from([0, 24, 25, 720])))).isoformat()
    return {"field": name, "is": operator, "value": value}


rules = st.recursive(
    st.composite(_comparison)(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)


def test_the_database_and_a_plain_reader_find_the_same_customers(app: App) -> None:
    world = World(app, seed=7)

    @settings(max_examples=250, deadline=None)
    @given(rules)
    def agree(value: dict[str, Any]) -> None:
        rule = language.read(value)
        assert language.read(language.dump(rule)) == rule
        assert sentence(rule)
        with app.db.read() as session:
            found = set(session.scalars(select(Customer.id).where(predicate(rule, NOW))))
        assert found == {i for i, known in world.known.items() if holds(rule, known)}

    agree()


def test_nobody_and_everybody(app: App) -> None:
    world = World(app, seed=1)
    with app.db.read() as session:
        assert len(session.scalars(select(Customer.id).where(predicate(EVERYBODY, NOW))).all()) == len(world.known)
        assert session.scalars(select(Customer.id).where(predicate(language.read({"any": []}), NOW))).all() == []


def test_a_segment_is_read_by_its_rule_and_a_circle_is_refused(app: App) -> None:
    world = World(app, seed=2)
    inner = language.read({"field": "tags", "is": "has", "value": "vip"})
    with app.db.read() as session:
        where = predicate(language.read({"not": {"segment": 3}}), NOW, {3: inner})
        found = set(session.scalars(select(Customer.id).where(where)))
    assert found == {i for i, known in world.known.items() if "vip" not in known["tags"]}
    with pytest.raises(RuleBroken, match="circle"):
        predicate(language.read({"segment": 3}), NOW, {3: language.read({"segment": 3})})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"field": "shoe", "is": "is", "value": 1}, "there is no field 'shoe'"),
        ({"field": "country", "is": "at_least", "value": "DE"}, "cannot be compared by 'at_least'"),
        ({"field": "order_count", "is": "is", "value": "many"}, "needs a number"),
        ({"field": "country", "is": "in", "value": []}, "needs a list"),
        ({"field": "created_at", "is": "before", "value": "2026-01-01"}, "with its zone"),
        ({"all": [{"field": "country", "is": "is"}]}, "all.0: country is: needs a text"),
        ({"anything": 1}, "a node is one of"),
        ("country = 'DE'", "a node is one of"),
        ({"all": [], "any": []}, "Extra inputs"),
        ({"any": [{"field": "country", "is": "is_known"}] * 100}, "may have 100 parts"),
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
