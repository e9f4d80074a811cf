"""What is usual for a weekday: learnt from the weeks before, unmoved by outliers, and seldom left by chance."""

from __future__ import annotations

from datetime import date, timedelta
from math import exp
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.insights.bands import LEAST_WEEKS, Band, Day, Kind, band, size

ON = date(2026, 3, 10)
"""A Tuesday."""


def poisson(chance: Random, mean: float) -> int:
    """A count (Knuth's way, in portions)."""
    count = 0
    while mean > 0:
        portion, mean = min(mean, 30.0), mean - 30.0
        limit, product = exp(-portion), chance.random()
        while product > limit:
            count, product = count + 1, product * chance.random()
    return count


def weeks(of: dict[int, float], count: int = 10, kind: Kind = "count", seed: int = 1) -> dict[date, Day]:
    """Days before ON, each about as large as its weekday (0 is Monday) says."""
    chance, days = Random(seed), {}
    for back in range(1, 7 * count + 1):
        on = ON - timedelta(days=back)
        mean = of[on.weekday()]
        if kind == "share":
            days[on] = Day(sum(chance.random() < mean for _ in range(200)), 200)
        else:
            days[on] = Day(poisson(chance, mean) if kind == "count" else mean * chance.lognormvariate(0, 0.3))
    return days


EVEN = dict.fromkeys(range(7), 100.0)


def found(kind: Kind, days: dict[date, Day], on: date = ON) -> Band:
    usual = band(kind, days, on)
    assert usual is not None
    return usual


def test_each_weekday_has_its_own_usual() -> None:
    usual = found("count", weeks({**EVEN, 1: 400.0}))
    assert usual.low > 250
    assert usual.high < 550
    assert usual.usual == pytest.approx(400, rel=0.08)
    assert found("count", weeks({**EVEN, 1: 400.0}), ON - timedelta(days=1)).high < 200


def test_a_sale_and_an_outage_do_not_move_it() -> None:
    days = weeks(EVEN)
    before = found("count", days)
    for back, value in ((7, 5_000), (14, 0), (3, 9_000), (10, 0)):
        days[ON - timedelta(days=back)] = Day(value)
    after = found("count", days)
    assert after.low == pytest.approx(before.low, rel=0.3)
    assert after.high == pytest.approx(before.high, rel=0.3)


def test_too_short_or_too_thin_a_history_gives_none() -> None:
    assert band("count", weeks(EVEN, count=LEAST_WEEKS - 1), ON) is None
    seldom = weeks(dict.fromkeys(range(7), 0.1))
    assert band("count", seldom, ON) is None
    rare = band("count", seldom, ON, is_rare=True)
    assert rare is not None
    assert 3 < rare.high < 15


def test_a_share_of_few_tells_nothing_and_one_of_many_is_held_tighter() -> None:
    days = weeks(dict.fromkeys(range(7), 0.1), kind="share")
    wide = found("share", {**days, ON: Day(3, 30)})
    tight = found("share", {**days, ON: Day(200, 2_000)})
    assert (wide.high - wide.low) > 1.5 * (tight.high - tight.low)
    few = {day: Day(1, 5) for day in days}
    assert band("share", few, ON) is None
    assert size("share", Day(3, 30)) == 0.1


@pytest.mark.parametrize(("kind", "level"), [("count", 3.0), ("count", 60.0), ("share", 0.08), ("money", 40_000.0)])
def test_days_like_all_others_leave_the_band_less_than_once_in_a_hundred_times(kind: Kind, level: float) -> None:
    out = days = 0
    for seed in range(4):
        history = weeks(dict.fromkeys(range(7), level), count=28, kind=kind, seed=seed)
        for back in range(1, 7 * 18):
            on = ON - timedelta(days=back)
            usual = band(kind, history, on)
            assert usual is not None
            days += 1
            out += not usual.low <= size(kind, history[on]) <= usual.high
    assert out / days < 1 / 100


def test_half_of_the_usual_and_twice_of_it_lie_outside() -> None:
    for kind, level in (("count", 150.0), ("money", 90_000.0)):
        usual = found(kind, weeks(dict.fromkeys(range(7), level), kind=kind))  # type: ignore[arg-type]
        assert not usual.low <= level * (0.5 if kind == "count" else 0.1) <= usual.high
        assert not usual.low <= level * (2 if kind == "count" else 4) <= usual.high


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=70, max_size=70), st.sampled_from(["count", "money"]))
def test_a_band_is_in_order_and_never_below_nothing(values: list[int], kind: Kind) -> None:
    days = {ON - timedelta(days=back + 1): Day(value) for back, value in enumerate(values)}
    usual = band(kind, days, ON)
    if usual is not None:
        assert 0 <= usual.low <= usual.usual <= usual.high
