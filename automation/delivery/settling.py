"""The provider's answer in the database, once, whatever else has happened to the row.

That a mail was accepted is a fact: it is recorded whoever claims the row by now, and never undoes what an event
has told since. Everything else is recorded only where the claim still stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from automation import bulk
from automation.delivery.results import POSSIBLE_DUPLICATE, Result, Verdict
from automation.errors import HeldBack, Later, Misconfigured, SendError, Unsure
from automation.faults import declare, fault
from automation.models import SENT, Attempt, Connection, Customer, Message, UTCDateTime
from automation.suppressions import Suppressed, suppress

declare("settling.before_commit")

_STATES: dict[Verdict, str] = {
    "rejected": "rejected",
    "later": "retry",
    "unsure": "unknown",
    "misconfigured": "ready",
    "split": "retry",
}
_ATTEMPTS: dict[Verdict, str] = {
    "accepted": "accepted",
    "rejected": "refused",
    "later": "later",
    "unsure": "unsure",
    "misconfigured": "misconfigured",
    "split": "refused",
}
_TOLD = ("refused_by_provider", "suppressed_by_provider")
"""Reasons of a mail that its provider took, and then did not send."""
_BREATH = timedelta(seconds=15)
"""How long a connection rests after it turned a whole batch away, or did not answer."""


def settle(session: Session, attempt_id: int, results: Sequence[Result], at: datetime) -> None:
    """Record what came of an attempt. Doing it again changes nothing."""
    _lock(session, attempt_id, results)
    _accept(session, attempt_id, [r for r in results if r.verdict == "accepted"], at)
    others = [r for r in results if r.verdict != "accepted"]
    bulk.update(
        session,
        Message,
        [
            {
                "id": r.message_id,
                "fence": r.fence,
                "state": _STATES[r.verdict],
                "reason": r.reason,
                "reason_detail": r.detail,
                "due_at": r.due_at or at,
            }
            for r in others
        ],
        key=("id", "fence"),
        where=(Message.attempt_id == attempt_id) & Message.state.in_(("submitting", "unknown")),
        values={"claimed_by": None, "lease_until": None},
    )
    _suppress(session, [r for r in others if r.suppress], at)
    verdicts = {r.verdict for r in results}
    state = _ATTEMPTS[next(iter(verdicts))] if len(verdicts) == 1 else "partial"
    if "unsure" in verdicts:
        state = "unsure"
    detail = next((r.detail for r in others), "")
    bulk.update(
        session,
        Attempt,
        [{"id": attempt_id, "state": state, "detail": detail, "finished_at": at}],
        where=Attempt.state.in_(("open", "unsure")),
    )
    fault("settling.before_commit")


def _lock(session: Session, attempt_id: int, results: Sequence[Result]) -> None:
    """The attempt first, then its messages by id: everybody locks in this order, so that nobody deadlocks."""
    if session.get_bind().dialect.name == "sqlite":
        return
    session.execute(select(Attempt.id).where(Attempt.id == attempt_id).with_for_update())
    given = bulk.table(session, [Message.id], [{"id": r.message_id} for r in results])
    session.execute(
        select(Message.id).join(given, given.c.id == Message.id).order_by(Message.id).with_for_update(of=Message)
    )


def _accept(session: Session, attempt_id: int, accepted: Sequence[Result], at: datetime) -> None:
    if not accepted:
        return
    given = bulk.table(
        session,
        [Message.id, Message.provider_id],
        [{"id": r.message_id, "provider_id": r.provider_id or None} for r in accepted],
    )
    target = Message.__table__.c
    # Events may have been quicker than the answer: what they made of it stands.
    is_told = or_(target.state.in_(SENT), and_(target.state == "rejected", target.reason.in_(_TOLD)))
    state = case(
        (is_told, target.state),
        (target.complained_at.is_not(None), "complained"),
        (target.bounced_at.is_not(None), "bounced"),
        (target.delivered_at.is_not(None), "delivered"),
        else_="accepted",
    )
    session.execute(
        update(Message)
        .where(Message.id == given.c.id, Message.attempt_id == attempt_id)
        .values(
            state=state,
            reason=case((or_(is_told, target.reason == POSSIBLE_DUPLICATE), target.reason), else_=""),
            reason_detail=case((is_told, target.reason_detail), else_=""),
            provider_id=func.coalesce(target.provider_id, given.c.provider_id),
            accepted_at=case(
                (is_told, target.accepted_at), else_=func.coalesce(target.accepted_at, literal(at, UTCDateTime()))
            ),
            # Whoever else has claimed it by now must find that it is not theirs any more.
            fence=target.fence + case((target.state == "claimed", 1), else_=0),
            claimed_by=None,
            lease_until=None,
        )
        .execution_options(synchronize_session=False)
    )


def _suppress(session: Session, refused: Sequence[Result], at: datetime) -> None:
    """The provider's own suppression list, mirrored."""
    if not refused:
        return
    given = bulk.table(session, [Message.id], [{"id": r.message_id} for r in refused])
    rows = session.execute(
        select(Message.id, Message.store_id, Customer.email_key)
        .join(given, given.c.id == Message.id)
        .join(Customer, Customer.id == Message.customer_id)
        .where(Customer.email_key.is_not(None))
    ).all()
    details = {r.message_id: r.detail for r in refused}
    suppress(
        session,
        [
            Suppressed(
                store_id=row.store_id,
                email_key=row.email_key,
                reason="provider",
                at=at,
                message_id=row.id,
                detail=details[row.id],
            )
            for row in rows
        ],
    )


def heed(
    session: Session, connection_id: int, error: SendError | None, at: datetime, *, was_down: bool = False
) -> None:
    """What an answer that concerned the whole request means for its connection.

    Since when nothing could leave through it is kept until something does: then others may stand in for it.
    """
    statement = update(Connection).where(Connection.id == connection_id, Connection.state == "active")
    down_since = func.coalesce(Connection.down_since, literal(at, UTCDateTime()))
    if isinstance(error, Misconfigured):
        sentence = f"The provider turned our mails away: {error}"
        session.execute(statement.values(state="broken", state_reason=sentence[:500], down_since=down_since))
    elif isinstance(error, Later | Unsure):
        # A provider in trouble is not fed batch after batch that nobody knows the fate of.
        after = error.after if isinstance(error, Later) else None
        rests = {"not_before": at + (after if after is not None else _BREATH)}
        if not isinstance(error, HeldBack):
            rests["down_since"] = down_since  # type: ignore[assignment]  # an expression of one
        session.execute(statement.values(rests))
    elif was_down:
        session.execute(statement.values(down_since=None, not_before=None))
