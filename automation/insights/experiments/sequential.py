"""A decision between the arms of a test that stays valid however often one looks at it.

The usual tests allow for one look. Whoever looks every day and stops at the first "significant" finds a winner among
equals in a third of all cases. Here the evidence of a pair of arms is the mixture likelihood ratio of Robbins (1970,
Annals of Mathematical Statistics 41:1397-1409) with a normal mixture, as Johari, Koomen, Pekelis and Walsh put it to
A/B tests (2022, Operations Research 70:1806-1821): under equal arms it reaches 1/α at any time with a chance of at
most α. Means of many people are close to normal, so it serves for shares and for revenue; the same in the limit for
any distribution: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024, Annals of Statistics 52:2613-2640).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt

from automation.insights.experiments.differences import Interval

ALPHA = 0.05
"""At most so many tests between equal arms are ever given a winner."""
TUNED_TO = 500
"""People in each arm at which the mixture is sharpest. It holds at any number; this decides what is found soonest."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of an arm at a look: how many people, and the mean and variance of one person's outcome."""

    people: int
    mean: float
    variance: float


def evidence(one: Seen, other: Seen) -> float:
    """How many times better a difference explains what is seen than equality does; 1 before anybody has come.

    The variance is that of both arms taken together, which is what it is if they are equal; it steadies the start,
    where an arm without a single order would seem to have none.
    """
    pooled = _pooled(one, other)
    if pooled <= 0 or min(one.people, other.people) < 2:
        return 1.0
    variance = pooled * (1 / one.people + 1 / other.people)
    prior = _prior(pooled)
    gap = one.mean - other.mean
    power = prior * gap * gap / (2 * variance * (variance + prior))
    return sqrt(variance / (variance + prior)) * exp(min(power, 600.0))


def always(one: Seen, other: Seen, alpha: float = ALPHA) -> Interval:
    """The first mean less the other, with a span that holds the true one at all looks together (1 - α).

    Without anybody, or without any spread, the span is all there is.
    """
    gap = one.mean - other.mean
    if min(one.people, other.people) < 2:
        return Interval(gap, -inf, inf)
    pooled = _pooled(one, other)
    if pooled <= 0:
        return Interval(gap, -inf, inf)
    variance = pooled * (1 / one.people + 1 / other.people)
    prior = _prior(pooled)
    reach = sqrt(2 * variance * (variance + prior) / prior * log(sqrt((variance + prior) / variance) / alpha))
    return Interval(gap, gap - reach, gap + reach)


def winner(arms: Sequence[Seen]) -> int | None:
    """The place of the arm that is better than every other one, or None while that cannot be said.

    Each pair is given α / (number of others). An arm has to beat all others, so a false winner among equals has at
    most a chance of α, however many arms there are.
    """
    if len(arms) < 2:
        return None
    first = max(range(len(arms)), key=lambda place: arms[place].mean)
    needed = (len(arms) - 1) / ALPHA
    beaten = all(
        arms[first].mean > arm.mean and evidence(arms[first], arm) >= needed
        for place, arm in enumerate(arms)
        if place != first
    )
    return first if beaten else None


def _pooled(one: Seen, other: Seen) -> float:
    """The variance of everybody of two arms taken together."""
    people = one.people + other.people
    if people < 2:
        return 0.0
    gap = one.mean - other.mean
    within = max(one.people - 1, 0) * one.variance + max(other.people - 1, 0) * other.variance
    return (within + gap * gap * one.people * other.people / people) / (people - 1)


def _prior(pooled: float) -> float:
    # Where V is the variance of a difference, a mixture of variance c V decides soonest; c solves the width's minimum.
    return (-2 * log(ALPHA) + log(1 - 2 * log(ALPHA))) * pooled * 2 / TUNED_TO
