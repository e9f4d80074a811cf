"""How likely it is that each arm of a test is the best, given what was seen so far.

Of shares the posterior is a beta distribution, with one imagined person on either side (Bayes and Laplace's uniform
prior); of a mean it is Student's t around the sample's (the usual prior that says nothing; Gelman et al., Bayesian
Data Analysis, 3rd ed., section 3.2). The probability that an arm is the best is the integral of its density times the
distribution functions of the others, computed on a grid: no chance, no dice, the same answer every time.

It tells how things stand. It is no licence to stop: that is `sequential`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import exp, lgamma, log, log1p, pi, sqrt

from automation.insights.experiments.sequential import Seen

_CELLS = 2_000
_REACH = 10.0
"""The grid goes so many standard deviations beyond the outermost arms."""


def of_shares(arms: Sequence[tuple[int, int]]) -> list[float]:
    """The probability of being best for each (people, hits); the arms' sum is 1."""
    shapes = [(hits + 1, people - hits + 1) for people, hits in arms]
    means = [a / (a + b) for a, b in shapes]
    spreads = [sqrt(a * b / ((a + b) ** 2 * (a + b + 1))) for a, b in shapes]
    low = max(0.0, min(m - _REACH * s for m, s in zip(means, spreads, strict=True)))
    high = min(1.0, max(m + _REACH * s for m, s in zip(means, spreads, strict=True)))
    return _best([_beta(a, b) for a, b in shapes], low, high)


def of_means(arms: Sequence[Seen]) -> list[float]:
    """The probability of having the highest mean; equal shares while an arm has fewer than two people or no spread."""
    errors = [sqrt(arm.variance / arm.people) if arm.people > 1 else 0.0 for arm in arms]
    if not all(errors):
        return [1 / len(arms)] * len(arms)
    low = min(arm.mean - _REACH * error for arm, error in zip(arms, errors, strict=True))
    high = max(arm.mean + _REACH * error for arm, error in zip(arms, errors, strict=True))
    return _best([_student(a.mean, e, a.people - 1) for a, e in zip(arms, errors, strict=True)], low, high)


def _beta(a: int, b: int) -> Callable[[float], float]:
    scale = lgamma(a + b) - lgamma(a) - lgamma(b)
    return lambda x: exp(scale + (a - 1) * log(x) + (b - 1) * log1p(-x))


def _student(mean: float, error: float, degrees: int) -> Callable[[float], float]:
    half = (degrees + 1) / 2
    scale = lgamma(half) - lgamma(degrees / 2) - log(degrees * pi) / 2 - log(error)
    return lambda x: exp(scale - half * log1p(((x - mean) / error) ** 2 / degrees))


def _best(densities: Sequence[Callable[[float], float]], low: float, high: float) -> list[float]:
    width = (high - low) / _CELLS
    middles = [low + (cell + 0.5) * width for cell in range(_CELLS)]
    chances = []
    for density in densities:
        heights = [density(x) for x in middles]
        total = sum(heights)
        chances.append([height / total for height in heights])
    # Up to the middle of each cell: half of the cell itself.
    below = [[done - cell / 2 for done, cell in zip(accumulate(row), row, strict=True)] for row in chances]
    found = []
    for arm, row in enumerate(chances):
        product = list(row)
        for other, under in enumerate(below):
            if other != arm:
                product = [p * u for p, u in zip(product, under, strict=True)]
        found.append(sum(product))
    total = sum(found)
    return [value / total for value in found]
