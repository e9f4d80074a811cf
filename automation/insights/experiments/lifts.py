"""What mails brought: those who were mailed against those who were held out, and how sure that is.

Two spans are given. The interval is the usual one: of a hundred such intervals, ninety-five hold the truth, for whoever
looks once. The verdict rests on the wider one of `sequential`, because people look every day.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite
from typing import Literal

from automation.insights.experiments import differences, enough, sequential
from automation.insights.experiments.differences import Interval
from automation.insights.experiments.enough import LEAST_IN_EACH, WORTH
from automation.insights.experiments.groups import Group
from automation.insights.experiments.sequential import Seen

LEAST = 100
"""People in both groups together from which on anything is said."""

Verdict = Literal["few", "more", "less", "leaning_more", "leaning_less", "alike", "wait"]
"""few: too few people to say anything; more, less: settled, however often it was looked at; leaning_more,
leaning_less: so for whoever looks once, but it may still turn; alike: no difference worth knowing of; wait: not enough
data yet."""


@dataclass(frozen=True, slots=True)
class Lift:
    """A difference per customer, mailed less held out: a share of 0 to 1, or minor units."""

    verdict: Verdict
    mailed: float | None
    held: float | None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    always_low: float | None = None
    """Of the span that holds at all looks together; None where it has no end."""
    always_high: float | None = None
    missing: int | None = None
    """About how many more people it takes; None where that cannot be told, or nothing is missing."""


def of_conversion(mailed: Group, held: Group) -> Lift:
    """The share of people who ordered."""
    shares = _of_each(mailed, held, [group.converted for group in (mailed, held)])
    early = _too_few(mailed, held)
    if early is not None:
        return Lift("few", *shares, missing=early)
    interval = differences.of_shares(mailed.converted, mailed.people, held.converted, held.people)
    return _lift(shares, interval, _of_share(mailed), _of_share(held))


def of_revenue(mailed: Group, held: Group, seed: str) -> Lift:
    """Revenue per person; the same seed gives the same interval."""
    means = _of_each(mailed, held, [group.revenue for group in (mailed, held)])
    early = _too_few(mailed, held)
    if early is not None:
        return Lift("few", *means, missing=early)
    interval = differences.of_means(mailed, held, seed)
    if interval is None:
        return Lift("wait", *means)
    seen = (Seen(group.people, group.mean, group.variance) for group in (mailed, held))
    return _lift(means, interval, *seen)


def _of_each(mailed: Group, held: Group, sums: list[int]) -> tuple[float | None, float | None]:
    first, second = (total / g.people if g.people else None for total, g in zip(sums, (mailed, held), strict=True))
    return first, second


def _too_few(mailed: Group, held: Group) -> int | None:
    """How many people are missing before anything can be said, or None."""
    people = mailed.people + held.people
    if people >= LEAST and min(mailed.people, held.people) >= LEAST_IN_EACH:
        return None
    share = min(mailed.people, held.people) / people if people else 0
    needed = max(LEAST, ceil(LEAST_IN_EACH / share)) if share else LEAST
    return max(needed - people, 1)


def _of_share(group: Group) -> Seen:
    share = group.converted / group.people
    return Seen(group.people, share, share * (1 - share) * group.people / (group.people - 1))


def _lift(values: tuple[float | None, float | None], interval: Interval, mailed: Seen, held: Seen) -> Lift:
    always = sequential.always(mailed, held)
    people = mailed.people + held.people
    usual = (mailed.mean * mailed.people + held.mean * held.people) / people
    worth = WORTH * usual
    missing = None
    verdict: Verdict
    # Both: the wider span leans on means being close to normal, the interval does not.
    if (always.is_above and interval.is_above) or (always.is_below and interval.is_below):
        verdict = "more" if interval.is_above else "less"
    elif usual > 0 and -worth < interval.low and interval.high < worth:
        verdict = "alike"
    else:
        verdict = "leaning_more" if interval.is_above else "leaning_less" if interval.is_below else "wait"
        missing = enough.missing((mailed, held), (interval.high - interval.low) / 2, worth)
    return Lift(
        verdict,
        *values,
        interval.estimate,
        interval.low,
        interval.high,
        _finite(always.low),
        _finite(always.high),
        missing,
    )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
