"""What is expected of customers while a store has too few for a model: the averages of those who came as far.

For each number of purchases n (6 and more are one) the share of buyers who made at least n that went on to make
another, with one success and one failure added so that three buyers do not prove anything. The days in between are
the store's median. The longer a customer is silent, measured by that gap, the less probable it is that they are among
those who go on: with the share s and d gaps of silence it is `s·e^-d / (s·e^-d + 1 − s)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 6
USUAL_GAP = 90.0
"""Days, where nobody has bought twice."""


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The averages."""

    reached: tuple[int, ...]
    """Buyers who made at least 1, 2 … LONGEST + 1 purchases."""
    gap: float
    """Days from one purchase to the next."""

    def share(self, purchases: int) -> float:
        """Of those with so many purchases, how many make another."""
        n = min(max(purchases, 1), LONGEST)
        return (self.reached[n] + 1) / (self.reached[n - 1] + 2)

    def alive(self, purchases: int, silent: float) -> float:
        """The probability that a customer who is `silent` for so many days buys again."""
        share = self.share(purchases)
        still = share * math.exp(-min(max(silent, 0.0) / self.gap, 700.0))
        return still / (still + 1 - share)

    def expected(self, purchases: int, silent: float, days: float) -> float:
        """Purchases within the next `days`."""
        found, reaching = 0.0, self.alive(purchases, silent)
        whole, part = divmod(days / self.gap, 1)
        for step in range(min(int(whole), 1_000)):
            found += reaching
            reaching *= self.share(purchases + step + 1)
        return found + part * reaching


def cohorts_of(purchases: Sequence[int], gaps: Sequence[float]) -> Cohorts:
    """The averages of these buyers' numbers of purchases, and of the days between two of one customer."""
    reached = tuple(sum(n >= at for n in purchases) for at in range(1, LONGEST + 2))
    ordered = sorted(gaps)
    gap = ordered[len(ordered) // 2] if ordered else USUAL_GAP
    return Cohorts(reached, max(gap, 1.0))
