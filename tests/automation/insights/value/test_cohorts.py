from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.insights.value.cohorts import USUAL_GAP, Bought, cohorts_of

buyers = st.lists(
    st.builds(
        lambda n, gap, amount: Bought(n, gap if n > 1 else None, n * amount),
        st.integers(1, 20),
        st.floats(1, 400),
        st.integers(0, 9_000),
    ),
    max_size=60,
)


def test_the_share_that_bought_again_is_counted_with_one_success_and_one_failure_more() -> None:
    found = cohorts_of([Bought(n, 30.0 if n > 1 else None, n * 500) for n in [1] * 6 + [2] * 3 + [4]])
    assert found.reached == (10, 4, 1, 1, 0, 0, 0)
    assert found.share(1) == 5 / 12
    assert found.share(2) == 2 / 6
    assert (found.gap(1), found.amount(1)) == (30, 500)


def test_a_cohort_has_a_gap_and_an_amount_of_its_own_once_it_is_large_enough() -> None:
    often, few = [Bought(9, 10.0, 9_000)] * 5, [Bought(2, 60.0, 200)] * 9
    found = cohorts_of([*often, *few])
    assert [found.gap(n) for n in (1, 2, 3, 6, 9)] == [60, 60, 10, 10, 10]
    assert found.amount(2) == pytest.approx((5 * 9_000 + 9 * 200) / 63)
    assert found.amount(3) == 1_000
    fewer = cohorts_of([*often[1:], *few])
    assert fewer.gap(3) == fewer.gap(2)


def test_without_anybody_the_usual_stands() -> None:
    found = cohorts_of([])
    assert (found.share(1), found.gap(1), found.amount(1)) == (0.5, USUAL_GAP, 0)


def test_silence_is_weighed_by_the_usual_gap() -> None:
    found = cohorts_of([Bought(1, None, 1), Bought(2, 30.0, 2)])
    share = found.share(1)
    assert found.alive(1, 0) == pytest.approx(share)
    assert found.alive(1, 30) == pytest.approx(share / math.e / (share / math.e + 1 - share))


@given(buyers, st.integers(1, 30), st.floats(0, 5_000), st.floats(1, 800))
def test_what_is_expected_shrinks_with_silence_and_grows_with_the_time_ahead(
    bought: list[Bought], n: int, silent: float, ahead: float
) -> None:
    found = cohorts_of(bought)
    assert 0 <= found.alive(n, silent + 30) <= found.alive(n, silent) <= 1
    least, most = found.expected(n, silent, ahead), found.expected(n, silent, ahead * 2)
    assert 0 <= least <= most + 1e-9
    assert found.expected(n, silent + 30, ahead) <= least + 1e-9
