"""What is expected of customers while no model holds: the averages of those who came as far.

For each number of purchases n (6 and more are one) the share of buyers who made at least n that went on to make
another, with one success and one failure added so that three buyers do not prove anything; the days in between, as the
median of those who made at least n; and what they spend in a purchase. The longer a customer is silent, measured by
that gap, the less probable it is that they are among those who go on: with the share s and d gaps of silence it is
`s·e^-d / (s·e^-d + 1 − s)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 6
USUAL_GAP = 90.0
"""Days, where nobody has bought twice."""
ENOUGH = 5
"""Customers below which a cohort's gap and amount are those of the one before it."""


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The averages."""

    reached: tuple[int, ...]
    """Buyers who made at least 1, 2 … LONGEST + 1 purchases."""
    gaps: tuple[float, ...]
    """Days from one purchase to the next, of those who made at least 1, 2 … LONGEST."""
    amounts: tuple[float, ...]
    """What they spend in a purchase, in minor units."""

    def share(self, purchases: int) -> float:
        """Of those with so many purchases, how many make another."""
        n = min(max(purchases, 1), LONGEST)
        return (self.reached[n] + 1) / (self.reached[n - 1] + 2)

    def gap(self, purchases: int) -> float:
        """Days from that purchase to the next."""
        return self.gaps[min(max(purchases, 1), LONGEST) - 1]

    def amount(self, purchases: int) -> float:
        """What they spend in a purchase."""
        return self.amounts[min(max(purchases, 1), LONGEST) - 1]

    def alive(self, purchases: int, silent: float) -> float:
        """The probability that a customer who is `silent` for so many days buys again."""
        share = self.share(purchases)
        still = share * math.exp(-min(max(silent, 0.0) / self.gap(purchases), 700.0))
        return still / (still + 1 - share)

    def expected(self, purchases: int, silent: float, days: float) -> float:
        """Purchases within the next `days`."""
        found, left, reaching = 0.0, days, self.alive(purchases, silent)
        while left > 0:
            gap = self.gap(purchases)
            found += reaching * min(1.0, left / gap)
            left -= gap
            purchases += 1
            reaching *= self.share(purchases)
        return found


@dataclass(frozen=True, slots=True)
class Bought:
    """A buyer."""

    purchases: int
    gap: float | None
    """Days from one of theirs to the next, on average; None with a single one."""
    spent: int


def cohorts_of(buyers: Sequence[Bought]) -> Cohorts:
    """The averages of these buyers."""
    gaps: list[float] = []
    amounts: list[float] = []
    for n in range(1, LONGEST + 1):
        far = [one for one in buyers if one.purchases >= n]
        between = sorted(one.gap for one in far if one.gap is not None)
        if n == 1 or len(between) >= ENOUGH:
            gaps.append(max(between[len(between) // 2], 1.0) if between else USUAL_GAP)
            bought = sum(one.purchases for one in far)
            amounts.append(max(0.0, sum(one.spent for one in far) / bought) if bought else 0.0)
        else:
            gaps.append(gaps[-1])
            amounts.append(amounts[-1])
    reached = tuple(sum(one.purchases >= n for one in buyers) for n in range(1, LONGEST + 2))
    return Cohorts(reached, tuple(gaps), tuple(amounts))
