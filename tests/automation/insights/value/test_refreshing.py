"""What is expected of customers, from their orders to their rows, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from automation.actions import values
from automation.app import App
from automation.concerns import concerns
from automation.insights.value import checking, fitting
from automation.insights.value.finding import SETTLED
from automation.insights.value.rfm import GROUPS
from automation.models import (
    Cursor,
    Customer,
    CustomerRhythm,
    CustomerScore,
    Order,
    Store,
    ValueModel,
)
from automation.rules import language
from automation.rules.english import sentence
from automation.segments import count
from automation.stages.summarise import summarise
from tests import make
from tests.automation.insights.value.shops import DAY, admin, fill, score_of, segment, settle
from tests.conftest import NOW


@pytest.fixture
def shop(app: App) -> Store:
    """A shop with enough buyers for a model, all looked at."""
    with app.db.write() as session:
        store = make.store(session)
        fill(session, store, 520)
    settle(app)
    return store


def _newest(app: App) -> ValueModel:
    with app.db.read() as session:
        return session.scalars(select(ValueModel).order_by(ValueModel.id.desc()).limit(1)).one()


def test_a_shop_with_enough_buyers_gets_a_model_and_every_buyer_a_group_and_a_value(app: App, shop: Store) -> None:
    fitted = _newest(app)
    assert (fitted.method, fitted.buyers, fitted.reason) == ("bg_nbd", 520, "")
    assert fitted.figures["purchasing"]
    assert fitted.figures["spending"]
    with app.db.read() as session:
        rows = session.scalars(select(CustomerScore)).all()
        assert len(rows) == 520
        for row in rows:
            assert row.rfm_group in GROUPS
            assert row.expected_orders is not None
            assert row.expected_orders >= 0
            assert row.alive is not None
            assert 0 < row.alive <= 1
            assert row.due_at is not None
            assert NOW < row.due_at <= NOW + 7 * DAY
            assert row.model_id == fitted.id
        # Quantiles of the shop: about a fifth of its buyers each.
        fifths = session.execute(select(CustomerScore.recency, func.count()).group_by(CustomerScore.recency)).all()
        assert all(90 <= n <= 120 for _, n in fifths)
        for rule, expected in (
            ({"field": "rfm_group", "is": "is", "value": "champions"}, [r.rfm_group == "champions" for r in rows]),
            ({"field": "alive", "is": "less_than", "value": 0.5}, [(r.alive or 0) < 0.5 for r in rows]),
            (
                {"field": "lifetime_value", "is": "at_least", "value": 5000},
                [(r.lifetime_value or 0) >= 5000 for r in rows],
            ),
            (
                {"field": "next_order_at", "is": "in_next_days", "value": 30},
                [bool(r.next_order_at and r.next_order_at <= NOW + 30 * DAY) for r in rows],
            ),
        ):
            assert count(session, shop.id, language.read(rule), NOW) == sum(expected) > 0
            assert sentence(language.read(rule))
    _the_check_finds_what_was_changed_behind_its_back(app, shop)


def _the_check_finds_what_was_changed_behind_its_back(app: App, shop: Store) -> None:
    tonight = NOW + DAY
    while checking.check(app, tonight):
        pass
    with app.db.read() as session:
        assert session.get_one(Cursor, checking.NIGHTLY.differences).position == 0
    with app.db.write() as session:
        session.execute(update(CustomerScore).where(CustomerScore.customer_id == 5).values(alive=0.123))
        session.execute(update(CustomerRhythm).where(CustomerRhythm.customer_id == 6).values(spent=1))
    later = NOW + 2 * DAY
    with app.db.write() as session:
        # Neither is due of itself on that night.
        session.execute(update(CustomerScore).values(due_at=later + DAY))
    while checking.check(app, later):
        pass
    with app.db.read() as session:
        assert checking.NIGHTLY.found(session, later) == 2
        assert [c.key for c in concerns(session, shop, later)].count("values") == 1
        assert checking.NIGHTLY.found(session, later + 2 * DAY) == 0
    settle(app, later)
    assert score_of(app, 5).alive != 0.123
    with app.db.read() as session:
        assert session.get_one(CustomerRhythm, 6).spent > 1


def test_few_buyers_are_measured_by_cohorts_and_the_reason_is_said(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        fill(session, store, 40)
    settle(app)
    fitted = _newest(app)
    assert (fitted.method, fitted.reason) == ("cohorts", "A model needs 500 buyers; there are 40.")
    row = score_of(app, 1)
    assert row.lifetime_value is not None
    assert row.alive is not None
    assert row.alive < 1
    # Looked at again a day later, not before.
    assert fitting.refit(app, NOW + timedelta(hours=23)) == 0
    assert fitting.refit(app, NOW + DAY) == 1


def test_a_new_order_is_all_that_costs_anything(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        fill(session, store, 60)
    settle(app)
    later = NOW + timedelta(hours=1)
    with app.db.write() as session:
        session.execute(update(CustomerScore).values(due_at=NOW + 5 * DAY))
        ada = session.get_one(Customer, 7)
        make.order(session, store, ada, later - timedelta(minutes=1), "new", total=99_900)
    before, other = score_of(app, 7), score_of(app, 8)
    settle(app, later)
    after = score_of(app, 7)
    assert after.scored_at == later
    assert (after.recency, after.monetary) == (5, 5)
    assert after.lead_score >= before.lead_score + 19
    assert score_of(app, 8).scored_at == other.scored_at


def test_a_group_falls_on_the_day_that_its_threshold_passes(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        make.order(session, store, ada, NOW - 29 * DAY, total=5000)
        cuts = {"recency": [30, 60, 90, 120]}
        values.choose_thresholds(session, store.id, cuts, NOW, admin(session))
    settle(app)
    row = score_of(app, ada.id)
    assert (row.recency, row.rfm_group) == (5, "new")
    assert row.due_at == NOW + DAY + timedelta(seconds=1)
    settle(app, NOW + DAY + timedelta(seconds=1))
    row = score_of(app, ada.id)
    assert (row.recency, row.rfm_group) == (4, "promising")


def test_what_happens_scores_within_a_minute_and_cools_down(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada, bob = make.customer(session, store), make.customer(session, store, "Bob")
    settle(app)
    assert score_of(app, ada.id).due_at is None
    with app.db.write() as session:
        for n in range(3):
            make.event(session, store, ada, "product.viewed", NOW - n * timedelta(minutes=1))
        make.cart(session, store, ada, NOW)
    soon = NOW + SETTLED + timedelta(seconds=1)
    settle(app, soon)
    # Three visits and a cart, all fresh.
    assert score_of(app, ada.id).lead_score == 13
    assert (score_of(app, bob.id).lead_score, score_of(app, bob.id).due_at) == (0, None)
    settle(app, NOW + 14 * DAY)
    settle(app, NOW + 15 * DAY)
    assert score_of(app, ada.id).lead_score in (6, 7)


def test_lines_of_segments_and_losses_count_too(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store, country="DE")
        bob = make.customer(session, store, "Bob", country="FR")
        from_here = segment(session, store, {"field": "country", "is": "is", "value": "DE"})
        lines: list[dict[str, Any]] = [
            {"segment": from_here.id, "points": 15},
            {"event": "support.contacted", "points": -5, "half_life_days": 10, "most": 5},
        ]
        values.choose_lines(session, store.id, lines, NOW, admin(session))
        for n in range(4):
            make.event(session, store, ada, "support.contacted", NOW - n * DAY)
            make.event(session, store, bob, "support.contacted", NOW - n * DAY)
    settle(app)
    assert score_of(app, ada.id).lead_score == 10
    assert score_of(app, bob.id).lead_score == 0


def test_statements_do_not_grow_with_the_customers(app: App) -> None:
    with app.db.write() as session:
        fill(session, make.store(session), 60)
    settle(app)
    seen: list[int] = []
    for whom in ([1], list(range(1, 61))):
        with app.db.write() as session:
            session.execute(update(CustomerScore).values(due_at=NOW + 9 * DAY))
            session.execute(update(CustomerScore).where(CustomerScore.customer_id.in_(whom)).values(due_at=NOW))
        statements: list[str] = []

        def note(*told: Any, into: list[str] = statements) -> None:
            into.append(told[2])

        event.listen(app.db.engine, "before_cursor_execute", note)
        summarise(app, NOW, 100)
        event.remove(app.db.engine, "before_cursor_execute", note)
        seen.append(len(statements))
    assert seen[0] == seen[1]


def test_who_never_bought_is_in_no_group(app: App) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ada = make.customer(session, store)
        make.order(session, store, ada, NOW, total=500, refunded=500)
    settle(app)
    row = score_of(app, ada.id)
    assert (row.rfm_group, row.lifetime_value, row.alive, row.next_order_at) == (None, None, None, None)
    with app.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Order)) == 1
