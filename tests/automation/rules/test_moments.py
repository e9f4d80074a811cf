"""A rule as of many moments at once says what it says as of each of them."""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select

from automation.app import App
from automation.models import Customer
from automation.rules import language
from automation.rules.moments import Moment, Moments
from automation.rules.scope import scope_of
from automation.rules.sql import predicate
from tests import make
from tests.conftest import NOW

RULES = [
    {"event": "order.placed", "within": {"last_days": 7}},
    {"event": "order.placed", "is": "at_least", "value": 2},
    {"event": "order.placed", "within": {"calendar": "this_month", "zone": "customer"}},
    {"event": "product.viewed", "do": "last", "is": "within", "value": {"calendar": "yesterday", "zone": "customer"}},
    {"field": "last_order_at", "is": "over_days_ago", "value": 5},
    {"field": "last_order_at", "is": "not_in_last_days", "value": 6},
    {"field": "order_total", "is": "more_than", "value": 3000},
    {"field": "created_at", "is": "in_last_days", "value": 90},
    {"field": "birthday", "is": "in_next_days", "value": 9},
    {"field": "birthday", "is": "is_today", "zone": "store"},
    {"consent": "marketing", "is": "granted", "within": {"last_days": 105}},
    {"suppressed": False},
    {"any": [{"field": "cart_count", "is": "at_least", "value": 1}, {"not": {"bought": {"category": ["Tea"]}}}]},
]
ROUNDS = int(os.environ.get("CARTWHEEL_TEST_MOMENTS", "1"))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_many_moments_at_once_are_each_of_them_by_itself(app: App, seed: int) -> None:
    dice = Random(seed)
    with app.db.write() as session:
        store = make.store(session)
        tea = make.product(session, store, category="Tea")
        people = []
        for n in range(8):
            zone = dice.choice((None, "America/New_York", "Pacific/Kiritimati"))
            who = make.customer(session, store, f"C{n}", timezone=zone, birthday_month=3, birthday_day=5 + n)
            people.append((who.id, zone))
            for k in range(dice.randint(0, 4)):
                at = NOW - timedelta(hours=dice.randint(0, 700))
                make.order(session, store, who, at, f"{n}-{k}", products=(tea,) if k % 2 else ())
                make.event(session, store, who, "product.viewed", at)
                make.cart(session, store, who, at + timedelta(hours=3), f"{n}-{k}")
        store_id = store.id
    rows = [
        Moment(who, NOW - timedelta(minutes=dice.randint(0, 40_000)), zone) for who, zone in people for _ in range(5)
    ]
    with app.db.read() as session:
        scope = scope_of(session, store_id)
        for rule in map(language.read, RULES):
            moments = Moments(rows, "Europe/Berlin")
            holds = predicate(rule, moments, scope)
            source = Customer.__table__.join(moments.table(), Customer.id == Moments.customer_id)
            at_once = set(session.scalars(select(Moments.number).select_from(source).where(holds)))
            singly = {
                number
                for number, row in enumerate(rows)
                if session.scalar(
                    select(Customer.id).where(Customer.id == row.customer_id, predicate(rule, row.at, scope, each=True))
                )
            }
            assert at_once == singly, rule
