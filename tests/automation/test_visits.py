from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

from automation.app import App
from automation.changes import CartChanged, CartDeleted
from automation.models import Cart, CartItem, CartVisit
from automation.visits import KEPT, carts_as_they_were, stood
from tests.automation.intake.shop import ADA, Shop, cart, line
from tests.conftest import NOW

MINUTE = timedelta(minutes=1)
COLUMNS = ("external_id", "customer_id", "item_count", "total", "last_activity_at")
State = set[tuple[Any, ...]]


@pytest.fixture
def shop(app: App) -> Shop:
    """A connected shop."""
    return Shop(app)


def now_in(app: App) -> State:
    """The carts, as a sweep reads them."""
    with app.db.read() as session:
        return {tuple(row) for row in session.execute(select(*(getattr(Cart, name) for name in COLUMNS)))}


def then_in(app: App, at: datetime) -> State:
    """The carts as a backtest reads them, as of an instant."""
    states = carts_as_they_were().c
    with app.db.read() as session:
        found = session.execute(
            select(*(states[name] for name in COLUMNS)).where(stood(states, at), states.created_at <= at)
        )
        return {tuple(row) for row in found}


def test_a_cart_that_is_touched_again_leaves_what_it_was_behind(shop: Shop) -> None:
    shop.tell(cart("c1", 90, line(quantity=2), person=ADA))
    assert shop.rows(CartVisit) == []
    shop.tell(cart("c1", 30, line(), line("p2")), cart("c2", 30))
    visit, row = shop.one(CartVisit), shop.one(Cart, external_id="c1")
    assert (visit.item_count, visit.total, visit.began_at) == (2, 2000, None)
    assert (visit.left_at, visit.ended_at) == (NOW - 90 * MINUTE, NOW - 30 * MINUTE)
    assert (visit.customer_id, visit.cart_id) == (row.customer_id, row.id)
    assert row.visit_at == NOW - 30 * MINUTE


def test_touches_within_a_minute_and_late_news_are_no_new_visit(shop: Shop) -> None:
    shop.tell(cart("c1", 30), cart("c1", 29.5), cart("c1", 29.1))
    shop.tell(cart("c1", 50))
    assert shop.rows(CartVisit) == []


def test_visits_that_nothing_asks_for_any_more_are_let_go(shop: Shop) -> None:
    shop.tell(cart("c1", 90), cart("c1", 30))
    later = NOW + KEPT
    shop.tell(CartChanged(external_id="c2", lines=[line()], updated_at=later - 90 * MINUTE), now=later)
    assert len(shop.rows(CartVisit)) == 1
    shop.tell(CartChanged(external_id="c2", lines=[], updated_at=later), now=later)
    assert [visit.ended_at for visit in shop.rows(CartVisit)] == [later]


def test_one_visit_or_fifty_take_the_same_statements(shop: Shop) -> None:
    statements: list[str] = []
    event.listen(shop.app.db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    told = []
    for count in (1, 50):
        shop.tell_all([cart(f"{count}-{n}", 90) for n in range(count)])
        statements.clear()
        shop.tell_all([cart(f"{count}-{n}", 30) for n in range(count)])
        told.append(len(statements))
    assert told[0] == told[1]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(1, 300),  # seconds since the touch before
            st.sampled_from(["c1", "c2"]),
            st.sampled_from([0, 1, 3, "gone"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=14,
    )
)
def test_looking_back_sees_at_every_instant_what_a_sweep_saw_then(
    shop: Shop, touches: list[tuple[int, str, int | str, bool]]
) -> None:
    with shop.app.db.write() as session:
        for model in (CartVisit, CartItem, Cart):
            session.execute(delete(model))
    seen: dict[datetime, State] = {}
    last: dict[str, datetime] = {}
    at = NOW
    for seconds, token, count, is_known in touches:
        at += timedelta(seconds=seconds)
        if count == "gone":
            shop.tell(CartDeleted(external_id=token, at=at), now=at)
        else:
            lines = [line(quantity=int(count))] if count else []
            person = ADA if is_known else None
            change = CartChanged(external_id=token, lines=lines, updated_at=at, created_at=NOW, person=person)
            # What is touched again within a minute was in nobody's sweep: nothing is due so soon.
            if token in last and at - last[token] < MINUTE:
                seen = {when: carts for when, carts in seen.items() if when < last[token]}
            last[token] = at
            shop.tell(change, now=at)
        seen[at] = now_in(shop.app)
    for when, carts in seen.items():
        known = {row[0] for row in carts}
        assert {row for row in then_in(shop.app, when) if row[0] in known} == carts
