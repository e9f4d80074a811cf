"""What is to be done at a shop once it is connected, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation.app import App
from automation.connections import platform_of
from automation.models import Connection, Errand
from automation.platform import Platform, Work, can
from automation.upsert import table_of

_METHODS: dict[Work, str] = {"subscribe": "subscribe", "back_fill": "pull", "reconcile": "pull"}
"""Kind of errand → the method of the contract that does it."""
OVERLAP = timedelta(minutes=10)
"""Shops' clocks differ from ours, and what was changed while we asked must not fall between two rounds."""
RENEWED_EVERY = timedelta(hours=6)
"""Shops take subscriptions away that failed for some hours (Shopify: eight times within four), and tell nobody."""
_TELLING = 0.02
"""Before this much of a round is done, nothing can be said of the rest."""
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


def renew_subscription(session: Session, connection_id: int, now: datetime) -> None:
    """Have the webhooks looked after again, unless that was done lately; whatever the shop took away comes back.

    Called when what webhooks missed was asked for: the first time after we were away, that is at once.
    """
    table = table_of(Errand)
    session.execute(
        update(table)
        .where(
            table.c.connection_id == connection_id,
            table.c.kind == "subscribe",
            table.c.state == "done",
            table.c.updated_at <= now - RENEWED_EVERY,
        )
        .values(state="waiting", due_at=now, failures=0)
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a round of an errand has come, for a screen."""

    kind: str
    state: str
    """waiting, reading, done or failed."""
    share: float
    """0 to 1, as far as the shop lets it be told."""
    done: int
    """Changes taken in."""
    expected: int | None
    """About how many there will be; None while that cannot be told."""
    refused: int
    """Objects that could not be read."""
    message: str
    """What went wrong last, or what was achieved."""
    next_at: datetime | None
    """When it goes on; None for what is done or failed."""
    failures: int
    """In a row, until now."""
    ends_at: datetime | None
    """About when it will be done, at the pace so far; None while that cannot be told."""

    @property
    def is_stuck(self) -> bool:
        """Whether the last try failed."""
        return self.state == "failed" or self.failures > 0


def standing(errand: Errand, now: datetime) -> Standing:
    """How far an errand has come. A round that was interrupted goes on where it stopped, and so does its count."""
    is_reading = errand.state == "waiting" and errand.cursor is not None
    share = 1.0 if errand.state == "done" else min(max(errand.progress, 0.0), 1.0)
    is_telling = is_reading and share >= _TELLING
    ends_at = None
    if is_telling and not errand.failures and errand.started_at is not None:
        # The last page counts, not the present: nothing was read since.
        worked = max(errand.updated_at - errand.started_at, timedelta(0))
        ends_at = max(errand.updated_at + worked * ((1 - share) / share), now)
    expected = errand.taken if errand.state == "done" else round(errand.taken / share) if is_telling else None
    return Standing(
        kind=errand.kind,
        state="reading" if is_reading else errand.state,
        share=share,
        done=errand.taken,
        expected=expected,
        refused=errand.refused,
        message=errand.message,
        next_at=errand.due_at if errand.state == "waiting" else None,
        failures=errand.failures,
        ends_at=ends_at,
    )


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
