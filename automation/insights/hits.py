"""Did a person or a program click and open? A verdict on every hit at our own doors, with its reason, reversible.

The verdict on a message's hits is a function of those hits alone: of what came with them (the browser's word that it
only looks ahead), who they said they were, how fast they followed one another, whether the link was followed that no
reader sees, and what an admin ruled. It is worked out anew over the whole message at every hit, and over all of them
when a release judges differently (`RULES`), so that it never depends on the order in which things became known.

What a mail provider tells of hits at its own doors is its verdict; only an admin's ruling stands above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from automation import bulk, cursors
from automation.agents import is_machine
from automation.app import App
from automation.insights.attribution import crediting
from automation.models import Cursor, Customer, Event, Message, MessageEvent, Order

RULES = 1
"""Goes up whenever the verdict on the same hits may become another: then all of them are judged again."""
BURST = 5
"""This many clicks on one mail within `BURST_SPAN` are a scanner's."""
BURST_SPAN = timedelta(seconds=1)
HIDDEN_LINK = 0
"""Number of the link that no reader sees: see `rendering.documents`."""
HIDDEN_SPAN = timedelta(seconds=10)
"""Whoever followed the hidden link did the clicks of the same agent so shortly before and after it."""

REASONS = {
    "told": "it said so itself, or the mail provider did",
    "agent": "its name is that of a program",
    "burst": f"{BURST} clicks or more within a second",
    "hidden_link": "it followed the link that no reader sees",
    "by_hand": "you ruled so",
}
"""Why a hit counts as a machine's, in words."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A hit as it came in, and what was ruled on it."""

    id: int
    type: str
    at: datetime
    agent: str = ""
    link: int | None = None
    told: str = ""
    ruling: str = ""
    is_ours: bool = True
    """It came to our own door; else a provider told of it."""


def judge(hits: Sequence[Raw]) -> dict[int, str]:
    """The verdict on all hits of one message: id → why it is a machine's, or "" for a person's."""
    ours = [hit for hit in hits if hit.is_ours]
    clicks = sorted((hit for hit in ours if hit.type == "click"), key=lambda hit: hit.at)
    bursts = _bursts(clicks)
    trapped = [hit for hit in clicks if hit.link == HIDDEN_LINK]
    return {hit.id: _reason(hit, bursts, trapped) for hit in hits}


def _reason(hit: Raw, bursts: set[int], trapped: Sequence[Raw]) -> str:
    if hit.ruling:
        return "by_hand" if hit.ruling == "machine" else ""
    if hit.told:
        return "told"
    if not hit.is_ours:
        return ""
    if hit.type == "click" and any(t.agent == hit.agent and abs(t.at - hit.at) <= HIDDEN_SPAN for t in trapped):
        return "hidden_link"
    if hit.id in bursts:
        return "burst"
    return "agent" if is_machine(hit.type, hit.agent) else ""


def _bursts(clicks: Sequence[Raw]) -> set[int]:
    """Ids of the clicks that stand in some span of less than a second with at least five of them."""
    found: set[int] = set()
    first = 0
    for last, hit in enumerate(clicks):
        while clicks[first].at <= hit.at - BURST_SPAN:
            first += 1
        if last - first + 1 >= BURST:
            found.update(c.id for c in clicks[first : last + 1])
    return found


def judge_messages(session: Session, message_ids: Sequence[int]) -> list[int]:
    """Judge all hits of these messages anew and put right what followed from other verdicts.

    Answers the ids of the hits whose verdict changed. One statement where none did.
    """
    rows = rows_of(session, message_ids) if message_ids else []
    verdicts: dict[int, str] = {}
    for hits in _by_message(rows).values():
        verdicts |= judge(hits)
    return settle(session, rows, verdicts)


def rows_of(session: Session, message_ids: Sequence[int]) -> Sequence[Any]:
    """What there is of these messages' hits, with the verdict that stands beside each."""
    return session.execute(
        select(
            MessageEvent.id,
            MessageEvent.message_id,
            MessageEvent.type,
            MessageEvent.at,
            MessageEvent.agent,
            MessageEvent.link,
            MessageEvent.told,
            MessageEvent.ruling,
            MessageEvent.machine_reason,
            MessageEvent.is_machine,
            MessageEvent.external_id.startswith("door:").label("is_ours"),
        )
        .where(MessageEvent.message_id.in_(message_ids), MessageEvent.type.in_(("click", "open")))
        .order_by(MessageEvent.message_id, MessageEvent.at, MessageEvent.id)
    ).all()


def raw_of(row: Any) -> Raw:
    """A row of `rows_of` without its verdict."""
    return Raw(row.id, row.type, row.at, row.agent, row.link, row.told, row.ruling, bool(row.is_ours))


def _by_message(rows: Sequence[Any]) -> dict[int, list[Raw]]:
    found: dict[int, list[Raw]] = {}
    for row in rows:
        found.setdefault(row.message_id, []).append(raw_of(row))
    return found


def settle(session: Session, rows: Sequence[Any], verdicts: Mapping[int, str]) -> list[int]:
    """Write verdicts down where they are others than before, and put right what had followed from those."""
    changed = [row for row in rows if verdicts[row.id] != row.machine_reason]
    bulk.update(
        session,
        MessageEvent,
        [{"id": r.id, "machine_reason": verdicts[r.id], "is_machine": bool(verdicts[r.id])} for r in changed],
    )
    turned = [row for row in changed if row.is_machine != bool(verdicts[row.id])]
    if turned:
        _put_right(session, sorted({row.message_id for row in turned}), min(row.at for row in turned))
    return [row.id for row in changed]


def _put_right(session: Session, message_ids: Sequence[int], since: datetime) -> None:
    """First click and open of messages, last sign of life of their customers, and orders that hung on them."""
    person = MessageEvent.is_machine.is_(False)
    for kind, column in (("click", Message.clicked_at), ("open", Message.opened_at)):
        first = (
            select(func.min(MessageEvent.at))
            .where(MessageEvent.message_id == Message.id, MessageEvent.type == kind, person)
            .scalar_subquery()
        )
        session.execute(
            update(Message)
            .where(Message.id.in_(message_ids))
            .values({column: first})
            .execution_options(synchronize_session=False)
        )
    customers = list(session.scalars(select(Message.customer_id).where(Message.id.in_(message_ids)).distinct()))
    refresh_engagement(session, customers)
    crediting.mark(session, customers, since)
    for stale in [row for row in session.identity_map.values() if isinstance(row, Message | Customer)]:
        session.expire(stale)


def refresh_engagement(session: Session, customer_ids: Sequence[int]) -> None:
    """The last sign of life of customers anew: their clicks, orders and events."""
    clicks = (
        select(Message.customer_id.label("customer_id"), MessageEvent.at.label("at"))
        .join(MessageEvent, MessageEvent.message_id == Message.id)
        .where(Message.customer_id.in_(customer_ids), MessageEvent.type == "click", MessageEvent.is_machine.is_(False))
    )
    orders = select(Order.customer_id, Order.placed_at).where(Order.customer_id.in_(customer_ids))
    events = select(Event.customer_id, Event.at).where(Event.customer_id.in_(customer_ids))
    signs = clicks.union_all(orders, events).subquery()
    latest = select(func.max(signs.c.at)).where(signs.c.customer_id == Customer.id).scalar_subquery()
    session.execute(
        update(Customer)
        .where(Customer.id.in_(customer_ids))
        .values(engaged_at=latest)
        .execution_options(synchronize_session=False)
    )


def rule(session: Session, store_id: int, hit_id: int, ruling: str) -> bool:
    """Rule that a hit was a person's or a machine's ("person", "machine"), or take the ruling back ("").

    False when the store has no such hit.
    """
    message_id = session.scalar(
        select(MessageEvent.message_id)
        .join(Message, Message.id == MessageEvent.message_id)
        .where(MessageEvent.id == hit_id, Message.store_id == store_id, MessageEvent.type.in_(("click", "open")))
    )
    if message_id is None:
        return False
    session.execute(update(MessageEvent).where(MessageEvent.id == hit_id).values(ruling=ruling))
    judge_messages(session, [message_id])
    return True


_NAME = f"hits:{RULES}"


def judge_again(app: App, now: datetime, limit: int) -> int:
    """Judge the hits of at most `limit` messages by the rules of this release; 0 once all were."""
    with app.db.read() as session:
        if not _next(session, 1):
            return 0
    with app.db.write() as session:
        ids = _next(session, limit)
        judge_messages(session, ids)
        if ids:
            cursors.move(session, _NAME, ids[-1], now)
    return len(ids)


def _next(session: Session, limit: int) -> list[int]:
    """From the newest message down, so that those sent meanwhile, judged by these rules at once, are not in it."""
    position = session.scalar(select(Cursor.position).where(Cursor.name == _NAME))
    # Of the erased it is not known any more who they said they were: their verdicts stay.
    wanted = (
        select(Message.id)
        .join(Customer, Customer.id == Message.customer_id)
        .where(Customer.erased_at.is_(None))
        .order_by(Message.id.desc())
        .limit(limit)
    )
    return list(session.scalars(wanted if position is None else wanted.where(Message.id < position)))
