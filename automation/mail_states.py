"""A message's state as its provider's events make it: a pure rule, the same for any order of the same events.

    complained > bounced > delivered > rejected > accepted

An event about a message that we still think of as on its way proves that its provider took it: the message moves
on and its fence goes up, so that the deliver stage's own record, should it come later, finds nothing to overwrite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from automation.changes import MailEvent
from automation.models import SENT

STAMPS = {
    "delivered": "delivered_at",
    "soft_bounce": "bounced_at",
    "hard_bounce": "bounced_at",
    "complaint": "complained_at",
    "open": "opened_at",
    "click": "clicked_at",
    "unsubscribe": "unsubscribed_at",
}
"""Event → the message's column that keeps its earliest instant."""
BY_PEOPLE = frozenset({"open", "click"})
"""Events that count only when no machine made them."""
REASONS = ("soft_bounce", "hard_bounce", "refused_by_provider", "suppressed_by_provider", "complaint")
"""Reasons that events give a message, the weightiest last."""
REASON_OF = {
    "soft_bounce": "soft_bounce",
    "hard_bounce": "hard_bounce",
    "rejected": "refused_by_provider",
    "complaint": "complaint",
}
"""Event → the message's reason; a rejection by the provider's own list is suppressed_by_provider."""
KEPT = frozenset({"possible_duplicate"})
"""Reasons that a mail keeps when it turns out to have been taken."""
CHANGING = (
    "connection_id",
    "provider_id",
    "state",
    "reason",
    "fence",
    "claimed_by",
    "lease_until",
    "accepted_at",
    *dict.fromkeys(STAMPS.values()),
)


def moved(old: Any, events: Sequence[MailEvent], connection_id: int, now: datetime) -> dict[str, Any]:
    """The CHANGING columns of a message after events that a connection told.

    `old` has those columns, and `created_at`, as attributes.
    """
    new: dict[str, Any] = {name: getattr(old, name) for name in CHANGING}
    is_rejected = old.state == "rejected"
    for event in events:
        # A clock that is wrong elsewhere must not date a mail's fate before its making or after the present.
        at = min(max(event.at, old.created_at), now)
        if event.event == "rejected":
            is_rejected = True
        elif event.event != "resubscribe":
            new["accepted_at"] = min(new["accepted_at"] or at, at)
        stamp = STAMPS.get(event.event)
        if stamp and not (event.is_machine and event.event in BY_PEOPLE):
            new[stamp] = min(new[stamp] or at, at)
        if event.provider_id and not new["provider_id"]:
            new |= {"provider_id": event.provider_id, "connection_id": connection_id}
    new["state"] = _state(new, is_rejected=is_rejected)
    new["reason"] = _reason(old, events)
    if new["state"] != old.state:
        new |= {"claimed_by": None, "lease_until": None}
        if old.state not in SENT:
            new["fence"] = old.fence + 1
    return new


def _state(new: dict[str, Any], *, is_rejected: bool) -> str:
    for state in ("complained", "bounced", "delivered"):
        if new[f"{state}_at"]:
            return state
    if is_rejected:
        return "rejected"
    return "accepted" if new["accepted_at"] else str(new["state"])


def _reason(old: Any, events: Iterable[MailEvent]) -> str:
    told = [
        "suppressed_by_provider" if e.event == "rejected" and e.is_suppressed else REASON_OF[e.event]
        for e in events
        if e.event in REASON_OF
    ]
    if old.reason in REASONS:
        told.append(old.reason)
    if told:
        return max(told, key=REASONS.index)
    if old.state in {*SENT, "rejected"} or old.reason in KEPT or all(e.event == "resubscribe" for e in events):
        return str(old.reason)
    # What kept a mail waiting says nothing about one that was taken.
    return "accepted"
