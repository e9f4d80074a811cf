from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.insights.value.spending import Spending, Spent, correlation, fit
from tests.automation.insights.value import cdnow

PUBLISHED = Spending(p=6.25, q=3.74, gamma=15.44)
"""Fader and Hardie (2013), for the customers of CDNOW."""


def test_the_published_estimates_for_cdnow_are_found_within_one_per_cent() -> None:
    found = fit(cdnow.spent())
    assert found is not None
    for name in ("p", "q", "gamma"):
        assert getattr(found, name) == pytest.approx(getattr(PUBLISHED, name), rel=0.01), name


def test_amounts_in_cents_give_the_same_with_gamma_in_cents() -> None:
    dollars, cents = fit(cdnow.spent()), fit([Spent(one.repeats, one.mean * 100) for one in cdnow.spent()])
    assert dollars is not None
    assert cents is not None
    assert (cents.p, cents.q) == pytest.approx((dollars.p, dollars.q), rel=1e-3)
    assert cents.gamma == pytest.approx(100 * dollars.gamma, rel=1e-3)


@given(st.integers(0, 100), st.floats(1, 1_000))
def test_what_is_expected_lies_between_what_all_spend_and_what_the_customer_did(repeats: int, seen: float) -> None:
    least, most = sorted((PUBLISHED.usual, seen))
    assert least - 1e-9 <= PUBLISHED.mean(repeats, seen) <= most + 1e-9


@given(st.floats(1, 1_000), st.integers(1, 50))
def test_the_more_purchases_the_nearer_to_what_they_spent(seen: float, repeats: int) -> None:
    near, far = abs(PUBLISHED.mean(repeats + 1, seen) - seen), abs(PUBLISHED.mean(repeats, seen) - seen)
    assert near <= far + 1e-9


def test_nothing_is_fitted_to_nothing_and_goes_along_with_nothing() -> None:
    assert fit([]) is None
    assert correlation([]) == correlation([Spent(1, 5.0)] * 3) == 0.0
    assert correlation([Spent(1, 5.0), Spent(2, 10.0), Spent(3, 15.0)]) == pytest.approx(1.0)
