from __future__ import annotations

from datetime import timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.rhythms import STEPS, gaps, rhythm_of
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], []),
        ([3], []),
        ([0, 7, 21], [7, 14]),
        ([0, 0.5, 0.9, 7], [7]),
        ([0, 0.9, 1.8], [1.8]),
    ],
)
def test_what_follows_within_a_day_belongs_to_the_one_before(days: list[float], expected: list[float]) -> None:
    assert gaps([NOW + d * DAY for d in days]) == expected


@pytest.mark.parametrize(
    ("found", "days"),
    [
        ([], None),
        ([30], 30),
        ([10, 20], 15),
        ([1.2], 1),
        ([30.5], 31),
        ([66], 63),
        ([66.5], 70),
        ([360], 357),
        ([728], 728),
        ([729], None),
    ],
)
def test_a_rhythm_is_the_median_as_the_nearest_step(found: list[float], days: int | None) -> None:
    assert rhythm_of(found) == days


@given(st.lists(st.floats(1, 728), min_size=1, max_size=10))
def test_no_step_is_nearer_to_the_median(found: list[float]) -> None:
    days = rhythm_of(found)
    assert days is not None
    assert abs(days - median(found)) == min(abs(step - median(found)) for step in STEPS)
