"""Who may go now: claiming under lease and fence, and the last look before a request leaves.

Suppression, consent and expiry are asked in both transactions. What fails is dropped with its reason; what merely
may not go at the moment (a campaign was paused) goes back to ready.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, not_, or_, select, text
from sqlalchemy.orm import Session, defer

from automation import bulk, judging
from automation.app import App
from automation.delivery import warm_up
from automation.delivery.contents import Content
from automation.delivery.results import NEVER, POSSIBLE_DUPLICATE, STAYING, UNRESOLVED
from automation.delivery.routes import Lane
from automation.faults import declare, fault
from automation.models import (
    CLASSES,
    Attempt,
    Campaign,
    Connection,
    ConsentState,
    Customer,
    Installation,
    Message,
    Rendering,
    Store,
    Suppression,
)
from automation.security import random_id
from automation.times import local_date, zone

declare("claim.before_commit", "submit.before_commit")

# Spelt as the partial indexes spell it: with bound parameters SQLite would not see that they fit.
_READY = text("messages.state IN ('ready', 'retry')")

# What sending never looks at: most are instants, which SQLite keeps as text that somebody would have to read.
_UNREAD = tuple(
    defer(column, raiseload=True)
    for column in (
        Message.reason_detail,
        Message.claimed_by,
        Message.provider_id,
        Message.created_at,
        Message.decided_at,
        Message.accepted_at,
        Message.delivered_at,
        Message.bounced_at,
        Message.complained_at,
        Message.opened_at,
        Message.clicked_at,
        Message.unsubscribed_at,
    )
)
_RESTING = CLASSES.index("lifecycle")

ALONE_AFTER = 2
"""A message that was there when so many workers died travels alone, so that its neighbours are not blamed."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """A request that is about to leave, as it was committed."""

    id: int
    key: str
    connection_id: int
    started_at: datetime
    lease_until: datetime


def blocked(now: datetime) -> ColumnElement[str | None]:
    """Why a message must never be sent, or NULL. Needs `messages` and `customers` in the statement.

    Only transactional mails go without the topic's consent; lifecycle and promotional ones do not go to somebody who
    asked for a rest.
    """
    granted = exists().where(
        ConsentState.customer_id == Message.customer_id,
        ConsentState.topic == Message.topic,
        ConsentState.status == "granted",
        or_(ConsentState.expires_at.is_(None), ConsentState.expires_at > now),
    )
    suppressed = exists().where(Suppression.store_id == Message.store_id, Suppression.email_key == Customer.email_key)
    return case(
        (or_(Customer.email_key.is_(None), Customer.erased_at.is_not(None)), "no_address"),
        (suppressed, "suppressed"),
        (and_(Message.mail_class != "transactional", not_(granted)), "no_consent"),
        (Message.expires_at <= now, "expired"),
        (and_(Message.rank >= _RESTING, Customer.paused_until > now), "paused"),
        else_=None,
    )


def _is_paused() -> ColumnElement[bool]:
    return exists().where(Campaign.id == Message.campaign_id, Campaign.state == "paused")


def claim(session: Session, app: App, lane: Lane, now: datetime, limit: int) -> tuple[list[Message], int]:
    """Claim up to `limit` due messages of a lane's store; answers them and how many will not go now instead.

    Those whose verdict has gone stale are put before the arbiter again; while the connection is warmed up, those
    without a place on this day are put off.
    """
    today = local_date(now, zone(lane.timezone))
    warming = warm_up.is_warming(lane.pacing, today) and not lane.is_probe
    reach = warm_up.REACH * limit if warming else limit
    rows = _due(session, lane, now, reach)
    session.expunge_all()
    dropped = [(m.id, why) for m, why in rows if why]
    claimed: list[Message] = [m for m, why in rows if not why]
    changed = 0
    if warming and claimed:
        claimed, changed = warm_up.fit(
            session, lane.connection, lane.pacing, lane.timezone, claimed, now, is_all=len(rows) < reach
        )
        claimed = claimed[:limit]
    stale = {m.id for m in claimed if m.stale_at is not None and m.stale_at <= now and m.reason != POSSIBLE_DUPLICATE}
    if stale:
        may_go, more = judging.again(app, session, stale, now)
        claimed = [m for m in claimed if m.id not in stale or m.id in may_go]
        changed += more
    suspects = [m for m in claimed if m.kills >= ALONE_AFTER]
    if suspects:
        claimed = suspects[:1]
    drop(session, dict(dropped), {m.id for m, why in rows if why and m.reason == POSSIBLE_DUPLICATE})
    _hold(session, app, lane, claimed, now)
    fault("claim.before_commit")
    return claimed, len(dropped) + changed


def _hold(session: Session, app: App, lane: Lane, claimed: Sequence[Message], now: datetime) -> None:
    lease_until = now + app.settings.lease
    for m in claimed:
        m.state, m.fence, m.lease_until = "claimed", m.fence + 1, lease_until
    bulk.update(
        session,
        Message,
        [{"id": m.id, "fence": m.fence} for m in claimed],
        values={
            "state": "claimed",
            "claimed_by": app.worker_id[:64],
            "lease_until": lease_until,
            "connection_id": lane.connection.id,
        },
    )


Due = list[tuple[Message, str | None]]


def _due(session: Session, lane: Lane, now: datetime, limit: int) -> Due:
    """Due messages, locked, the most urgent first, and why they must not go.

    When the more urgent alone fill the batch, a tenth of it is kept for each class behind them: late is not never.
    """
    rows = _due_where(session, lane, now, limit)
    if len(rows) < limit or lane.is_probe:
        return rows
    # With room for one only, every tenth second is theirs.
    kept = limit // 10 or int(limit > 1 or now.second % 10 == 9)
    others: Due = []
    behind = range(rows[-1][0].rank + 1, len(CLASSES)) if kept else range(0)
    first = now.second // 10 % len(behind) if behind else 0
    for rank in (*behind[first:], *behind[:first]):
        others += _due_where(session, lane, now, kept, rank)
    others = others[:limit]
    return rows[: limit - len(others)] + others


def _due_where(session: Session, lane: Lane, now: datetime, limit: int, rank: int | None = None) -> Due:
    order = (Message.rank, Message.due_at, Message.id)
    query = (
        select(Message, blocked(now).label("blocked"))
        .join(Customer, Customer.id == Message.customer_id)
        .where(Message.store_id == lane.connection.store_id, _READY, Message.due_at <= now, not_(_is_paused()))
        # What may have arrived, or was asked about, at another provider is not sent through this one.
        .where(or_(Message.reason.not_in(STAYING), Message.connection_id == lane.connection.id))
        # A connection that may not work yet is tried with what can wait.
        .order_by(*((c.desc() for c in order) if lane.is_probe else order))
        .limit(limit)
        .with_for_update(of=Message, skip_locked=True)
        .options(*_UNREAD)
    )
    if rank is not None:
        query = query.where(Message.rank == rank)
    return [(m, why) for m, why in session.execute(query)]


def drop(session: Session, reasons: Mapping[int, str], maybe_sent: Collection[int] = ()) -> None:
    """These will not be sent, and why. The caller holds the rows.

    Of those in `maybe_sent` an earlier request may have arrived: saying "not sent" would not be true.
    """
    free = {"claimed_by": None, "lease_until": None, "fence": Message.fence + 1}
    bulk.update(
        session,
        Message,
        [{"id": i, "reason": why} for i, why in reasons.items() if i not in maybe_sent],
        values={"state": "dropped", "reason_detail": "", **free},
    )
    bulk.update(
        session,
        Message,
        [{"id": i, "reason_detail": f"Not sent again: {why}."} for i, why in reasons.items() if i in maybe_sent],
        values={"state": "unknown", "reason": UNRESOLVED, "due_at": NEVER, **free},
    )


def drop_claimed(session: Session, reasons: Mapping[Message, str]) -> None:
    """The same for messages that we hold by our claim alone."""
    bulk.update(
        session,
        Message,
        [{"id": m.id, "fence": m.fence, "reason": why} for m, why in reasons.items()],
        key=("id", "fence"),
        where=Message.state == "claimed",
        values={"state": "dropped", "reason_detail": "", "claimed_by": None, "lease_until": None},
    )


def park(session: Session, reasons: Mapping[Message, tuple[str, str]]) -> None:
    """A person has to look at these: (reason, detail)."""
    bulk.update(
        session,
        Message,
        [
            {"id": m.id, "fence": m.fence, "reason": reason, "reason_detail": detail[:1000]}
            for m, (reason, detail) in reasons.items()
        ],
        key=("id", "fence"),
        where=Message.state == "claimed",
        values={"state": "parked", "claimed_by": None, "lease_until": None},
    )


def release(session: Session, messages: Sequence[Message], state: str = "claimed") -> None:
    """Back to ready: no request with them has left, or it was turned away."""
    bulk.update(
        session,
        Message,
        [{"id": m.id, "fence": m.fence} for m in messages],
        key=("id", "fence"),
        where=Message.state == state,
        values={"state": "ready", "claimed_by": None, "lease_until": None},
    )


def submit(
    session: Session, app: App, lane: Connection, contents: Sequence[Content], now: datetime
) -> tuple[Attempted | None, list[Content]]:
    """The last look, then the commitment: these mails, in this order, under this key, are about to leave.

    Answers the attempt (None when nobody is left) and the contents that are in it.
    """
    ids = [c.message.id for c in contents]
    mine = bulk.table(
        session,
        [Message.id, Message.fence],
        [{"id": i, "fence": c.message.fence} for i, c in zip(ids, contents, strict=True)],
    )
    verdicts = {
        row.id: (row.blocked, row.held)
        for row in session.execute(
            select(Message.id, blocked(now).label("blocked"), held(lane).label("held"))
            .join(mine, and_(mine.c.id == Message.id, mine.c.fence == Message.fence))
            .join(Customer, Customer.id == Message.customer_id)
            .where(Message.state == "claimed")
            .order_by(Message.id)
            .with_for_update(of=Message)
        )
    }
    guessed = {c.message.id for c in contents if c.message.reason == POSSIBLE_DUPLICATE}
    drop(session, {i: why for i, (why, _) in verdicts.items() if why}, guessed)
    looked = list(zip(contents, map(verdicts.get, ids), strict=True))
    release(session, [c.message for c, verdict in looked if verdict == (None, True)])
    going = [c for c, verdict in looked if verdict == (None, False)]
    if not going:
        return None, []
    attempt = Attempt(
        connection_id=lane.id,
        key=random_id(),
        message_ids=[c.message.id for c in going],
        state="open",
        started_at=now,
    )
    session.add(attempt)
    session.flush()
    lease_until = now + app.settings.lease
    _commit_to(session, attempt, going, lease_until, now)
    fault("submit.before_commit")
    return Attempted(attempt.id, attempt.key, lane.id, now, lease_until), going


def held(lane: Connection) -> ColumnElement[bool]:
    """Whether sending was paused since the claim."""
    return or_(
        _is_paused(),
        exists().where(Installation.is_paused),
        exists().where(Store.id == lane.store_id, Store.is_paused),
        exists().where(Connection.id == lane.id, Connection.state != "active"),
    )


def _commit_to(
    session: Session, attempt: Attempt, going: Sequence[Content], lease_until: datetime, now: datetime
) -> None:
    fresh = [c for c in going if c.is_new]
    bulk.insert(
        session,
        Rendering,
        [
            {
                "message_id": c.message.id,
                "to_email": c.mail.to_email,
                "variables": c.variables,
                "payload_hash": c.payload_hash,
                "rendered_at": now,
            }
            for c in fresh
        ],
    )
    bulk.update(
        session,
        Message,
        [{"id": c.message.id, "fence": c.message.fence} for c in going],
        key=("id", "fence"),
        values={
            "state": "submitting",
            "attempt_id": attempt.id,
            "attempt_count": Message.attempt_count + 1,
            "lease_until": lease_until,
        },
    )
    for c in going:
        c.message.attempt_id = attempt.id
        c.message.attempt_count += 1
        c.message.lease_until = lease_until
        c.is_new = False


def take_back(session: Session, attempt: Attempted, messages: Sequence[Message], now: datetime, why: str) -> None:
    """The request was turned away whole, or never left: the messages are claimed again, as before `submit`."""
    bulk.update(
        session,
        Attempt,
        [{"id": attempt.id, "state": "abandoned" if why == "late" else "refused", "finished_at": now}],
    )
    bulk.update(
        session,
        Message,
        [{"id": m.id, "fence": m.fence} for m in messages],
        key=("id", "fence"),
        where=Message.state == "submitting",
        values={"state": "claimed", "attempt_count": Message.attempt_count - 1},
    )
    for m in messages:
        m.attempt_count -= 1


def spare(app: App) -> timedelta:
    """How much of a lease must be left when a request leaves: the rest is for the answer."""
    return app.settings.lease / 2
