"""Load: take in the rows of uploaded files, batch by batch, each with its checkpoint."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from automation import faults
from automation.app import App
from automation.errors import CartwheelError
from automation.importing import files, loading
from automation.importing.building import Builder
from automation.models import Import

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
"""How long a claim holds: longer than the batches of one call may take."""

# Spelt as the partial index spells it: with bound parameters SQLite would not see that it fits.
_GOING = text("imports.state IN ('checking', 'running')")

faults.declare("load.claimed")


def load(app: App, now: datetime, limit: int) -> int:
    """Take in, or only look through, up to `limit` rows of the file that has waited longest; how many."""
    with app.db.read() as session:
        if session.scalar(select(Import.id).where(_GOING, Import.due_at <= now).limit(1)) is None:
            return 0
    with app.db.write() as session:
        row = session.scalars(
            select(Import)
            .where(_GOING, Import.due_at <= now)
            .order_by(Import.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return 0
        row.fence, row.due_at = row.fence + 1, now + LEASE
        builder = loading.builder_of(session, row)
        session.flush()
        session.expunge(row)
    faults.fault("load.claimed")
    try:
        done = _batches(app, row, builder, now, limit)
    except CartwheelError as error:
        done = -1
        _fail(app, row, str(error), now)
    if 0 <= done < limit:
        _finish(app, row, now)
    elif done > 0:
        with app.db.write() as session:
            _ours(session, row, now)
    return max(done, 1)


def _batches(app: App, row: Import, builder: Builder, now: datetime, limit: int) -> int:
    """Rows that were done; fewer than `limit` at the end of the file, minus one where somebody else took over."""
    done = 0
    for portion in loading.portions(builder, files.rows(app, row, row.rows_done), limit):
        with app.db.write() as session:
            mine = _ours(session, row, now + LEASE)
            if mine is None:
                return -1
            if mine.state == "checking":
                loading.check(session, mine, portion)
            else:
                loading.take(session, mine, portion, now)
        done += portion.rows
    return done


def _ours(session: Session, row: Import, due_at: datetime) -> Import | None:
    """The import, locked, if our claim still stands and nobody stopped it."""
    mine = session.scalars(
        select(Import)
        .where(Import.id == row.id, Import.fence == row.fence, Import.state == row.state)
        .with_for_update()
    ).one_or_none()
    if mine is not None:
        mine.due_at = due_at
    return mine


def _finish(app: App, row: Import, now: datetime) -> None:
    with app.db.write() as session:
        mine = _ours(session, row, now)
        if mine is None:
            return
        mine.rows_total = mine.rows_done
        if mine.state == "checking":
            mine.state = "checked"
            return
        mine.state, mine.ended_at = "done", now
        files.drop(app, session, mine)


def _fail(app: App, row: Import, why: str, now: datetime) -> None:
    log.warning("Import %s stopped: %s", row.public_id, why)
    with app.db.write() as session:
        mine = _ours(session, row, now)
        if mine is not None:
            mine.state, mine.message, mine.ended_at = "failed", why[:500], now
