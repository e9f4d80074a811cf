"""Who leads: of many clocks, one at a time sends the work out.

Leading is a lease on a row, with a term that goes up whenever the lease changes hands. Time decides only who may try;
what the leader sends out carries its term, and whoever receives it asks the row. So a leader that was stopped past its
lease, and wakes up believing it still leads, moves nothing, however wrong its clock is.

After the leases of Gray and Cheriton (1989) and the fencing tokens of Chubby (Burrows, 2006).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from automation.models import Lease
from automation.upsert import insert_into

CLOCK = "clock"
"""The lease of the belt's metronome."""
SPAN = timedelta(seconds=15)
"""How long a lease holds; it is renewed every tick, so a dead leader is followed after this long."""


def hold(session: Session, name: str, holder: str, now: datetime, span: timedelta = SPAN) -> int | None:
    """Keep a lease that is ours, or take one that has run out; its term, or None while somebody else leads.

    A lease of our own that ran out is taken anew, under a new term: others may have led meanwhile.
    """
    mine = update(Lease).where(Lease.name == name, Lease.holder == holder, Lease.until > now)
    lapsed = update(Lease).where(Lease.name == name, Lease.until <= now)
    first = insert_into(session, Lease).values(name=name, holder=holder, term=1, until=now + span)
    for attempt in (
        mine.values(until=now + span),
        lapsed.values(holder=holder, term=Lease.term + 1, until=now + span),
        first.on_conflict_do_nothing(),
    ):
        term: int | None = session.scalar(attempt.returning(Lease.term))
        if term is not None:
            return term
    return None


def is_current(session: Session, name: str, term: int) -> bool:
    """Whether nobody has led under a newer term."""
    return session.scalar(select(Lease.term).where(Lease.name == name)) == term


def release(session: Session, name: str, holder: str, now: datetime) -> None:
    """Let go of a lease, so that a successor need not wait for its end."""
    session.execute(update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=now))
