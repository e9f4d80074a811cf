"""What is expected of one customer, and where their lead score comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights.value import lead
from automation.insights.value.lead import Earned, Line
from automation.insights.value.rfm import GROUPS
from automation.insights.value.scoring import standards
from automation.models import CustomerRhythm, CustomerScore, Segment, ValueModel
from automation.rules.families import FAMILIES


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer's scores as a page shows them."""

    row: CustomerScore
    group: str
    """In words; empty for who never bought."""
    who: str
    is_model: bool
    """False where it is averages of cohorts."""
    horizon_days: int
    rhythm_at: datetime | None
    """When their own rhythm would have them buy again."""
    earned: list[tuple[str, Earned]]
    """What each line of the lead score gives at this moment, in words."""
    lead_now: int


def standing(session: Session, store_id: int, customer_id: int, now: datetime) -> Standing | None:
    """Where a customer stands; None before they were looked at. Six statements, and one for each line."""
    row = session.get(CustomerScore, customer_id)
    if row is None or row.scored_at is None:
        return None
    by = standards(session, [store_id])[store_id]
    found = lead.earned(session, store_id, by.lines, [customer_id], now).get(customer_id, [])
    method = session.scalar(select(ValueModel.method).where(ValueModel.id == row.model_id))
    group = GROUPS.get(row.rfm_group or "")
    rhythm_at = session.scalar(select(CustomerRhythm.next_expected_at).where(CustomerRhythm.customer_id == customer_id))
    names = segment_names(session, store_id)
    return Standing(
        row=row,
        group=group.words if group else "",
        who=group.who if group else "",
        is_model=method == "bg_nbd",
        horizon_days=by.horizon_days,
        rhythm_at=rhythm_at,
        earned=[(line_words(one.line, names), one) for one in found],
        lead_now=lead.total(found),
    )


def segment_names(session: Session, store_id: int) -> dict[int, str]:
    """The store's segments by id."""
    return dict(session.execute(select(Segment.id, Segment.name).where(Segment.store_id == store_id)).all())


EVENTS: dict[str, str] = {
    "order.placed": "places an order",
    "order.delivered": "receives an order",
    "cart.left": "leaves a cart",
    "mail.clicked": "clicks in a mail",
    "visit": "visits the shop",
}
"""What lines are usually about, in words."""


def line_words(line: Line, segments: dict[int, str]) -> str:
    """What a line is about."""
    if line.segment is not None:
        return f"is in the segment “{segments.get(line.segment, 'that is gone')}”"
    name = line.event or ""
    return EVENTS.get(name) or (f"{FAMILIES[name].verb} a {FAMILIES[name].one}" if name in FAMILIES else f"“{name}”")
