"""The probability of being best, against a closed form and against chance itself."""

from __future__ import annotations

from math import exp, lgamma, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.insights.experiments.likelihood import of_means, of_shares
from automation.insights.experiments.sequential import Seen


def _log_beta(a: int, b: int) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def second_is_better(one: tuple[int, int], other: tuple[int, int]) -> float:
    """The sum for two beta posteriors that Cook (2005, Exact calculation of beta inequalities) gives."""
    (n, hits), (m, hits_other) = one, other
    a, b, c, d = hits + 1, n - hits + 1, hits_other + 1, m - hits_other + 1
    return sum(exp(_log_beta(a + i, b + d) - log(d + i) - _log_beta(1 + i, d) - _log_beta(a, b)) for i in range(c))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((100, 10), (100, 15)),
        ((3, 0), (5, 2)),
        ((10_000, 800), (10_000, 850)),
        ((100, 0), (20_000, 400)),
        ((9, 9), (9, 8)),
    ],
)
def test_of_two_arms_it_is_what_the_closed_form_says(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert of_shares([one, other])[1] == pytest.approx(second_is_better(one, other), abs=1e-4)


def test_of_three_arms_it_is_what_chance_says() -> None:
    arms, chance = [(200, 20), (150, 18), (90, 12)], Random(1)
    wins = [0, 0, 0]
    for _ in range(8_000):
        drawn = [chance.betavariate(hits + 1, people - hits + 1) for people, hits in arms]
        wins[drawn.index(max(drawn))] += 1
    assert of_shares(arms) == pytest.approx([count / 8_000 for count in wins], abs=0.02)


def test_of_means_it_is_the_normal_law_s_where_there_are_many_people() -> None:
    arms = [Seen(4_000, 5.0, 100.0), Seen(4_000, 5.2, 400.0)]
    # The difference has the standard error √(100/4000 + 400/4000): z = 0.2 / 0.3536 = 0.5657.
    assert of_means(arms)[1] == pytest.approx(0.7142, abs=1e-3)
    assert of_means([Seen(1, 5.0, 0.0), Seen(10, 4.0, 2.0)]) == [0.5, 0.5]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400)), min_size=2, max_size=5))
def test_probabilities_add_up_and_equal_arms_share_alike(given_arms: list[tuple[int, int]]) -> None:
    arms = [(people, min(hits, people)) for people, hits in given_arms]
    found = of_shares(arms)
    assert sum(found) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in found)
    assert of_shares([arms[0]] * 3) == pytest.approx([1 / 3] * 3)
