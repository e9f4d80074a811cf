"""What is said of an experiment: never more than the figures bear."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from automation.insights.experiments import contests, lifts, words
from automation.insights.experiments.groups import Group, group
from tests.conftest import NOW


def ordered(name: str, people: int, buyers: int, each: int = 5_000) -> Group:
    """Each buyer spends about the same."""
    return group(name, people, buyers, [each + n % 100 for n in range(buyers)])


@pytest.mark.parametrize(
    ("mailed", "held", "short"),
    [
        ((60, 6), (6, 0), "Too early"),
        ((1_000, 0), (100, 0), "Not enough data yet"),
        ((1_000, 110), (100, 10), "Not enough data yet"),
        ((1_000, 200), (250, 33), "Leaning"),
        ((20_000, 4_000), (5_000, 750), "It works"),
        ((20_000, 3_000), (5_000, 1_000), "It harms"),
        ((60_000, 6_000), (30_000, 3_000), "No difference"),
    ],
)
def test_a_lift_is_called_what_it_is(mailed: tuple[int, int], held: tuple[int, int], short: str) -> None:
    lift = asdict(lifts.of_conversion(ordered("mailed", *mailed), ordered("held", *held)))
    said = words.of_lift(lift, "conversion")
    assert said.short == short
    assert "None" not in said.text


def test_revenue_is_judged_by_what_each_spends(seed: str = "x") -> None:
    more = lifts.of_revenue(ordered("m", 2_000, 300, 9_000), ordered("h", 1_000, 150, 3_000), seed)
    assert (more.verdict, words.of_lift(asdict(more), "revenue").short) == ("more", "It works")
    nothing = lifts.of_revenue(ordered("m", 200, 0), ordered("h", 100, 0), seed)
    assert "Nobody has ordered" in words.of_lift(asdict(nothing), "revenue").text


def told(clicks: tuple[int, ...], people: int = 500, **changes: Any) -> words.Said:
    """What is said of a test by clicks."""
    groups = [group(name, people, count, []) for name, count in zip("abc", clicks, strict=False)]
    stands = asdict(contests.standing(groups, "click", 100))
    figures = {
        "metric": "click",
        "at_least": 100,
        "winner": None,
        "is_proven": False,
        "decided_at": None,
        "click": stands,
        **changes,
    }
    return words.of_test(figures, changes.get("ended_at"))


def test_a_test_is_called_what_it_is() -> None:
    decided: dict[str, Any] = {"decided_at": NOW.isoformat()}
    assert told((50, 52)).short == "No difference so far"
    assert told((50, 50)).text == "The ways are level."
    assert told((50, 78)).short == "Leaning"
    assert "to go" in told((5, 9), people=60).text
    assert told((50, 130)).short == "Better"
    assert told((50, 130), winner="b", is_proven=True, **decided).short == "Winner"
    assert "luck" in told((50, 55), winner="b", **decided).text
    assert "stay in use" in told((50, 55), **decided).text
    assert told((50, 55), ended_at=NOW).short == "No difference found"
    assert told((50, 130), ended_at=NOW).short == "Winner"


def test_an_arm_has_to_beat_every_other_one() -> None:
    groups = [group("a", 900, 60, []), group("b", 900, 150, []), group("c", 900, 148, [])]
    found = contests.standing(groups, "click", 100)
    assert (found.leader, found.winner) == ("b", None)
    clear = contests.standing([*groups[:2], group("c", 900, 60, [])], "click", 100)
    assert (clear.winner, clear.missing, clear.to_settle) == ("b", None, None)
    assert contests.standing([*groups[:2], group("c", 99, 1, [])], "click", 100).winner is None
    assert sum(arm.chance for arm in found.arms) == pytest.approx(1)


def test_the_revenue_of_a_test_is_judged_by_its_own_spread() -> None:
    even = [ordered("a", 400, 100, 5_000), ordered("b", 400, 100, 9_000)]
    assert contests.standing(even, "revenue", 100).winner == "b"
    wild = [group("a", 400, 0, [500] * 100), group("b", 400, 0, [*[500] * 99, 90_000])]
    assert contests.standing(wild, "revenue", 100).winner is None
