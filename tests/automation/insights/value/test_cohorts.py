from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.insights.value.cohorts import USUAL_GAP, cohorts_of

purchases = st.lists(st.integers(1, 20), max_size=60)
gaps = st.lists(st.floats(1, 400), max_size=30)


def test_the_share_that_bought_again_is_counted_with_one_success_and_one_failure_more() -> None:
    found = cohorts_of([1] * 6 + [2] * 3 + [4], [10, 40, 30])
    assert found.reached == (10, 4, 1, 1, 0, 0, 0)
    assert found.share(1) == 5 / 12
    assert found.share(2) == 2 / 6
    assert found.gap == 30


def test_without_anybody_the_usual_stands() -> None:
    found = cohorts_of([], [])
    assert (found.share(1), found.gap) == (0.5, USUAL_GAP)


def test_silence_is_weighed_by_the_usual_gap() -> None:
    found = cohorts_of([1, 2], [30])
    share = found.share(1)
    assert found.alive(1, 0) == pytest.approx(share)
    assert found.alive(1, 30) == pytest.approx(share / 2.718281828 / (share / 2.718281828 + 1 - share))


@given(purchases, gaps, st.integers(1, 30), st.floats(0, 5_000), st.floats(1, 800))
def test_what_is_expected_shrinks_with_silence_and_grows_with_the_time_ahead(
    bought: list[int], between: list[float], n: int, silent: float, ahead: float
) -> None:
    found = cohorts_of(bought, between)
    assert 0 <= found.alive(n, silent + 30) <= found.alive(n, silent) <= 1
    least, most = found.expected(n, silent, ahead), found.expected(n, silent, ahead * 2)
    assert 0 <= least <= most + 1e-9
    assert found.expected(n, silent + 30, ahead) <= least + 1e-9
