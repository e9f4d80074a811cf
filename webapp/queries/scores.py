"""What is expected of one customer, and where their lead score comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from automation.insights.value import lead
from automation.insights.value.lead import Earned, Line
from automation.insights.value.rfm import GROUPS
from automation.insights.value.scoring import USUAL_HORIZON, standards
from automation.models import Customer, CustomerRhythm, CustomerScore, Segment, ValueModel, ValueSettings
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


COLUMNS = (CustomerScore, ValueModel.method, ValueSettings.horizon_days, CustomerRhythm.next_expected_at)
"""What `standing_of` reads; `with_scores` joins it to a customer."""


def with_scores(statement: Select[Any]) -> Select[Any]:
    """A statement over customers, with where they stand beside them."""
    is_scored = and_(CustomerScore.customer_id == Customer.id, CustomerScore.scored_at.is_not(None))
    return (
        statement.add_columns(*COLUMNS)
        .outerjoin(CustomerScore, is_scored)
        .outerjoin(ValueModel, ValueModel.id == CustomerScore.model_id)
        .outerjoin(ValueSettings, ValueSettings.store_id == CustomerScore.store_id)
        .outerjoin(CustomerRhythm, CustomerRhythm.customer_id == CustomerScore.customer_id)
    )


def standing_of(
    row: CustomerScore | None, method: str | None, horizon_days: int | None, rhythm_at: datetime | None
) -> Standing | None:
    """Where a customer stands; None before they were looked at."""
    if row is None:
        return None
    group = GROUPS.get(row.rfm_group or "")
    return Standing(
        row=row,
        group=group.words if group else "",
        who=group.who if group else "",
        is_model=method == "bg_nbd",
        horizon_days=horizon_days or USUAL_HORIZON,
        rhythm_at=rhythm_at,
    )


def earned(session: Session, store_id: int, customer_id: int, now: datetime) -> list[tuple[str, Earned]]:
    """What each line of the lead score gives a customer at this moment, in words; a statement for each line."""
    by = standards(session, [store_id])[store_id]
    names = segment_names(session, store_id)
    found = lead.earned(session, store_id, by.lines, [customer_id], now).get(customer_id, [])
    return [(line_words(one.line, names), one) for one in found]


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
