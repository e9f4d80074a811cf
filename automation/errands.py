"""What is to be done at a shop once it is connected, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation.app import App
from automation.connections import platform_of
from automation.models import Connection, Errand
from automation.platform import Platform, Work, can

_METHODS: dict[Work, str] = {"subscribe": "subscribe", "back_fill": "pull", "reconcile": "pull"}
"""Kind of errand → the method of the contract that does it."""
OVERLAP = timedelta(minutes=10)
"""Shops' clocks differ from ours, and what was changed while we asked must not fall between two rounds."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)


def works(platform: Platform) -> list[Work]:
    """What can be done at this shop with these settings."""
    return [kind for kind, method in _METHODS.items() if can(platform, method)]


def begin(app: App, session: Session, connection: Connection, now: datetime) -> list[Errand]:
    """Put down what is to be done at a shop that was connected, and try again what failed; all errands of it.

    Everything the shop has is read at once; what webhooks missed is asked for from now on.
    """
    if connection.role != "platform":
        return []
    with app.http() as http:
        platform = platform_of(app, connection, http)
        wanted = works(platform)
    known = {errand.kind: errand for errand in errands_of(session, connection.id)}
    for kind in wanted:
        errand = known.get(kind)
        if errand is None:
            errand = known[kind] = Errand(
                connection_id=connection.id, kind=kind, due_at=now, created_at=now, updated_at=now
            )
            if kind == "reconcile":
                errand.since = now - OVERLAP
                errand.due_at = now + platform.reconciled_every
            session.add(errand)
        elif errand.state == "failed":
            retry(errand, now)
    session.flush()
    return list(known.values())


def errands_of(session: Session, connection_id: int) -> Sequence[Errand]:
    """A connection's errands."""
    return session.scalars(select(Errand).where(Errand.connection_id == connection_id).order_by(Errand.id)).all()


def retry(errand: Errand, now: datetime) -> None:
    """Do it now, from where it stopped, or once more when it was done."""
    if errand.state == "done":
        errand.cursor, errand.progress = None, 0.0
    errand.state, errand.message, errand.failures = "waiting", "", 0
    errand.due_at = errand.updated_at = now


def try_again(session: Session, connection_id: int, now: datetime) -> None:
    """Go on with what failed: its cause may be gone."""
    for errand in errands_of(session, connection_id):
        if errand.state == "failed":
            retry(errand, now)


def pause_after(failures: int) -> timedelta:
    """How long to leave a shop alone after so many failures in a row: a minute, two, four … at most an hour."""
    return min(_FIRST_WAIT * (1 << min(failures - 1, 10)), _LONGEST_WAIT)


def mark_broken(session: Session, connection_id: int, why: str) -> None:
    """The shop does not accept the connection's settings: stop asking until a person has seen to it."""
    session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.state == "active")
        .values(state="broken", state_reason=f"The shop turned us away: {why}"[:500])
    )
