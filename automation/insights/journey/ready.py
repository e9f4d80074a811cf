"""The map that a store begins with: five stages with rules that fit most shops, and the usual touchpoints.

Awareness, consideration, acquisition, service, loyalty: the stages that the journey-mapping literature shares
(Lemon and Verhoef, "Understanding Customer Experience Throughout the Customer Journey", Journal of Marketing, 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation import audit
from automation.models import JourneyStage, Store, Touchpoint
from automation.rules import language

MONTH, FORTNIGHT, YEAR = {"last_days": 30}, {"last_days": 14}, {"last_days": 365}

STAGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("awareness", "Awareness", {"all": []}),
    (
        "consideration",
        "Consideration",
        {
            "any": [
                {"event": "product.viewed", "within": MONTH},
                {"event": "cart.left", "within": MONTH},
                {"event": "mail.clicked", "within": MONTH},
            ]
        },
    ),
    ("acquisition", "Acquisition", {"event": "order.placed", "within": FORTNIGHT}),
    (
        "service",
        "Service",
        {
            "all": [
                {"event": "order.placed", "within": YEAR},
                {"not": {"event": "order.placed", "within": FORTNIGHT}},
            ]
        },
    ),
    ("loyalty", "Loyalty", {"event": "order.placed", "is": "at_least", "value": 2, "within": YEAR}),
)
"""Code, name and rule, from the first to the last."""


@dataclass(frozen=True, slots=True)
class _Place:
    stage: str
    name: str
    kind: str
    event: str = ""
    importance: int = 2
    feeling: int = 0


TOUCHPOINTS = (
    _Place("awareness", "Sign-up form", "form", importance=3, feeling=1),
    _Place("awareness", "Welcome mails", "mail", importance=3, feeling=1),
    _Place("awareness", "Social media", "social", "social.engaged", importance=1),
    _Place("consideration", "Product pages", "site", "product.viewed", importance=3, feeling=1),
    _Place("consideration", "Reminders", "mail", importance=2),
    _Place("acquisition", "Checkout", "order", importance=3, feeling=1),
    _Place("acquisition", "Order mails", "mail", importance=2, feeling=1),
    _Place("service", "Support", "support", "support.contacted", importance=3, feeling=-1),
    _Place("service", "Care after the purchase", "mail", importance=2),
    _Place("loyalty", "Reviews", "review", "review.left", importance=2, feeling=1),
    _Place("loyalty", "News and thanks", "mail", importance=2, feeling=1),
)
"""Feelings are a first guess that the team replaces by what it hears."""


def begin(session: Session, store: Store, now: datetime, admin_id: int | None = None) -> bool:
    """Lay out the ready map; False, and nothing is changed, where the store has one already."""
    if session.scalars(select(JourneyStage.id).where(JourneyStage.store_id == store.id).limit(1)).first() is not None:
        return False
    stages = {}
    for position, (code, name, rule) in enumerate(STAGES, start=1):
        stages[code] = JourneyStage(
            store_id=store.id,
            code=code,
            name=name,
            rule=language.dump(language.read(rule)),
            position=position,
            created_at=now,
        )
    session.add_all(stages.values())
    session.flush()
    for position, place in enumerate(TOUCHPOINTS, start=1):
        session.add(
            Touchpoint(
                store_id=store.id,
                stage_id=stages[place.stage].id,
                name=place.name,
                kind=place.kind,
                event=place.event,
                importance=place.importance,
                feeling=place.feeling,
                position=position,
                created_at=now,
                updated_at=now,
            )
        )
    session.flush()
    audit.note(session, admin_id, "journey.begun", store.id, now)
    return True
