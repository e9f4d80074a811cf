"""Says a group of buyers as a rule that a person can read: up to three comparisons.

The comparisons are chosen one by one, each the one that makes the rule agree best with the group (its F1: the harmonic
mean of how many of the rule's buyers are in the group and how many of the group's the rule finds), until none helps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from automation.insights.personas.grouping import Buyer

_LONGEST = 3
_GAIN = 0.02
"""What a further comparison has to add."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One comparison, as it is asked of a buyer and as a rule says it."""

    holds: Callable[[Buyer], bool]
    rule: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Worded:
    """A rule, and how well it is the group."""

    rule: dict[str, Any]
    precision: float
    """Of those for whom it holds, the share in the group."""
    recall: float
    """Of the group, the share for whom it holds."""


def worded(buyers: Sequence[Buyer], members: Collection[int]) -> Worded:
    """The rule for the buyers at the places `members`, which are some and not all."""
    cuts = list(_cuts(buyers))
    holding = [{place for place, buyer in enumerate(buyers) if cut.holds(buyer)} for cut in cuts]
    wanted, found = set(members), set(range(len(buyers)))
    chosen: list[int] = []
    score = _agreement(found, wanted)
    while len(chosen) < _LONGEST:
        best = max(range(len(cuts)), key=lambda i: _agreement(found & holding[i], wanted), default=None)
        if best is None or _agreement(found & holding[best], wanted) < score + _GAIN:
            break
        found, chosen = found & holding[best], [*chosen, best]
        score = _agreement(found, wanted)
    # Each field's comparisons together, in the order of the fields.
    rules = [cuts[i].rule for i in sorted(chosen)]
    if all(rule["is"] == "less_than" and rule["field"] == "order_count" for rule in rules):
        # Whoever never bought has no last order, but fewer than two orders.
        rules = [_said("order_count", "at_least", 1), *rules]
    both = len(found & wanted)
    return Worded({"all": rules}, both / len(found) if found else 0.0, both / len(wanted) if wanted else 0.0)


def _agreement(found: Collection[int], wanted: set[int]) -> float:
    both = len(wanted.intersection(found))
    return 2 * both / (len(found) + len(wanted)) if found or wanted else 0.0


def _cuts(buyers: Sequence[Buyer]) -> Iterator[Cut]:
    for value in _steps([b.orders for b in buyers]):
        yield _cut("order_count", "at_least", value, lambda b, v: b.orders >= v)
        yield _cut("order_count", "less_than", value, lambda b, v: b.orders < v)
    for value in _steps([b.days_since for b in buyers]):
        yield _cut("last_order_at", "in_last_days", value, lambda b, v: b.days_since <= v)
        yield _cut("last_order_at", "over_days_ago", value, lambda b, v: b.days_since > v)
    for value in _steps([b.days_known for b in buyers]):
        yield _cut("first_order_at", "in_last_days", value, lambda b, v: b.days_known <= v)
        yield _cut("first_order_at", "over_days_ago", value, lambda b, v: b.days_known > v)
    for value in _steps([b.average for b in buyers]):
        yield _cut("order_average", "at_least", value, lambda b, v: b.average >= v)
        yield _cut("order_average", "less_than", value, lambda b, v: b.average < v)


def _cut(field: str, operator: str, value: int, holds: Callable[[Buyer, int], bool]) -> Cut:
    return Cut(lambda buyer: holds(buyer, value), _said(field, operator, value))


def _said(field: str, operator: str, value: int) -> dict[str, Any]:
    return {"field": field, "is": operator, "value": value}


def _steps(values: Sequence[float]) -> list[int]:
    """Where a comparison may cut: the nineteen twentieths, as round numbers above 1."""
    ordered = sorted(values)
    cuts = {_rounded(ordered[len(ordered) * n // 20]) for n in range(1, 20)}
    return sorted(cut for cut in cuts if cut > 1)


def _rounded(value: float) -> int:
    """To two digits: a person reads 120 days, not 117."""
    if value < 20:
        return round(value)
    digits = len(str(int(value))) - 2
    return round(round(value, -digits))
