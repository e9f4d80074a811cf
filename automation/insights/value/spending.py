"""Gamma-Gamma: what a customer spends in a purchase, whatever they happened to spend so far.

A customer's purchases vary around a mean of their own, Gamma with the shape p; the means vary over the customers so
that their reciprocals are Gamma(q, gamma). Fader and Hardie, "The Gamma-Gamma model of monetary value" (2013), after
Colombo and Jiang (1999). The fewer purchases there are of a customer, the more the mean of all counts. It takes for
granted that how much somebody spends says nothing of how often they buy; the page shows how far that is true.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

from automation.insights.value.simplex import minimise

_FAR = 12.0
"""A logarithm beyond which nobody searches."""
_HUGE = 10_000.0
MOST = 3_000
"""Customers that are looked at, evenly: the three parameters stand long before."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What is known of a customer who bought again."""

    repeats: int
    mean: float
    """Of their repeat purchases; above 0."""


@dataclass(frozen=True, slots=True)
class Spending:
    """The three parameters; `gamma` is in the unit of the amounts."""

    p: float
    q: float
    gamma: float

    def log_likelihood(self, spent: Sequence[tuple[Spent, int]]) -> float:
        """Of customers, each with how many are alike."""
        p, q, gamma = self.p, self.q, self.gamma
        constants: dict[int, float] = {}
        total = 0.0
        for one, count in spent:
            x = one.repeats
            px = p * x
            if x not in constants:
                constants[x] = lgamma(px + q) - lgamma(px) - lgamma(q) + q * log(gamma) + px * log(x)
            amounts = (px - 1) * log(one.mean) - (px + q) * log(gamma + x * one.mean)
            total += count * (constants[x] + amounts)
        return total

    @property
    def usual(self) -> float:
        """The mean over all customers."""
        return self.p * self.gamma / (self.q - 1)

    def mean(self, repeats: int, seen: float) -> float:
        """What a purchase of a customer is expected to bring, after `repeats` of `seen` on average."""
        return (self.gamma + repeats * seen) * self.p / (self.p * repeats + self.q - 1)


def fit(spent: Sequence[Spent]) -> Spending | None:
    """The parameters under which these customers are most likely; None where there are none worth having."""
    if not spent:
        return None
    spent = spent[:: -(-len(spent) // MOST)]
    scale = sum(one.mean for one in spent) / len(spent)
    counted = [(Spent(one.repeats, one.mean / scale), count) for one, count in Counter(spent).items()]

    def unlikely(point: tuple[float, ...]) -> float:
        if max(map(abs, point)) > _FAR:
            return math.inf
        return -Spending(*map(exp, point)).log_likelihood(counted) / len(spent)

    found = minimise(unlikely, (1.0, 1.0, 0.0))
    if found is None:
        return None
    p, q, gamma = map(exp, found)
    # Without q above 1 the mean over all customers would be infinite.
    return Spending(p, q, gamma * scale) if 1 < q < _HUGE and p < _HUGE else None


def correlation(spent: Sequence[Spent]) -> float:
    """How far the number of repeat purchases goes along with their mean, -1 to 1; 0 where it cannot be told."""
    if len(spent) < 2:
        return 0.0
    n = len(spent)
    counts, means = [float(one.repeats) for one in spent], [one.mean for one in spent]
    mid_count, mid_mean = sum(counts) / n, sum(means) / n
    both = sum((c - mid_count) * (m - mid_mean) for c, m in zip(counts, means, strict=True))
    apart = sum((c - mid_count) ** 2 for c in counts) * sum((m - mid_mean) ** 2 for m in means)
    return both / math.sqrt(apart) if apart else 0.0
