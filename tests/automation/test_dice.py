"""Chance that stays the same: in Python as in SQL, fair, and of its own in every lot."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, literal, select

from automation.app import App
from automation.dice import choose, draw, drawn_below
from automation.models import Customer
from tests import make

N = 20_000


@given(st.text(max_size=30), st.integers(1, 2**40), st.floats(0, 1))
@settings(max_examples=50)
def test_a_draw_is_between_nothing_and_one_and_always_the_same(lot: str, customer: int, share: float) -> None:
    assert 0 <= draw(lot, customer) < 1
    assert draw(lot, customer) == draw(lot, customer)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_sql_draws_what_python_draws(app: App, share: float) -> None:
    with app.db.write() as session:
        store = make.store(session)
        ids = [make.customer(session, store, f"A{i}", consent=False).id for i in range(30)]
        found = set(session.scalars(select(Customer.id).where(drawn_below("a lot", Customer.id.expression, share))))
        assert found == {i for i in ids if draw("a lot", i) < share}
        assert session.scalar(select(func.count()).where(literal(1) == 1)) == 1


def test_arms_get_their_share_and_lots_are_independent() -> None:
    arms = [("a", 50.0), ("b", 30.0), ("c", 20.0)]
    one = Counter(choose("one", i, arms) for i in range(1, N + 1))
    for name, weight in arms:
        assert abs(one[name] / N - weight / 100) < 0.015
    both = Counter((choose("one", i, arms), choose("two", i, arms)) for i in range(1, N + 1))
    for first, weight in arms:
        for second, other in arms:
            assert abs(both[first, second] / N - weight * other / 10_000) < 0.015


def test_an_arm_without_weight_is_never_taken() -> None:
    assert {choose("x", i, [("a", 0), ("b", 1)]) for i in range(1000)} == {"b"}
    with pytest.raises(ValueError, match="weight"):
        choose("x", 1, [("a", 0)])
