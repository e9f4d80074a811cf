"""BG/NBD: how often a customer will buy, and whether they still do.

While active a customer buys at random at a rate of their own, Gamma(r, alpha) over the customers; after each repeat
purchase they leave for good with a probability of their own, Beta(a, b). Fader, Hardie and Lee, "Counting your
customers the easy way: an alternative to the Pareto/NBD model", Marketing Science 24 (2005); numbers in brackets are
those of its equations. Times are in weeks, as there.

Whoever bought once cannot have left in this model: there was no repeat purchase to leave after.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

from automation.insights.value.simplex import minimise

_BESIDE = 1e-6
"""How near to a singular point of a formula is too near."""
_TERMS = 100_000
_SMALL = 1e-12
_FAR = 12.0
"""A logarithm beyond which nobody searches: the likelihood hardly changes out there."""
_HUGE = 10_000.0
"""A parameter beyond this says that customers hardly differ: the data do not hold the model."""
_FEWEST = 0.001
"""Where fewer leave after a purchase, on average, nobody ever counts as gone, however long they are silent."""


@dataclass(frozen=True, slots=True)
class History:
    """What the model knows of a customer."""

    repeats: int
    """Purchases after the first (x)."""
    last: float
    """Weeks from the first purchase to the last (t_x); 0 without repeats."""
    known: float
    """Weeks from the first purchase to now (T)."""


@dataclass(frozen=True, slots=True)
class Purchasing:
    """The four parameters."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, histories: Iterable[tuple[History, int]]) -> float:
        """Of histories, each with how often it occurs (6)."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        constants: dict[int, tuple[float, float]] = {}
        total = 0.0
        for one, count in histories:
            x = one.repeats
            if x not in constants:
                own = lgamma(r + x) - lgamma(r) + r * log(alpha)
                own += lgamma(a + b) + lgamma(b + x) - lgamma(b) - lgamma(a + b + x)
                constants[x] = own, log(a) - log(b + x - 1) if x else 0.0
            constant, left = constants[x]
            active = -(r + x) * log(alpha + one.known)
            if x:
                gone = left - (r + x) * log(alpha + one.last)
                high, low = max(active, gone), min(active, gone)
                active = high + math.log1p(exp(low - high))
            total += count * (constant + active)
        return total

    def alive(self, one: History) -> float:
        """The probability that the customer is still active."""
        if not one.repeats:
            return 1.0
        x, r, alpha = one.repeats, self.r, self.alpha
        odds = (r + x) * log((alpha + one.known) / (alpha + one.last))
        return 1.0 / (1.0 + self.a / (self.b + x - 1) * exp(min(odds, 700.0)))

    def expected(self, one: History, weeks: float) -> float:
        """Purchases in the next `weeks` (10)."""
        r, alpha, a, b, x = self.r, self.alpha, self.a, self.b, one.repeats
        # There the formula is 0 / 0; right beside, it is as good as its limit.
        if abs(a - 1) < _BESIDE:
            a = 1 + _BESIDE
        if abs(a + b + x - 1) < _BESIDE:
            b += 2 * _BESIDE
        share = weeks / (alpha + one.known + weeks)
        grown = _hypergeometric(r + x, b + x, a + b + x - 1, share)
        shrunk: float = ((alpha + one.known) / (alpha + one.known + weeks)) ** (r + x)
        found = (a + b + x - 1) / (a - 1) * (1 - shrunk * grown)
        return max(0.0, found * self.alive(one))

    def may_buy_within(self, one: History, weeks: float) -> float:
        """The probability of at least one purchase in the next `weeks`."""
        quiet: float = ((self.alpha + one.known) / (self.alpha + one.known + weeks)) ** (self.r + one.repeats)
        return self.alive(one) * (1 - quiet)

    def half_way(self, one: History) -> float | None:
        """Weeks from now by when they will have bought as probably as not; None where that never comes."""
        alive = self.alive(one)
        if alive <= 0.5:
            return None
        # may_buy_within() turned round.
        exponent = -log(1 - 0.5 / alive) / (self.r + one.repeats)
        return None if exponent > 20 else (self.alpha + one.known) * math.expm1(exponent)


def _hypergeometric(a: float, b: float, c: float, z: float) -> float:
    """Gauss's 2F1 for 0 <= z < 1, term by term."""
    if z > 0.9:
        # Euler's transformation: the same value from a series that ends sooner.
        return float((1 - z) ** (c - a - b)) * _series(c - a, c - b, c, z)
    return _series(a, b, c, z)


def _series(a: float, b: float, c: float, z: float) -> float:
    term = total = 1.0
    for n in range(_TERMS):
        term *= (a + n) * (b + n) / ((c + n) * (n + 1)) * z
        total += term
        if abs(term) <= _SMALL * abs(total):
            return total
    return total


def fit(histories: Sequence[History]) -> Purchasing | None:
    """The parameters under which these histories are most likely; None where there are none worth having."""
    counted = Counter(histories)
    # Searched on the logarithms, so that every parameter stays above 0.
    scale = max((one.known for one in counted), default=0.0)
    if scale <= 0:
        return None
    items = [
        (History(one.repeats, one.last / scale, one.known / scale), count) for one, count in counted.items()
    ]  # in [0, 1], so that one start serves every shop

    def unlikely(point: tuple[float, ...]) -> float:
        if max(map(abs, point)) > _FAR:
            return math.inf
        return -Purchasing(*map(exp, point)).log_likelihood(items) / len(histories)

    found = minimise(unlikely, (0.0, 0.0, 0.0, 0.0))
    if found is None:
        return None
    r, alpha, a, b = map(exp, found)
    fitted = Purchasing(r, alpha * scale, a, b)
    return fitted if max(r, a, b) < _HUGE and a / (a + b) >= _FEWEST else None
