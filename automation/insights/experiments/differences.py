"""The difference between two groups of people with its interval: in the share who did something, and in the mean of
what each spent.

Both hold their coverage where there are few people and few buyers, which the usual normal intervals do not. Only the
standard library is needed: a table of people is reduced to those who bought before anything is computed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import acos, copysign, cos, exp, inf, lgamma, pi, sqrt
from random import Random

from automation.insights.experiments.groups import Group

Z = 1.959963984540054
"""Of the normal distribution, 2.5 % lie above."""
ROUNDS = 999
"""Reassignments that an interval of revenue rests on."""
MANY = 2_000
"""With so many buyers in both groups the normal law serves, and reassigning would take seconds."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference, and the span that holds the true one in 95 of 100 such experiments."""

    estimate: float
    low: float
    high: float

    @property
    def is_above(self) -> bool:
        """Whether all of it lies above 0."""
        return self.low > 0

    @property
    def is_below(self) -> bool:
        """Whether all of it lies below 0."""
        return self.high < 0


def of_shares(hits: int, people: int, hits_other: int, people_other: int) -> Interval:
    """The first group's share less the other's.

    The score interval of Miettinen and Nurminen (1985, Statistics in Medicine 4:213-226), with the closed form of
    Farrington and Manning (1990, ibid. 9:1447-1454) for the shares that fit best under a given difference. Raises
    ValueError where a group is empty.
    """
    if people < 1 or people_other < 1:
        raise ValueError("a group of nobody has no share")
    difference = hits / people - hits_other / people_other
    total = people + people_other

    def score(assumed: float) -> float:
        one, other = _fitting(hits / people, hits_other / people_other, people_other / people, assumed)
        variance = (one * (1 - one) / people + other * (1 - other) / people_other) * total / (total - 1)
        if variance <= 0:
            return 0.0 if abs(difference - assumed) < 1e-12 else copysign(inf, difference - assumed)
        return (difference - assumed) / sqrt(variance)

    return Interval(difference, _where(score, -1.0, difference, Z), _where(score, difference, 1.0, -Z))


def _where(score: Callable[[float], float], low: float, high: float, wanted: float) -> float:
    # The score falls as the assumed difference rises.
    for _ in range(60):
        middle = (low + high) / 2
        if score(middle) > wanted:
            low = middle
        else:
            high = middle
        if high - low < 1e-10:
            break
    return (low + high) / 2


def _fitting(one: float, other: float, ratio: float, difference: float) -> tuple[float, float]:
    """The most likely pair of shares that differ by `difference`: a root of a cubic."""
    a = 1 + ratio
    b = -(1 + ratio + one + ratio * other + difference * (ratio + 2))
    c = difference * difference + difference * (2 * one + ratio + 1) + one + ratio * other
    d = -one * difference * (1 + difference)
    v = b**3 / (27 * a**3) - b * c / (6 * a * a) + d / (2 * a)
    u = copysign(sqrt(max(0.0, b * b / (9 * a * a) - c / (3 * a))), v)
    angle = acos(max(-1.0, min(1.0, v / u**3))) if u else pi / 2
    found = 2 * u * cos((pi + angle) / 3) - b / (3 * a)
    found = min(max(found, 0.0, difference), 1.0, 1 + difference)
    return found, found - difference


def of_means(one: Group, other: Group, seed: str, rounds: int = ROUNDS) -> Interval | None:
    """Revenue per person in the first group less that in the other; None while nobody has bought.

    The studentised permutation interval (Janssen 1997, Statistics & Probability Letters 36:9-21; Chung and Romano
    2013, Annals of Statistics 41:484-507): everybody's amount is dealt out again to groups of the same sizes, and the
    distribution of the difference in its own standard errors takes the place of Student's. It is exact, however few
    and skewed the amounts, where the groups are alike, and right in the limit where they are not. Who bought nothing
    need not be dealt: how many buyers fall into the smaller group is hypergeometric. With few people held out it is
    likely that none of them buys; Blaker's order of outcomes (2000, Canadian Journal of Statistics 28:783-798) keeps
    the interval from being wider than it has to be for that. The same seed gives the same interval.
    """
    if not one.converted + other.converted:
        return None
    difference = one.mean - other.mean
    error = sqrt(one.variance / one.people + other.variance / other.people)
    if min(one.converted, other.converted) >= MANY:
        return Interval(difference, difference - Z * error, difference + Z * error)
    dealt = _dealt(one, other, Random(seed), rounds)
    low, high = _usual(dealt)
    return Interval(difference, difference - high * error, difference - low * error)


def _usual(dealt: Sequence[float]) -> tuple[float, float]:
    """Between which scores 95 % of the reassignments lie, those left out having the smaller tail beyond them.

    Where one value comes so often at one end that it cannot be left out, the other end may have more than 2.5 %.
    """
    total = len(dealt)
    tails = [min(bisect_right(dealt, score), total - bisect_left(dealt, score)) for score in dealt]
    # What was seen is one of the possible outcomes, too, and may lie at either end.
    allowed = round(0.05 * (total + 1)) - 2
    # The outcomes with the smallest tails go first, equal ones together.
    order = sorted(tails)
    least = order[allowed - 1] if order[allowed - 1] < order[allowed] else order[allowed - 1] - 1
    kept = [score for score, tail in zip(dealt, tails, strict=True) if tail > least]
    return kept[0], kept[-1]


def _dealt(one: Group, other: Group, chance: Random, rounds: int) -> list[float]:
    """The difference in its standard errors after each reassignment, in ascending order."""
    is_turned = one.people < other.people
    few, many = (one.people, other.people) if is_turned else (other.people, one.people)
    amounts = sorted([*one.spent, *other.spent])
    sums, squares = one.revenue + other.revenue, one.squares + other.squares
    least, chances = _hypergeometric(len(amounts), few, many)
    found = []
    for _ in range(rounds):
        drawn = chance.sample(amounts, least + bisect_left(chances, chance.random()))
        part, part_squares = sum(drawn), sum(amount * amount for amount in drawn)
        rest, rest_squares = sums - part, squares - part_squares
        variance = (rest_squares - rest * rest / many) / (many - 1) / many
        variance += (part_squares - part * part / few) / (few - 1) / few if few > 1 else 0.0
        score = (rest / many - part / few) / sqrt(variance) if variance > 0 else 0.0
        found.append(-score if is_turned else score)
    return sorted(found)


def _hypergeometric(buyers: int, few: int, many: int) -> tuple[int, list[float]]:
    """How many of the buyers may fall into the smaller group: the least, and the chances of at most that, one more …"""
    least, most = max(0, buyers - many), min(buyers, few)

    def ways(of: int, taken: int) -> float:
        return lgamma(of + 1) - lgamma(taken + 1) - lgamma(of - taken + 1)

    logs = [ways(few, n) + ways(many, buyers - n) for n in range(least, most + 1)]
    top = max(logs)
    weights = [exp(value - top) for value in logs]
    total = sum(weights)
    chances = list(accumulate(weight / total for weight in weights))
    chances[-1] = 1.0
    return least, chances
