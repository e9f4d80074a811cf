from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import NotAllowed
from automation.insights.value.rfm import (
    GRID,
    GROUPS,
    NAMES,
    Thresholds,
    checked,
    falls_at,
    quantiles,
    score,
    thresholds_of,
)
from tests.conftest import NOW

DAY = timedelta(days=1)
CUTS = Thresholds(recency=(30, 90, 180, 365), frequency=(1, 2, 3, 5), monetary=(1000, 2000, 3000, 4000))
numbers = st.lists(st.integers(0, 3000), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("days", "orders", "spent", "expected", "group"),
    [
        (3, 8, 9000, (5, 5, 5), "champions"),
        (30, 1, 1000, (5, 1, 1), "new"),
        (30.1, 1, 1001, (4, 1, 2), "promising"),
        (100, 2, 2500, (3, 2, 3), "needs_attention"),
        (366, 1, 500, (1, 1, 1), "lost"),
        (400, 6, 500, (1, 5, 1), "cannot_lose"),
    ],
)
def test_thresholds_give_scores_and_scores_a_group(
    days: float, orders: int, spent: int, expected: tuple[int, int, int], group: str
) -> None:
    found = score(CUTS, NOW - days * DAY, orders, spent, NOW)
    assert (found.recency, found.frequency, found.monetary) == expected
    assert found.group == group


def test_every_field_of_the_map_has_a_group_and_every_group_a_field() -> None:
    assert [len(row) for row in GRID] == [5] * 5
    assert {group for row in GRID for group in row} == set(GROUPS)


@given(numbers)
def test_a_fifth_of_the_buyers_is_in_each_score_where_they_differ(values: list[int]) -> None:
    cuts = quantiles(values, (0.2, 0.4, 0.6, 0.8))
    assert all(a < b for a, b in itertools.pairwise(cuts))
    if len(set(values)) == len(values) and min(values) > 0:
        below = [sum(v < cut for v in values) for cut in cuts]
        assert all(abs(n - share * len(values)) <= 1 for n, share in zip(below, (0.2, 0.4, 0.6, 0.8), strict=True))


@given(numbers, st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_the_store_s_own_thresholds_are_ones_that_it_might_have_typed(days: list[int], orders: list[int]) -> None:
    found = thresholds_of(days, orders, days)
    for name in NAMES:
        assert checked(name, getattr(found, name)) == list(getattr(found, name))
    assert found.frequency[0] == 1


@given(st.floats(0, 500))
def test_recency_falls_when_it_is_said_to_and_not_before(days: float) -> None:
    at = NOW - days * DAY
    falls = falls_at(CUTS, at, NOW)
    before = score(CUTS, at, 1, 1, NOW).recency
    if falls is None:
        assert before == 1
    else:
        assert falls > NOW
        assert score(CUTS, at, 1, 1, falls).recency == before - 1
        assert score(CUTS, at, 1, 1, falls - timedelta(seconds=2)).recency in (before, before - 1)


@pytest.mark.parametrize("cuts", [[1, 2, 3], [0, 1, 2, 3], [1, 2, 2, 3], [4, 3, 2, 1]])
def test_thresholds_that_do_not_rise_are_refused(cuts: list[int]) -> None:
    with pytest.raises(NotAllowed, match="four numbers"):
        checked("recency", cuts)


def test_a_store_may_set_some_of_them() -> None:
    found = CUTS.with_own({"recency": [1, 2, 3, 4]})
    assert (found.recency, found.frequency) == ((1, 2, 3, 4), CUTS.frequency)
