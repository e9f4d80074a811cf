"""Tiers by rolling spend with grace, against what a customer is told: up at once, down after the grace."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from automation.loyalty.programme import Programme, Tier
from automation.loyalty.tiers import Place, Purchase, place
from tests.conftest import NOW

DAY = timedelta(days=1)
RULES = Programme(
    is_on=True, window_days=20, grace_days=5, tiers=(Tier(name="Silver", spend=100), Tier(name="Gold", spend=300))
)
BOUGHT = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 250)), max_size=8)


def _days(bought: list[tuple[int, int]]) -> tuple[list[Place], list[int]]:
    """Where a customer stands on each of ninety days, and the spend that counts then."""
    purchases = [Purchase(NOW + day * DAY, amount) for day, amount in bought]
    found, spends = [], []
    rank, fell_at = 0, None
    for day in range(90):
        now = NOW + day * DAY
        known = [p for p in purchases if p.at <= now]
        spends.append(sum(p.amount for p in known if now - p.at < 20 * DAY))
        at = place(RULES, known, rank, fell_at, now)
        assert place(RULES, known, at.rank, at.fell_at, now) == at, "asked twice it is the same"
        rank, fell_at = at.rank, at.fell_at
        found.append(at)
    return found, spends


@given(bought=BOUGHT)
@budget(max_examples=60, deadline=None)
def test_a_tier_rises_at_once_and_falls_only_after_the_whole_grace(bought: list[tuple[int, int]]) -> None:
    places, spends = _days(bought)
    for day, (at, spend) in enumerate(zip(places, spends, strict=True)):
        earned = RULES.rank_for(spend)
        assert at.rank >= earned, "never below what the spend is enough for"
        if day and at.rank < places[day - 1].rank:
            short = [RULES.rank_for(s) < places[day - 1].rank for s in spends[day - 5 : day + 1]]
            assert all(short), f"day {day}: it fell before the grace was over"
        if at.rank > earned:
            assert at.due_at is not None
            assert at.due_at > NOW + day * DAY
    assert places[-1].rank == 0


@given(bought=BOUGHT, seed=st.integers(0, 9))
@budget(max_examples=30, deadline=None)
def test_the_order_in_which_purchases_and_refunds_are_told_does_not_matter(
    bought: list[tuple[int, int]], seed: int
) -> None:
    mixed = list(bought)
    Random(seed).shuffle(mixed)
    assert _days(mixed) == _days(bought)
