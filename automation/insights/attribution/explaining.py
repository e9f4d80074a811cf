"""Why an order counts for the mail it counts for: each click and open that was near it, and what spoke against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from automation.insights import hits
from automation.insights.attribution.rules import Hit, Window, choose, verdict, window_of
from automation.models import (
    Attribution,
    Campaign,
    Conversion,
    Customer,
    Message,
    MessageEvent,
    Order,
    OrderTouch,
    Store,
    Template,
    TemplateVersion,
)
from automation.policy import Policy

BEFORE = timedelta(days=30)
"""What competed is shown so far back, or as far as the window reaches."""
MOST = 100

WHY_NOT = {
    "machine": "Made by a program",
    "after": "After the order",
    "before": "Before the window",
    "open": "Opens do not count",
    "later": "A later one counts",
    "click": "A click counts before an open",
}
"""Why a hit lost, in words."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A click or an open on one of the customer's mails, near the order."""

    hit: Hit
    mail: str
    campaign: str
    agent: str
    won: bool
    why_not: str
    """In words; empty for the one that won."""
    machine_reason: str
    """Why it counts as a program's, in words."""
    ruling: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One order, what brought it, and all that might have counted."""

    order: Any
    customer: Any
    touch: Any
    window: Window
    contenders: Sequence[Contender]
    """The latest first."""
    is_current: bool
    """False while the stage has not looked at the order since something changed."""

    @property
    def winner(self) -> Contender | None:
        """The hit that the order counts for."""
        return next((one for one in self.contenders if one.won), None)


def explain(session: Session, store_id: int, order_id: int) -> Explanation | None:
    """Explain one order of a store by the rules that the figures are made with; None where there is none."""
    found = session.execute(
        select(Order, Customer, OrderTouch, Attribution, Store.policy, Conversion.event_id)
        .join(Store, Store.id == Order.store_id)
        .outerjoin(Customer, Customer.id == Order.customer_id)
        .outerjoin(OrderTouch, OrderTouch.order_id == Order.id)
        .outerjoin(Attribution, Attribution.store_id == Order.store_id)
        .outerjoin(Conversion, Conversion.order_id == Order.id)
        .where(Order.id == order_id, Order.store_id == store_id)
    ).one_or_none()
    if found is None:
        return None
    order, customer, touch, way, policy, event_id = found
    window = Window(way.seconds, way.opens) if way else window_of(Policy.model_validate(policy))
    rows = _near(session, order, window.span) if customer is not None else []
    known = [_hit(row) for row in rows]
    won = choose(known, order.placed_at, window)
    return Explanation(
        order=order,
        customer=customer,
        touch=touch,
        window=window,
        contenders=[_contender(row, hit, won, order.placed_at, window) for row, hit in zip(rows, known, strict=True)],
        is_current=not order.is_untraced and (won.id if won else None) == event_id,
    )


def _near(session: Session, order: Any, span: timedelta) -> Sequence[Any]:
    return session.execute(
        select(
            MessageEvent,
            Message.campaign_id,
            Template.title,
            Campaign.name,
        )
        .join(Message, Message.id == MessageEvent.message_id)
        .join(TemplateVersion, TemplateVersion.id == Message.template_version_id)
        .join(Template, Template.id == TemplateVersion.template_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .where(
            Message.customer_id == order.customer_id,
            Message.is_test.is_(False),
            MessageEvent.type.in_(("click", "open")),
            MessageEvent.at > order.placed_at - max(span, BEFORE),
            MessageEvent.at < order.placed_at + timedelta(days=1),
        )
        .order_by(MessageEvent.at.desc(), MessageEvent.id.desc())
        .limit(MOST)
    ).all()


def _hit(row: Any) -> Hit:
    event = row[0]
    return Hit(event.id, event.message_id, row.campaign_id, event.type, event.at, event.link, event.is_machine)


def _contender(row: Any, hit: Hit, won: Hit | None, placed_at: datetime, window: Window) -> Contender:
    event, is_won = row[0], won is not None and won.id == hit.id
    why = verdict(hit, placed_at, window)
    if not why and not is_won and won is not None:
        why = "click" if hit.type == "open" and won.type == "click" else "later"
    return Contender(
        hit=hit,
        mail=row.title,
        campaign=row.name or "",
        agent=event.agent,
        won=is_won,
        why_not=WHY_NOT.get(why, ""),
        machine_reason=hits.REASONS.get(event.machine_reason, ""),
        ruling=event.ruling,
    )
