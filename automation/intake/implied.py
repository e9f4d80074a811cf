"""Consent that dealings with the store imply, where its law lets a purchase or an inquiry count for a while.

Canada's CASL, section 10(9) and (10): two years from a purchase, six months from an inquiry. What the customer says
themselves stands above it; see `automation.consents`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from automation.changes import EventHappened, OrderChanged
from automation.consent_policy import months_later
from automation.consents import ConsentLine, note
from automation.intake.batch import Batch
from automation.intake.people import People


def take_implied(batch: Batch, people: People, changes: Sequence[Any]) -> None:
    """Write down what orders and inquiries imply, in stores whose rules let them; what is over already is left out."""
    if not changes or not batch.consent_policy.is_implied:
        return
    rules = batch.consent_policy
    lines = []
    for change in changes:
        owner = people.find(change.person)
        if owner is None or owner["erased_at"]:
            continue
        if isinstance(change, OrderChanged) and change.cancelled_at is None:
            line = _line(batch, owner["id"], "purchase", change.placed_at, rules.purchase_months, change.external_id)
        elif isinstance(change, EventHappened) and change.name in rules.inquiry_events:
            line = _line(batch, owner["id"], "inquiry", change.at, rules.inquiry_months, change.name)
        else:
            continue
        if line.expires_at is not None and line.expires_at > batch.now:
            lines.append(line)
    if lines:
        note(batch.session, lines, batch.now)


def _line(batch: Batch, customer_id: int, source: str, at: datetime, months: int, about: str) -> ConsentLine:
    at = min(at, batch.now)  # nor does a clock that is wrong make it last longer
    return ConsentLine(
        store_id=batch.store_id,
        customer_id=customer_id,
        status="granted",
        source=source,
        at=at,
        basis="implied",
        expires_at=months_later(at, months),
        detail=f"{source} {about}"[:500],
    )
