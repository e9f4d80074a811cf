"""How much of everything there is, for the command line and for machines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.models import (
    ENROLMENT_STATES,
    STATES,
    Campaign,
    Cart,
    Customer,
    Enrolment,
    InboundWebhook,
    Message,
    Order,
)

_STATES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "campaigns": (Campaign, ("draft", "live", "paused", "stopping", "finished", "archived")),
    "enrolments": (Enrolment, ENROLMENT_STATES),
    "messages": (Message, STATES),
    "webhooks": (InboundWebhook, ("bare", "received", "processed", "ignored", "failed")),
}


def count(session: Session) -> dict[str, Any]:
    """{"customers": n, "carts": n, "orders": n, and for campaigns, enrolments, messages, webhooks {state: n}}.

    Every state is there, also those with nothing in them.
    """
    found: dict[str, Any] = {
        name: session.scalar(select(func.count()).select_from(model)) or 0
        for name, model in (("customers", Customer), ("carts", Cart), ("orders", Order))
    }
    for name, (model, states) in _STATES.items():
        rows = session.execute(select(model.state, func.count()).group_by(model.state))
        counted: dict[str, int] = {state: number for state, number in rows}  # noqa: C416  a result is no mapping
        found[name] = {state: counted.get(state, 0) for state in states}
    return found
