from __future__ import annotations

import random
from math import exp, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.insights.value.purchasing import History, Purchasing, fit
from tests.automation.insights.value import cdnow

PUBLISHED = Purchasing(r=0.243, alpha=4.414, a=0.793, b=2.426)
"""Fader, Hardie and Lee (2005), table 2; the log-likelihood there is -9,582.4."""

weeks = st.floats(0.1, 200)
parameters = st.builds(Purchasing, st.floats(0.05, 5), st.floats(0.5, 50), st.floats(0.2, 0.95), st.floats(0.5, 10))
histories = st.builds(
    lambda x, share, known: History(x, share * known if x else 0.0, known),
    st.integers(0, 40),
    st.floats(0.01, 1),
    weeks,
)


def test_the_published_estimates_for_cdnow_are_found_within_one_per_cent() -> None:
    found = fit(cdnow.histories())
    assert found is not None
    for name in ("r", "alpha", "a", "b"):
        assert getattr(found, name) == pytest.approx(getattr(PUBLISHED, name), rel=0.01), name
    assert found.log_likelihood([(one, 1) for one in cdnow.histories()]) == pytest.approx(-9582.4, abs=0.1)


def test_the_customer_of_the_paper_is_expected_to_buy_as_often_as_it_says() -> None:
    # Two repeat purchases, the last in week 30.43 of 38.86: 1.226 in the next 39 weeks.
    assert PUBLISHED.expected(History(2, 30.43, 38.86), 39) == pytest.approx(1.226, abs=0.001)


def test_all_of_cdnow_together_buy_as_often_as_the_model_said_they_would_but_for_an_eighth() -> None:
    # In the 39 weeks that followed there were 1,882 repeat purchases; Christmas was among them.
    assert sum(PUBLISHED.expected(one, 39) for one in cdnow.histories()) == pytest.approx(1882, rel=0.125)


def test_who_bought_once_cannot_have_left() -> None:
    assert PUBLISHED.alive(History(0, 0.0, 300.0)) == 1.0


@given(parameters, histories)
def test_the_longer_the_silence_the_less_probable_it_is_that_they_are_active(model: Purchasing, one: History) -> None:
    later = History(one.repeats, one.last, one.known + 10)
    assert 0 <= model.alive(later) <= model.alive(one) <= 1


@given(parameters, histories, weeks, weeks)
def test_more_is_expected_of_a_longer_time(model: Purchasing, one: History, short: float, more: float) -> None:
    least, most = model.expected(one, short), model.expected(one, short + more)
    assert 0 <= least <= most * (1 + 1e-6) + 1e-9
    # At least as many as the chance of any at all.
    assert least >= model.may_buy_within(one, short) - 1e-6


@given(parameters, histories)
def test_half_way_is_where_a_purchase_is_as_probable_as_none(model: Purchasing, one: History) -> None:
    half = model.half_way(one)
    if half is None:
        assert model.alive(one) <= 0.5 or model.may_buy_within(one, 1_000_000) < 0.6
    else:
        assert model.may_buy_within(one, half) == pytest.approx(0.5, abs=1e-6)


@given(parameters, histories, st.floats(1, 100))
def test_the_expectation_is_that_of_simulated_customers_in_the_limit(
    model: Purchasing, one: History, ahead: float
) -> None:
    # Another road to the same number: the chance of a purchase in each small step, by differences of the expectation.
    step = 1e-4 * (model.alpha + one.known)
    rate = (model.r + one.repeats) / (model.alpha + one.known) * model.alive(one)
    assert model.expected(one, step) / step == pytest.approx(rate, rel=2e-3)
    assert model.expected(one, ahead) <= rate * ahead * (1 + 1e-6)


def test_parameters_that_customers_were_made_by_are_found_again() -> None:
    dice = random.Random(11)
    true = Purchasing(r=0.8, alpha=6.0, a=0.7, b=3.0)
    made = [_made(dice, true, known=20 + 60 * dice.random()) for _ in range(1_500)]
    found = fit(made)
    assert found is not None
    assert isclose(found.r / found.alpha, true.r / true.alpha, rel_tol=0.15)
    assert isclose(found.a / (found.a + found.b), true.a / (true.a + true.b), rel_tol=0.3)


def test_where_nobody_leaves_no_model_holds() -> None:
    dice = random.Random(5)
    faithful = Purchasing(r=1.1, alpha=15.0, a=1e-6, b=3.0)
    assert fit([_made(dice, faithful, known=50.0) for _ in range(1_000)]) is None


def _made(dice: random.Random, of: Purchasing, known: float) -> History:
    rate, leaves = dice.gammavariate(of.r, 1 / of.alpha), dice.betavariate(of.a, of.b)
    at, repeats, last = 0.0, 0, 0.0
    while True:
        at += dice.expovariate(rate) if rate > exp(-50) else 1e9
        if at > known:
            return History(repeats, last, known)
        repeats, last = repeats + 1, at
        if dice.random() < leaves:
            return History(repeats, last, known)


@pytest.mark.parametrize("rows", [[], [History(0, 0.0, 0.0)]])
def test_nothing_is_fitted_to_nothing(rows: list[History]) -> None:
    assert fit(rows) is None
