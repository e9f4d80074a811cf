"""What dead workers held: their journals first, then their leases."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from datetime import datetime
from os import getpid
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from automation import bulk
from automation.app import App
from automation.database import Database
from automation.delivery.journal import Entry, Journal, dead, read
from automation.delivery.results import STAYING
from automation.delivery.settling import settle
from automation.faults import declare, fault
from automation.models import Attempt, Message

declare("replay.before_remove", "recover.before_commit", "recover.committed")

POISON_AFTER = 3
"""A message that was there when so many workers died is parked."""

# Spelt as the partial index spells it: with bound parameters SQLite would not see that it fits.
_IN_FLIGHT = text("messages.state IN ('claimed', 'submitting')")

_journals: weakref.WeakKeyDictionary[Database, Journal] = weakref.WeakKeyDictionary()
_turn = threading.Lock()


def journal_of(app: App, now: datetime) -> Journal:
    """This process's journal; at its first use, the journals of dead processes are recorded."""
    with _turn:
        found = _journals.get(app.db)
        if found is None or found.pid != getpid():
            found = _journals[app.db] = Journal(app.settings.data)
            weakref.finalize(app.db, _close, found)
            replay(app, now)
        return found


def _close(journal: Journal) -> None:
    if journal.pid == getpid():
        journal.close()


def replay(app: App, now: datetime) -> int:
    """Record what the journals of dead processes say, then remove them; answers how many requests that were."""
    count = 0
    with dead(app.settings.data) as paths:
        for path in paths:
            for entry in read(path):
                count += 1
                record(app, entry, now)
            fault("replay.before_remove")
            path.unlink(missing_ok=True)
    return count


def record(app: App, entry: Entry, now: datetime) -> None:
    """Record a journal's entry. Whatever has been recorded of it before stays as it is."""
    with app.db.write() as session:
        found = session.execute(select(Attempt.id, Attempt.finished_at).where(Attempt.key == entry.key)).one_or_none()
        if found is not None:
            settle(session, found.id, entry.results, min(entry.at, now))


def retry_failed(app: App, journal: Journal, now: datetime) -> int:
    """Record what the database did not take when it was new."""
    waiting = journal.take_failed()
    for index, entry in enumerate(waiting):
        try:
            record(app, entry, now)
        except BaseException:
            journal.give_back(waiting[index:])
            raise
    return len(waiting)


def recover(app: App, now: datetime, limit: int) -> int:
    """Take back what is held under leases that ran out.

    What was only claimed goes back to ready, or is parked when it was there at three deaths. What may have left is
    unknown: it is found out about, never blindly sent again.
    """
    with app.db.read() as session:
        if session.scalar(select(Message.id).where(_IN_FLIGHT, Message.lease_until < now).limit(1)) is None:
            return 0
    replay(app, now)
    with app.db.write() as session:
        rows = session.execute(
            select(Message.id, Message.state, Message.kills, Message.attempt_id, Message.reason)
            .where(_IN_FLIGHT, Message.lease_until < now)
            .order_by(Message.lease_until)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        bulk.update(
            session,
            Message,
            [_recovered(row, now, now + app.settings.settle) for row in rows],
            values={"claimed_by": None, "lease_until": None, "fence": Message.fence + 1},
        )
        fault("recover.before_commit")
    fault("recover.committed")
    with app.db.write() as session:
        # By itself: whoever settles an attempt locks it before its messages.
        _mark_unsure(session, sorted({row.attempt_id for row in rows if row.state == "submitting"}))
    return len(rows)


def _recovered(row: Any, now: datetime, settled_at: datetime) -> dict[str, object]:
    reason = row.reason if row.reason in STAYING else "worker_died"
    if row.state == "submitting":
        detail = "The worker died while the request was out."
        after = {"kills": row.kills, "state": "unknown", "reason": reason, "due_at": settled_at}
    elif row.kills + 1 < POISON_AFTER:
        detail = ""
        after = {"kills": row.kills + 1, "state": "ready", "reason": reason, "due_at": now}
    else:
        detail = f"{row.kills + 1} workers died holding it."
        after = {"kills": row.kills + 1, "state": "parked", "reason": "poison", "due_at": now}
    return {"id": row.id, "reason_detail": detail, **after}


def _mark_unsure(session: Session, attempt_ids: Sequence[int]) -> None:
    bulk.update(
        session,
        Attempt,
        [{"id": i} for i in attempt_ids],
        where=Attempt.state == "open",
        values={"state": "unsure"},
    )
