from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.insights.value.simplex import minimise


@settings(max_examples=40)
@given(st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(0.2, 5)] * 3))
def test_the_lowest_point_of_a_bowl_is_found(at: tuple[float, ...], steep: tuple[float, ...]) -> None:
    found = minimise(lambda p: 1 + sum(s * (v - a) ** 2 for v, a, s in zip(p, at, steep, strict=True)), (0.0, 0.0, 0.0))
    assert found == pytest.approx(at, abs=0.01)


def test_a_bent_valley_is_followed_to_its_end() -> None:
    found = minimise(lambda p: 1 + (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, (-1.2, 1.0), within=1e-12)
    assert found == pytest.approx((1.0, 1.0), abs=0.001)


def test_where_there_is_no_lowest_point_none_is_made_up() -> None:
    assert minimise(lambda p: -p[0], (0.0,), most=200) is None


def test_walls_are_kept_away_from() -> None:
    found = minimise(lambda p: math.inf if p[0] < 1 else p[0], (2.0,))
    assert found == pytest.approx((1.0,), abs=0.01)
