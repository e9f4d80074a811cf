"""Recency, frequency and monetary scores, and the groups that they make."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from automation.errors import NotAllowed

DAY = timedelta(days=1)
BEST = 5
CUTS = BEST - 1


@dataclass(frozen=True, slots=True)
class Group:
    """One of the groups."""

    words: str
    who: str
    advice: str


GROUPS: dict[str, Group] = {
    "champions": Group("Champions", "bought lately and often", "Thank them, ask for reviews, show them news first."),
    "loyal": Group("Loyal", "buy often", "Reward them, and recommend what goes with what they have."),
    "potential_loyal": Group("Could become loyal", "bought lately, more than once", "Invite them to the programme."),
    "new": Group("New", "bought lately for the first time", "Welcome them and make the second order easy."),
    "promising": Group("Promising", "bought once, not long ago", "Show them more of what they looked at."),
    "needs_attention": Group("Need attention", "bought a few times, a while ago", "A reason to come back, soon."),
    "about_to_sleep": Group("About to fall asleep", "bought once, a while ago", "Remind them of what they liked."),
    "at_risk": Group("At risk", "bought several times, long ago", "Ask what went wrong; a personal offer."),
    "cannot_lose": Group("Must not be lost", "bought very often, long ago", "A person should write to them."),
    "hibernating": Group("Hibernating", "bought little, long ago", "A last good offer, then fewer mails."),
    "lost": Group("Lost", "bought once, very long ago", "Leave them in peace."),
}
"""By their word in rules and mails, best first."""

GRID: tuple[tuple[str, ...], ...] = (
    ("lost", "hibernating", "at_risk", "cannot_lose", "cannot_lose"),
    ("hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"),
    ("about_to_sleep", "needs_attention", "needs_attention", "loyal", "loyal"),
    ("promising", "potential_loyal", "loyal", "loyal", "champions"),
    ("new", "potential_loyal", "potential_loyal", "champions", "champions"),
)
"""The group of each recency (row, 1 first) and frequency (column, 1 first)."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Four rising numbers for each of the three; a score rises for each that is passed, recency's falls."""

    recency: tuple[int, ...] = (30, 90, 180, 365)
    """Days since the last order: at most the first is a 5, more than the last a 1."""
    frequency: tuple[int, ...] = (1, 2, 3, 5)
    """Orders: more than the last is a 5."""
    monetary: tuple[int, ...] = (2_500, 5_000, 10_000, 20_000)
    """Spent, in minor units: more than the last is a 5."""

    def as_json(self) -> dict[str, list[int]]:
        """For storing."""
        return {name: list(getattr(self, name)) for name in NAMES}

    def with_own(self, own: Mapping[str, Any]) -> Thresholds:
        """These, except where a store has its own."""
        return Thresholds(**{name: tuple(own.get(name) or getattr(self, name)) for name in NAMES})


NAMES = ("recency", "frequency", "monetary")


def checked(name: str, cuts: Sequence[int]) -> list[int]:
    """A store's own thresholds. Raises NotAllowed unless they are four rising whole numbers above 0."""
    if len(cuts) != CUTS or any(c < 1 for c in cuts) or any(a >= b for a, b in itertools.pairwise(cuts)):
        raise NotAllowed(f"{name.capitalize()} needs four numbers above 0, each greater than the one before.")
    return list(cuts)


def quantiles(values: Sequence[int], shares: Sequence[float]) -> list[int]:
    """The values below which these shares of `values` lie, made to rise; `values` may come in any order."""
    ordered = sorted(values)
    found: list[int] = []
    for share in shares:
        value = ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        found.append(max(value, found[-1] + 1 if found else 1))
    return found


def thresholds_of(days: Sequence[int], orders: Sequence[int], spent: Sequence[int]) -> Thresholds:
    """The store's own quantiles; the usual ones without any buyers."""
    if not days:
        return Thresholds()
    fifths = (0.2, 0.4, 0.6, 0.8)
    again = [n for n in orders if n > 1] or [2]
    # Most bought once: quintiles of all would put everybody else into one score.
    often = [max(cut, place) for place, cut in enumerate(quantiles(again, (0.25, 0.5, 0.75)), start=2)]
    return Thresholds(
        recency=tuple(quantiles(days, fifths)),
        frequency=(1, *_rising(often)),
        monetary=tuple(quantiles(spent, fifths)),
    )


def _rising(values: Sequence[int]) -> list[int]:
    found: list[int] = []
    for value in values:
        found.append(max(value, found[-1] + 1) if found else value)
    return found


@dataclass(frozen=True, slots=True)
class Scores:
    """The three, 1 to 5 each."""

    recency: int
    frequency: int
    monetary: int

    @property
    def group(self) -> str:
        """The word of the group."""
        return GRID[self.recency - 1][self.frequency - 1]


def score(cuts: Thresholds, last_order_at: datetime, orders: int, spent: int, now: datetime) -> Scores:
    """The scores of a buyer."""
    return Scores(
        recency=BEST - bisect_left(cuts.recency, (now - last_order_at) / DAY),
        frequency=1 + bisect_left(cuts.frequency, orders),
        monetary=1 + bisect_left(cuts.monetary, spent),
    )


def falls_at(cuts: Thresholds, last_order_at: datetime, now: datetime) -> datetime | None:
    """The next instant at which the recency is one less; None where it is 1 already."""
    days = (now - last_order_at) / DAY
    # A threshold is passed just after its day is over.
    return next((last_order_at + cut * DAY + timedelta(seconds=1) for cut in cuts.recency if cut >= days), None)
