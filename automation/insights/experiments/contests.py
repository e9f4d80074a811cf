"""How the arms of an A/B test stand: which leads, how likely it is the best, and whether that is settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Literal

from automation.insights.experiments import enough, likelihood, sequential
from automation.insights.experiments.differences import Z
from automation.insights.experiments.groups import Group
from automation.insights.experiments.sequential import ALPHA, Seen

Metric = Literal["click", "conversion", "revenue"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm with what the test goes by, per person: a share of 0 to 1, or minor units."""

    name: str
    people: int
    value: float | None
    low: float | None
    """Of the interval that holds the true value in 95 of 100 cases; None while nothing can be said."""
    high: float | None
    chance: float
    """Of being the best, given what was seen."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a test stands at a look."""

    arms: tuple[Arm, ...]
    leader: str | None
    """The arm with the highest figure; None before there is a difference."""
    winner: str | None
    """The leader, where it is better than all others, however often one looked; never with too few people."""
    gap: float | None = None
    """The leader's figure less the next one's."""
    gap_low: float | None = None
    """Of the span that holds the true gap at all looks together."""
    gap_high: float | None = None
    missing: int | None = None
    """About how many more people it takes to see a difference worth knowing of."""
    to_settle: int | None = None
    """About how many more people settle the leader's lead, should it stay as it is."""


def standing(groups: Sequence[Group], metric: Metric, at_least: int) -> Standing:
    """How the arms stand by a metric. An arm with fewer than `at_least` people keeps all from winning."""
    seen = [outcome(group, metric) for group in groups]
    chances = _chances(groups, seen, metric)
    arms = tuple(
        Arm(group.name, s.people, s.mean if s.people else None, *_own(group, s, metric), chance)
        for group, s, chance in zip(groups, seen, chances, strict=True)
    )
    places = sorted(range(len(groups)), key=lambda place: -seen[place].mean)
    first, second = seen[places[0]], seen[places[1]]
    if first.mean <= second.mean or min(s.people for s in seen) < 2:
        return Standing(arms, None, None, missing=_people_missing(groups, at_least))
    found = sequential.winner(seen) if min(s.people for s in seen) >= at_least else None
    span = sequential.always(first, second, ALPHA / (len(seen) - 1))
    worth = enough.WORTH * (first.mean + second.mean) / 2
    reach = (span.high - span.low) / 2
    missing = to_settle = None
    if found is None and isfinite(reach):
        few = _people_missing(groups, at_least) or 0
        missing = max(enough.missing([first, second], reach, worth) or 0, few) or None
        people = sum(group.people for group in groups)
        to_settle = max(enough.about(people * ((reach / span.estimate) ** 2 - 1)), few)
    return Standing(
        arms,
        groups[places[0]].name,
        groups[found].name if found is not None else None,
        span.estimate,
        span.low if isfinite(span.low) else None,
        span.high if isfinite(span.high) else None,
        missing,
        to_settle,
    )


def outcome(group: Group, metric: Metric) -> Seen:
    """Mean and variance of one person's outcome."""
    if metric == "revenue":
        return Seen(group.people, group.mean, group.variance)
    hits = group.clicked if metric == "click" else group.converted
    share = hits / group.people if group.people else 0.0
    correction = group.people / (group.people - 1) if group.people > 1 else 1.0
    return Seen(group.people, share, share * (1 - share) * correction)


def summary(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """What a decision rests on, as plain JSON without anybody's amounts."""
    return [
        {
            "arm": group.name,
            "people": group.people,
            "clicked": group.clicked,
            "converted": group.converted,
            "revenue": group.revenue,
        }
        for group in groups
    ]


def _people_missing(groups: Sequence[Group], at_least: int) -> int | None:
    return sum(max(0, at_least - group.people) for group in groups) or None


def _chances(groups: Sequence[Group], seen: Sequence[Seen], metric: Metric) -> list[float]:
    if metric == "revenue":
        return likelihood.of_means(seen)
    return likelihood.of_shares(
        [(group.people, group.clicked if metric == "click" else group.converted) for group in groups]
    )


def _own(group: Group, seen: Seen, metric: Metric) -> tuple[float | None, float | None]:
    """An arm's own interval: Wilson's (1927) for a share, the normal one for a mean."""
    if group.people < 2:
        return None, None
    if metric == "revenue":
        reach = Z * sqrt(seen.variance / seen.people)
        return max(0.0, seen.mean - reach), seen.mean + reach
    denominator = 1 + Z * Z / seen.people
    centre = (seen.mean + Z * Z / (2 * seen.people)) / denominator
    reach = Z * sqrt(seen.mean * (1 - seen.mean) / seen.people + (Z / (2 * seen.people)) ** 2) / denominator
    return max(0.0, centre - reach), min(1.0, centre + reach)
