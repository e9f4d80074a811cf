"""Which tags a customer has: those that shops tell of, save where a flow has said otherwise.

A shop sends all the tags that it knows, and knows nothing of ours. What a flow said of a tag, that it is there or that
it is not, is kept beside the list and stands until a flow says something else of the same tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_TAGS = 250
"""As many tags as a customer may have."""

Own = Sequence[Any]
"""What flows said, the oldest first, as it is stored: [["gold", true], ["new", false]]. JSONB keeps no other order."""


def standing(told: Iterable[str], own: Own | None) -> list[str]:
    """The tags of a customer of whom a shop tells some and flows said of others whether they are there.

    In the shop's order, then ours in the order in which they were set. Where there are too many the shop's give way.
    """
    ours = dict(own or ())
    there = [tag for tag, is_there in ours.items() if is_there]
    theirs = [tag for tag in dict.fromkeys(told) if tag not in ours]
    return [*theirs[: MAX_TAGS - len(there)], *there]


def said(own: Own | None, wishes: Mapping[str, bool]) -> list[Any]:
    """What flows have said of tags, after they said some more; the oldest are forgotten where there are too many."""
    before = [[tag, is_there] for tag, is_there in own or () if tag not in wishes]
    return [*before, *([tag, is_there] for tag, is_there in wishes.items())][-MAX_TAGS:]
