"""Intervals that hold the truth as often as they say: with few people, rare orders and skewed amounts."""

from __future__ import annotations

from math import exp
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.insights.experiments.differences import ROUNDS, of_means, of_shares
from automation.insights.experiments.groups import Group, group
from tests.automation.insights.experiments.simulations import IS_FULL, hits, spent, worlds

SIZES = ((80, 20), (90, 10), (160, 40), (450, 50), (900, 100))
"""Mailed and held out, from a hundred customers on."""


def test_the_interval_of_shares_is_the_published_one() -> None:
    # 56/70 against 48/80: the data of Newcombe (1998), table II (a); his method 5 is this interval without the
    # correction N/(N - 1), which widens it in the fourth digit.
    found = of_shares(56, 70, 48, 80)
    assert found.estimate == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0528, 0.3382), abs=0.0010)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_an_interval_of_shares_holds_its_estimate_and_turns_with_its_groups(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    one, other = of_shares(a, n, b, m), of_shares(b, m, a, n)
    assert -1 <= one.low <= one.estimate <= one.high <= 1
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-6)


def test_nobody_has_no_share() -> None:
    with pytest.raises(ValueError, match="nobody"):
        of_shares(0, 0, 1, 2)


@pytest.mark.parametrize("sizes", SIZES)
def test_shares_are_held_in_95_of_100_shops(sizes: tuple[int, int]) -> None:
    """Shops differ: in 4 to 30 % of their customers order, and mails bring up to half as many again."""
    chance, mailed, held = Random(f"shares {sizes}"), *sizes
    count = worlds(1_000)
    held_truth = 0
    for _ in range(count):
        base = chance.uniform(0.04, 0.30)
        treated = base * chance.uniform(1.0, 1.5)
        found = of_shares(hits(chance, mailed, treated), mailed, hits(chance, held, base), held)
        held_truth += found.low <= treated - base <= found.high
    assert held_truth / count == pytest.approx(0.95, abs=0.01 if IS_FULL else 0.022)


@pytest.mark.parametrize("sizes", SIZES if IS_FULL else SIZES[1:4])
def test_means_of_skewed_amounts_are_held_in_95_of_100_shops(sizes: tuple[int, int]) -> None:
    """The same, and what a buyer spends has its mean far above its median."""
    chance, mailed, held = Random(f"means {sizes}"), *sizes
    count = worlds(300)
    held_truth = 0
    for world in range(count):
        base, spread = chance.uniform(0.05, 0.30), chance.uniform(0.5, 1.2)
        treated = base * chance.uniform(1.0, 1.5)
        ones = group("mailed", mailed, 0, spent(chance, hits(chance, mailed, treated), spread))
        others = group("held", held, 0, spent(chance, hits(chance, held, base), spread))
        truth = (treated - base) * (exp(8 + spread * spread / 2) + 0.5)
        found = of_means(ones, others, str(world), rounds=199)
        # Without a single order there is no interval, and nothing is claimed.
        held_truth += found is None or found.low <= truth <= found.high
    assert held_truth / count == pytest.approx(0.95, abs=0.01 if IS_FULL else 0.035)


@pytest.mark.parametrize("sizes", SIZES if IS_FULL else SIZES[1:2])
def test_where_mails_bring_nothing_at_most_one_in_twenty_intervals_says_otherwise(sizes: tuple[int, int]) -> None:
    """With equal groups it is exact, whatever the amounts: here a few are a hundred times the others."""
    chance, mailed, held = Random(f"nothing {sizes}"), *sizes
    count = worlds(400)
    wrong = 0
    for world in range(count):
        ones = group("mailed", mailed, 0, spent(chance, hits(chance, mailed, 0.2), 2.0))
        others = group("held", held, 0, spent(chance, hits(chance, held, 0.2), 2.0))
        found = of_means(ones, others, str(world), rounds=199)
        wrong += found is not None and (found.is_above or found.is_below)
    assert wrong / count <= (0.056 if IS_FULL else 0.08)


def test_the_same_seed_gives_the_same_interval_and_turning_the_groups_turns_it() -> None:
    chance = Random(3)
    ones, others = group("a", 500, 0, spent(chance, 60, 1.0)), group("b", 100, 0, spent(chance, 9, 1.0))
    found, again, turned = of_means(ones, others, "x"), of_means(ones, others, "x"), of_means(others, ones, "x")
    assert found is not None
    assert turned is not None
    assert found == again
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert found.low < found.estimate < found.high


def test_with_many_buyers_dealing_and_the_normal_law_agree() -> None:
    chance = Random(4)
    few = [group(n, 25_000, 0, spent(chance, 1_990, 0.6)) for n in "ab"]
    many = [Group(g.name, g.people, 0, tuple(sorted([*g.spent, *([3_000] * 20)]))) for g in few]
    dealt, normal = of_means(few[0], few[1], "x", rounds=199), of_means(many[0], many[1], "x")
    assert dealt is not None
    assert normal is not None
    assert (dealt.low, dealt.high) == pytest.approx((normal.low, normal.high), abs=0.2 * (normal.high - normal.low))


def test_without_an_order_there_is_nothing_to_compare() -> None:
    assert of_means(group("a", 90, 0, []), group("b", 10, 0, []), "x") is None
    assert ROUNDS % 40 == 39, "the quantiles fall on whole places"
