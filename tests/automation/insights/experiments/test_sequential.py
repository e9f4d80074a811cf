"""Decisions that may be looked at every day: false winners stay rare, and true ones are found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf
from random import Random
from typing import NamedTuple

import pytest

from automation.insights.experiments.sequential import ALPHA, Seen, always, evidence, winner
from tests.automation.insights.experiments.simulations import IS_FULL, worlds


class Run(NamedTuple):
    """A test as it goes on day by day."""

    shares: tuple[float, ...]
    """Of those who do it, arm by arm."""
    a_day: int | tuple[int, ...]
    """People for each arm, the same for all or each its own."""
    days: int
    spread: float = 0.0
    """Of lognormal amounts; 0 counts people."""
    delay: float = 0.0
    """Days between coming and doing it, on the average."""


def looks(run: Run, chance: Random, at_least: int = 100) -> Iterator[list[Seen]]:
    """What is seen at the end of each day, from the day on which the smallest arm has `at_least` people."""
    arms = range(len(run.shares))
    a_day = run.a_day if isinstance(run.a_day, tuple) else (run.a_day,) * len(arms)
    sums, squares = [0.0] * len(arms), [0.0] * len(arms)
    coming: list[list[tuple[int, float]]] = [[] for _ in range(run.days)]
    for day in range(run.days):
        people = [(day + 1) * count for count in a_day]
        for arm in arms:
            for _ in range(sum(chance.random() < run.shares[arm] for _ in range(a_day[arm]))):
                on = day + (int(chance.expovariate(1 / run.delay)) if run.delay else 0)
                if on < run.days:
                    coming[on].append((arm, chance.lognormvariate(0, run.spread) if run.spread else 1.0))
        for arm, amount in coming[day]:
            sums[arm] += amount
            squares[arm] += amount * amount
        if min(people) >= at_least:
            yield [
                Seen(n, total / n, max(0.0, square - total * total / n) / (n - 1))
                for n, total, square in zip(people, sums, squares, strict=True)
            ]


def first_winner(run: Run, chance: Random) -> int | None:
    """The arm that the first daily look with a winner names."""
    return next((found for seen in looks(run, chance) if (found := winner(seen)) is not None), None)


NOTHING = (
    Run((0.1, 0.1), 20, 60),
    Run((0.3, 0.3), 50, 60),
    Run((0.02, 0.02), 20, 60),
    Run((0.1, 0.1), 50, 60, delay=3),
    Run((0.05, 0.05), 50, 60, spread=1.0, delay=2),
    Run((0.03, 0.03), 20, 60, spread=1.5),
    Run((0.05, 0.05, 0.05), 50, 60),
    Run((0.1, 0.1, 0.1, 0.1, 0.1), 20, 60, spread=1.0),
)
"""Tests between arms that are equally good."""


@pytest.mark.parametrize("run", NOTHING if IS_FULL else NOTHING[::4])
def test_looking_every_day_names_a_winner_among_equals_in_at_most_five_of_a_hundred_tests(run: Run) -> None:
    chance, count = Random(f"nothing {run}"), worlds(120)
    wrong = sum(first_winner(run, chance) is not None for _ in range(count))
    assert wrong / count <= (ALPHA if IS_FULL else 0.08)


@pytest.mark.parametrize("run", [Run((0.1, 0.1), (18, 2), 60), Run((0.05, 0.05), (18, 2), 60, spread=1.0)])
def test_a_small_group_that_is_held_out_is_seldom_told_apart_either(run: Run) -> None:
    chance, count = Random(f"held {run}"), worlds(120)

    def is_told_apart(one: Seen, other: Seen) -> bool:
        span = always(one, other)
        return span.is_above or span.is_below

    wrong = sum(any(is_told_apart(*seen) for seen in looks(run, chance, 5)) for _ in range(count))
    assert wrong / count <= (ALPHA if IS_FULL else 0.08)


def test_two_equal_best_arms_are_not_told_apart_by_a_bad_third() -> None:
    run, chance = Run((0.2, 0.2, 0.05), 30, 40), Random("a bad third")
    count = worlds(80)
    assert sum(first_winner(run, chance) is not None for _ in range(count)) / count <= (ALPHA if IS_FULL else 0.1)


def test_a_clear_difference_is_found_within_weeks_and_it_is_the_right_one() -> None:
    chance = Random("a clear difference")
    found = [first_winner(Run((0.10, 0.15), 50, 60), chance) for _ in range(40)]
    assert found.count(1) >= 36
    assert found.count(0) == 0


def test_evidence_and_span_say_the_same() -> None:
    for gap in (0.0, 0.01, 0.02, 0.03, 0.05):
        one, other = Seen(1_000, 0.1 + gap, 0.09), Seen(800, 0.1, 0.09)
        assert (evidence(one, other) >= 1 / ALPHA) == (always(one, other).low > 0)


def test_the_span_shrinks_with_people_and_is_wider_than_one_for_a_single_look() -> None:
    spans = [always(Seen(n, 0.1, 0.09), Seen(n, 0.1, 0.09)) for n in (100, 1_000, 10_000)]
    assert all(later.high < earlier.high for earlier, later in pairwise(spans))
    assert spans[1].high > 1.96 * (2 * 0.09 / 1_000) ** 0.5


def test_before_there_is_anything_to_see_nothing_is_said() -> None:
    nobody, one = Seen(0, 0.0, 0.0), Seen(500, 0.0, 0.0)
    assert evidence(nobody, one) == evidence(one, one) == 1.0
    assert winner([nobody, one]) is None
    assert winner([one]) is None
    assert always(nobody, one).high == always(one, one).high == inf
