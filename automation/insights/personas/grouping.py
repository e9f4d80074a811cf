"""Finds groups among buyers by how they buy: k-means, with as many groups as the silhouette says.

Four figures of each buyer, on a logarithmic scale where they spread over powers of ten, are standardised to a mean of
0 and a deviation of 1. k-means (Lloyd 1982, seeded as in Arthur and Vassilvitskii, "k-means++", 2007) is run for two
to six groups; kept is the number with the greatest mean silhouette (Rousseeuw 1987). The dice are the same each time,
so the same buyers give the same groups.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import dist, log1p, sqrt

FEWEST, MOST = 2, 6
"""Groups."""
ENOUGH = 60
"""Buyers below which groups mean nothing."""
_RUNS = 3
_ROUNDS = 40
_COMPARED = 300
"""Buyers whose silhouettes are worked out; each is compared with all of these."""
_SEED = 1


@dataclass(frozen=True, slots=True)
class Buyer:
    """What groups are found by."""

    days_since: float
    """The last order."""
    days_known: float
    """Since the first order."""
    orders: int
    average: float
    """Of an order, in minor units."""

    def point(self) -> tuple[float, ...]:
        """On the scales that are compared."""
        return log1p(max(self.days_since, 0)), log1p(max(self.days_known, 0)), log1p(self.orders), log1p(self.average)


Point = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups that were found."""

    labels: tuple[int, ...]
    """The group of each buyer, 0 the largest."""
    silhouette: float
    """-1 to 1: how much nearer each is to their own group than to the next."""
    tried: tuple[tuple[int, float], ...]
    """(groups, silhouette) of each number."""


def groups_of(buyers: Sequence[Buyer]) -> Grouping | None:
    """The groups among buyers; None for too few of them, or where all are alike."""
    points = standardised([buyer.point() for buyer in buyers])
    if len(buyers) < ENOUGH or len(set(points)) <= MOST:
        return None
    found: list[tuple[float, list[int]]] = []
    tried: list[tuple[int, float]] = []
    for k in range(FEWEST, MOST + 1):
        labels = k_means(points, k, random.Random(_SEED))
        value = silhouette(points, labels)
        tried.append((k, value))
        found.append((value, labels))
    value, labels = max(found, key=lambda one: one[0])
    ranked = sorted(set(labels), key=lambda label: (-labels.count(label), label))
    return Grouping(tuple(ranked.index(label) for label in labels), value, tuple(tried))


def standardised(points: Sequence[Point]) -> list[Point]:
    """The points with each coordinate's mean at 0 and its deviation at 1; one that never differs is 0."""
    columns = []
    for values in zip(*points, strict=True):
        mean = sum(values) / len(values)
        deviation = sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        columns.append([(v - mean) / deviation if deviation > 1e-12 else 0.0 for v in values])
    return list(zip(*columns, strict=True))


def k_means(points: Sequence[Point], k: int, dice: random.Random) -> list[int]:
    """The group of each point: the best of a few runs from different beginnings."""
    best: tuple[float, list[int]] | None = None
    for _ in range(_RUNS):
        centres = _beginnings(points, k, dice)
        labels: list[int] = []
        for _ in range(_ROUNDS):
            nearest = [min(range(k), key=lambda i: dist(point, centres[i])) for point in points]
            if nearest == labels:
                break
            labels = nearest
            centres = _centres(points, labels, centres)
        spread = sum(dist(p, centres[label]) ** 2 for p, label in zip(points, labels, strict=True))
        if best is None or spread < best[0]:
            best = spread, labels
    assert best is not None
    return best[1]


def _beginnings(points: Sequence[Point], k: int, dice: random.Random) -> list[Point]:
    centres = [dice.choice(points)]
    while len(centres) < k:
        away = [min(dist(point, centre) for centre in centres) ** 2 for point in points]
        centres.append(dice.choices(points, weights=away if any(away) else None)[0])
    return centres


def _centres(points: Sequence[Point], labels: Sequence[int], before: Sequence[Point]) -> list[Point]:
    found = []
    for i, old in enumerate(before):
        mine = [point for point, label in zip(points, labels, strict=True) if label == i]
        found.append(tuple(sum(values) / len(mine) for values in zip(*mine, strict=True)) if mine else old)
    return found


def silhouette(points: Sequence[Point], labels: Sequence[int]) -> float:
    """The mean silhouette of an even pick of the points; 0 for a single group."""
    step = max(1, len(points) // _COMPARED)
    picked = list(zip(points, labels, strict=True))[::step]
    if len({label for _, label in picked}) < 2:
        return 0.0
    total = 0.0
    for place, (point, label) in enumerate(picked):
        sums: dict[int, tuple[float, int]] = {}
        for other, (there, group) in enumerate(picked):
            if other != place:
                far, n = sums.get(group, (0.0, 0))
                sums[group] = far + dist(point, there), n + 1
        if label not in sums:
            continue  # alone in its group: 0
        within = sums[label][0] / sums[label][1]
        between = min(far / n for group, (far, n) in sums.items() if group != label)
        total += (between - within) / max(between, within) if max(between, within) else 0.0
    return total / len(picked)
