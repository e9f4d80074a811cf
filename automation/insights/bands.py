"""The usual band of a daily figure, learnt from its own history, weekday by weekday.

What is usual for a Tuesday is the median of the last Tuesdays; how far days stray from it is the median absolute
deviation over all days of that time (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers; Rousseeuw and Croux
1993, Journal of the American Statistical Association 88:1273-1283). Medians are not moved by the sale of last month or
the outage before it. Figures are first put on a scale on which their spread does not depend on their size: counts and
amounts by the square root of Anscombe (1948, Biometrika 35:246-254), shares by the arcsine. A day strays no less than
chance makes it: a count at least like Poisson's, a share at least like that many coins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import asin, inf, pi, sin, sqrt
from statistics import median
from typing import Literal, NamedTuple

WEEKS = 10
"""Looked back over."""
LEAST_WEEKS = 6
"""Days of the same weekday below which nothing is usual yet."""
WIDTH = 3.5
"""Standard deviations to either side, as Iglewicz and Hoaglin advise; a normal day is beyond in 1 of 2,000."""
_TO_SIGMA = 1.4826
"""The median absolute deviation of the normal distribution, turned over."""
_LEAST_SWING = 0.05
"""Amounts of money are taken to stray by this part of what is usual at least."""
_LEAST_PEOPLE = 20
"""A share of fewer tells nothing of a day."""

Kind = Literal["count", "money", "share"]


class Day(NamedTuple):
    """What was counted on a day; of a share, how many of how many."""

    value: float
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """Between what a day's figure usually lies: counts, minor units, or shares of 0 to 1."""

    low: float
    usual: float
    high: float


def band(kind: Kind, days: Mapping[date, Day], on: date, *, is_rare: bool = False) -> Band | None:
    """What is usual for `on` by the weeks before it; None where the history is too short or too thin.

    A figure that is nothing on most days of that weekday has no usual size, except one that `is_rare` by its nature,
    such as complaints. Of a share, the days of fewer than 20 people are left out.
    """
    history = {
        day: found
        for back in range(1, 7 * WEEKS + 1)
        if (found := days.get(day := on - timedelta(days=back))) is not None and _tells(kind, found)
    }
    alike = [found for day, found in history.items() if day.weekday() == on.weekday()]
    if len(alike) < LEAST_WEEKS or (not is_rare and 2 * sum(d.value > 0 for d in alike) <= len(alike)):
        return None
    centres = {
        weekday: median(_scaled(kind, d) for day, d in history.items() if day.weekday() == weekday)
        for weekday in {day.weekday() for day in history}
    }
    usual = centres[on.weekday()]
    astray = _TO_SIGMA * median(abs(_scaled(kind, d) - centres[day.weekday()]) for day, d in history.items())
    spread = max(astray, _least_spread(kind, usual, days.get(on)))
    # The median of k days is itself off by √(π / 2k) standard deviations.
    reach = WIDTH * spread * sqrt(1 + pi / (2 * len(alike)))
    return Band(_back(kind, usual - reach), _back(kind, usual), _back(kind, usual + reach))


def is_telling(kind: Kind, day: Day | None) -> bool:
    """Whether a day's figure can be held against a band at all."""
    return day is not None and _tells(kind, day)


def size(kind: Kind, day: Day) -> float:
    """A day's figure as bands have it: of a share, the share."""
    return day.value / day.of if kind == "share" and day.of else day.value


def _tells(kind: Kind, day: Day) -> bool:
    return kind != "share" or (day.of or 0) >= _LEAST_PEOPLE


def _scaled(kind: Kind, day: Day) -> float:
    if kind == "share":
        return asin(sqrt(min(1.0, max(0.0, size(kind, day)))))
    return 2 * sqrt(max(0.0, day.value) + 0.375)


def _back(kind: Kind, scaled: float) -> float:
    if kind == "share":
        return sin(min(max(scaled, 0.0), pi / 2)) ** 2
    return max(0.0, (max(0.0, scaled) / 2) ** 2 - 0.375)


def _least_spread(kind: Kind, usual: float, day: Day | None) -> float:
    if kind == "share":
        return 1 / (2 * sqrt(day.of)) if day is not None and day.of else inf
    # A part of x is, on the scale of 2 √x, that part of √x.
    return _LEAST_SWING * usual / 2 if kind == "money" else 1.0
