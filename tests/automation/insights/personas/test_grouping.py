from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.insights.personas.grouping import ENOUGH, Buyer, groups_of, k_means, silhouette, standardised
from automation.insights.personas.proposing import propose
from automation.insights.personas.wording import worded
from automation.rules import language


def three_kinds(each: int = 60) -> list[Buyer]:
    """Regulars, people who bought one present long ago, and new ones: told apart by anybody."""
    dice = random.Random(5)
    regulars = [Buyer(dice.uniform(2, 20), dice.uniform(300, 400), dice.randint(9, 14), 3_000) for _ in range(each)]
    presents = [Buyer(dice.uniform(250, 330), 331, 1, dice.uniform(20_000, 30_000)) for _ in range(each)]
    new = [Buyer(days := dice.uniform(1, 14), days, 1, dice.uniform(1_500, 2_500)) for _ in range(each)]
    return [*regulars, *presents, *new]


def test_kinds_that_anybody_tells_apart_are_found_and_their_number_too() -> None:
    found = groups_of(three_kinds())
    assert found is not None
    assert max(found.tried, key=lambda one: one[1])[0] == 3
    assert [len(set(found.labels[i : i + 60])) for i in (0, 60, 120)] == [1, 1, 1]
    assert len(set(found.labels)) == 3
    assert found.silhouette > 0.6


def test_the_same_buyers_give_the_same_groups() -> None:
    assert groups_of(three_kinds()) == groups_of(three_kinds())


def test_too_few_buyers_or_all_alike_make_no_groups() -> None:
    assert groups_of(three_kinds()[: ENOUGH - 1]) is None
    assert groups_of([Buyer(10, 20, 1, 500)] * 200) is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=8, max_size=40, unique=True), st.integers(2, 4))
def test_everybody_is_in_the_group_whose_middle_is_nearest(points: list[tuple[float, ...]], k: int) -> None:
    labels = k_means(points, k, random.Random(1))
    assert len(labels) == len(points)
    assert -1 <= silhouette(points, labels) <= 1
    sizes = [labels.count(label) for label in set(labels)]
    assert sum(sizes) == len(points)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.just(7.0)), min_size=2, max_size=30))
def test_standardised_figures_have_a_mean_of_nothing(points: list[tuple[float, ...]]) -> None:
    found = standardised(points)
    assert abs(sum(x for x, _ in found)) < 1e-6
    assert {y for _, y in found} == {0.0}


def test_each_kind_is_said_by_a_rule_that_finds_it() -> None:
    buyers = three_kinds()
    found = propose(len(buyers), buyers)
    assert len(found.groups) == 3
    for group in found.groups:
        assert language.read(group.worded.rule)
        assert group.worded.precision > 0.95
        assert group.worded.recall > 0.95
    assert {group.words.split(",")[0] for group in found.groups} == {"Buy often", "Buy once"}


def test_a_rule_about_few_orders_asks_for_one_at_least() -> None:
    buyers = three_kinds()
    once = [place for place, buyer in enumerate(buyers) if buyer.orders == 1]
    rule = worded(buyers, once).rule
    assert rule["all"][0] == {"field": "order_count", "is": "at_least", "value": 1}
    assert {"field": "order_count", "is": "less_than", "value": 9} in rule["all"] or len(rule["all"]) > 1
