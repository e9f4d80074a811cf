"""Finding out what became of a request without an answer, by what its provider can do.

A  the same batch again under the same key, within the key's window: the provider answers what it answered before
B  asking for our ids, after the settle delay: found is accepted, not found was not and may go again
C  waiting for the provider's events; after a day it stays unknown and visible

Marketing is never sent again on a guess. A transactional mail is, once, and flagged as a possible duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.connections import provider_of
from automation.delivery import claims, contents, lines, rates
from automation.delivery.journal import Entry, Journal
from automation.delivery.moment import Moment
from automation.delivery.results import (
    MAX_ATTEMPTS,
    NEVER,
    NOT_FOUND,
    POSSIBLE_DUPLICATE,
    UNRESOLVED,
    Answer,
    Result,
    judge,
    kept,
    send,
)
from automation.delivery.settling import heed, settle
from automation.errors import CartwheelError, Refused, SendError
from automation.faults import declare, fault
from automation.models import Attempt, Connection, Customer, Message
from automation.provider import Accepted, Provider

declare("ladder.claimed", "ladder.asked", "ladder.journalled", "ladder.settled", "ladder.before_commit")

EVENTS_WINDOW = timedelta(hours=24)
"""Whoever has not heard of a mail by then will not."""
ASKED_AT_ONCE = 50
"""Ids per look-up: some providers answer one at a time."""
_MARGIN = timedelta(minutes=10)
"""Clocks differ: how much earlier than the attempt a provider may have dated a mail."""
_GIVEN_UP = (POSSIBLE_DUPLICATE, UNRESOLVED)

# Spelt as the partial index spells it: with a bound parameter SQLite would not see that it fits.
_UNKNOWN = text("messages.state = 'unknown'")


@dataclass(frozen=True, slots=True)
class Case:
    """A request without an answer, claimed for finding out."""

    attempt: Attempt
    messages: list[Message]
    """Those of it that are unknown still."""
    connection: Connection


def resolve(app: App, moment: Moment, journal: Journal, limit: int) -> int:
    """Find out about unknown messages whose time has come; answers how many were looked at."""
    now = moment()
    with app.db.read() as session:
        due = session.scalars(
            select(Message.attempt_id).where(_UNKNOWN, Message.due_at <= now).order_by(Message.due_at).limit(limit)
        ).all()
    count = 0
    for attempt_id in dict.fromkeys(i for i in due if i is not None):
        if moment() > now + claims.spare(app):
            break
        with app.db.write() as session:
            case = _claim(session, app, attempt_id, moment())
        if case is None:
            continue
        fault("ladder.claimed")
        _find_out(app, case, moment, journal)
        count += len(case.messages)
    return count


def _claim(session: Session, app: App, attempt_id: int, now: datetime) -> Case | None:
    """One attempt and its unknown messages, for one worker at a time: nobody else looks before the lease is over."""
    attempt = session.scalars(
        select(Attempt).where(Attempt.id == attempt_id).with_for_update(skip_locked=True)
    ).one_or_none()
    if attempt is None:
        return None
    given = bulk.table(session, [Message.id], [{"id": i} for i in attempt.message_ids])
    messages = session.scalars(
        select(Message)
        .join(given, given.c.id == Message.id)
        .where(Message.attempt_id == attempt_id, _UNKNOWN, Message.due_at <= now)
        .order_by(Message.id)
        .with_for_update(of=Message)
    ).all()
    connection = session.get(Connection, attempt.connection_id)
    session.expunge_all()
    if not messages or connection is None:
        return None
    for m in messages:
        m.fence += 1
    bulk.update(
        session,
        Message,
        [{"id": m.id, "fence": m.fence} for m in messages],
        values={"due_at": now + app.settings.lease},
    )
    return Case(attempt, list(messages), connection)


def _find_out(app: App, case: Case, moment: Moment, journal: Journal) -> None:
    try:
        provider = provider_of(app, case.connection, lines.client(app))
    except CartwheelError as error:
        _put_off(app, case.messages, moment() + app.settings.settle, str(error))
        return
    age = moment() - case.attempt.started_at
    if provider.guarantee == "A" and age < provider.key_window:
        _replay(app, case, provider, moment, journal)
    elif provider.guarantee == "B":
        _ask(app, case, provider, moment, journal)
    else:
        _wait_for_events(app, case, moment())


def _replay(app: App, case: Case, provider: Provider, moment: Moment, journal: Journal) -> None:
    """Class A. The batch must be the same, so one recipient who must not be mailed any more stops all of it."""
    now = moment()
    with app.db.read() as session:
        batch, obstacle = _batch(session, case, now)
        before, moved = contents.stored(session, [m.id for m in batch])
        session.expunge_all()
    if obstacle or moved:
        _put_off(app, case.messages, now + app.settings.settle, obstacle or "A recipient has a new address.")
        return
    mails = contents.again(app, batch, before)
    if mails is None:
        _put_off(app, case.messages, case.attempt.started_at + provider.key_window, "It does not come out as it was.")
        return
    if moment() > now + claims.spare(app):
        return
    rates.owe(app, case.connection, len(mails), now)
    answer = send(provider, mails, case.attempt.key)
    fault("ladder.asked")
    at = moment()
    fences = {m.id: m.fence for m in case.messages}
    results = _results(batch, fences, answer, at, app.settings.settle)
    with journal.entered(Entry(case.attempt.key, at, tuple(results))):
        fault("ladder.journalled")
        with app.db.write() as session:
            settle(session, case.attempt.id, results, at)
            heed(session, case.connection.id, answer.concern, at, was_down=case.connection.down_since is not None)
    fault("ladder.settled")


def _batch(session: Session, case: Case, now: datetime) -> tuple[list[Message], str]:
    """All messages of the attempt in their order, and why it cannot be sent again now."""
    given = bulk.table(session, [Message.id], [{"id": i} for i in case.attempt.message_ids])
    rows = {
        m.id: (m, why, held)
        for m, why, held in session.execute(
            select(Message, claims.blocked(now), claims.held(case.connection))
            .join(given, given.c.id == Message.id)
            .join(Customer, Customer.id == Message.customer_id)
        )
    }
    if len(rows) != len(case.attempt.message_ids):
        return [], "Not all messages of the request are there any more."
    batch = [rows[i][0] for i in case.attempt.message_ids]
    if any(held for _, _, held in rows.values()):
        return batch, "Sending is paused."
    stopped = sorted({why for _, why, _ in rows.values() if why})
    return batch, f"The same request cannot be sent again: {', '.join(stopped)}." if stopped else ""


def _results(
    batch: Sequence[Message], fences: dict[int, int], answer: Answer, at: datetime, settle_for: timedelta
) -> list[Result]:
    """An answer to a repeated request.

    An error for all of it does not say that the first one failed, unless the provider refuses it for what it is.
    """
    if answer.error is not None and not isinstance(answer.error, Refused):
        due_at = at + max(settle_for, getattr(answer.error, "after", None) or timedelta())
        return [
            Result(
                message_id=m.id,
                fence=fences[m.id],
                verdict="unsure",
                reason=kept(m, "no_answer"),
                detail=str(answer.error)[:1000],
                due_at=due_at,
            )
            for m in batch
            if m.id in fences
        ]
    for m in batch:
        m.fence = fences.get(m.id, m.fence)
    return judge(batch, answer, at, settle_for)


def _ask(app: App, case: Case, provider: Provider, moment: Moment, journal: Journal) -> None:
    """Class B, portion by portion; what there is no time for is asked about in the next round."""
    started = moment()
    since = case.attempt.started_at - _MARGIN
    for start in range(0, len(case.messages), ASKED_AT_ONCE):
        if moment() > started + claims.spare(app):
            return
        portion = case.messages[start : start + ASKED_AT_ONCE]
        try:
            found = provider.find([m.public_id for m in portion], since)
        except SendError as error:
            _put_off(app, case.messages[start:], moment() + app.settings.settle, str(error))
            return
        fault("ladder.asked")
        at = moment()
        results = tuple(_found(m, found, at, app.settings.settle) for m in portion)
        with journal.entered(Entry(case.attempt.key, at, results)):
            fault("ladder.journalled")
            with app.db.write() as session:
                settle(session, case.attempt.id, results, at)
        fault("ladder.settled")


def _found(m: Message, found: dict[str, Accepted | None], at: datetime, settle_for: timedelta) -> Result:
    if m.public_id not in found:
        return Result(message_id=m.id, fence=m.fence, verdict="unsure", reason="no_answer", due_at=at + settle_for)
    accepted = found[m.public_id]
    if accepted is not None:
        return Result(message_id=m.id, fence=m.fence, verdict="accepted", provider_id=accepted.provider_id[:200])
    if m.attempt_count >= MAX_ATTEMPTS:
        return Result(message_id=m.id, fence=m.fence, verdict="rejected", reason="retries_exhausted")
    return Result(message_id=m.id, fence=m.fence, verdict="later", reason=NOT_FOUND, due_at=at)


def _wait_for_events(app: App, case: Case, now: datetime) -> None:
    """Class C, and A when its key has expired."""
    until = case.attempt.started_at + EVENTS_WINDOW
    if now < until:
        _put_off(app, case.messages, until, "Waiting for the provider's events.")
        return
    again = [m for m in case.messages if m.mail_class == "transactional" and m.reason not in _GIVEN_UP]
    never = [m for m in case.messages if m not in again]
    with app.db.write() as session:
        _move(session, again, "retry", POSSIBLE_DUPLICATE, now, "Sent again: the first may have arrived.")
        _move(session, never, "unknown", UNRESOLVED, NEVER, "The provider never said what became of it.")
        fault("ladder.before_commit")
    fault("ladder.settled")


def _put_off(app: App, messages: Sequence[Message], until: datetime, why: str) -> None:
    with app.db.write() as session:
        bulk.update(
            session,
            Message,
            [{"id": m.id, "fence": m.fence, "due_at": until, "reason_detail": why[:1000]} for m in messages],
            key=("id", "fence"),
            where=Message.state == "unknown",
        )
        fault("ladder.before_commit")


def _move(
    session: Session, messages: Sequence[Message], state: str, reason: str, due_at: datetime, detail: str
) -> None:
    bulk.update(
        session,
        Message,
        [{"id": m.id, "fence": m.fence} for m in messages],
        key=("id", "fence"),
        where=Message.state == "unknown",
        values={"state": state, "reason": reason, "due_at": due_at, "reason_detail": detail},
    )
