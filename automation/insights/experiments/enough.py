"""How many people a comparison takes, and how many are still missing."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10

from automation.insights.experiments.differences import Z
from automation.insights.experiments.sequential import Seen

WORTH = 0.2
"""A difference of so much of what is usual is worth knowing of: what one waits for."""
LEAST_IN_EACH = 5
"""People in a group below which nothing is said of it."""
_POWER = 0.8416212335729143
"""Of the normal distribution, 80 % lie below: a difference worth knowing of is found that often."""


def missing(seen: Sequence[Seen], reach: float, worth: float) -> int | None:
    """About how many more people it takes to see a difference of `worth` in four of five cases; None if none can tell.

    The usual count for comparing two means with groups of unequal size, at the spread seen so far (Fleiss, Levin and
    Paik 2003, Statistical Methods for Rates and Proportions, chapter 4). It is no less than what shrinks an interval
    that now reaches `reach` to either side to `worth`. Before anybody has bought, nothing is usual yet.
    """
    people = sum(s.people for s in seen)
    if worth <= 0 or any(s.people < 1 for s in seen):
        return None
    spread = sum(s.variance * people / s.people for s in seen)
    needed = max((Z + _POWER) ** 2 * spread / worth**2, people * (reach / worth) ** 2)
    return max(about(needed - people), LEAST_IN_EACH)


def about(count: float) -> int:
    """A number of people, rounded up to two digits: more would be a pretence."""
    if count <= 1:
        return 1
    step = 10 ** max(0, int(log10(count)) - 1)
    return int(ceil(count / step) * step)
