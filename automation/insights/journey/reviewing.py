"""Reminds of a map that nobody has looked over for a season: a map that is not kept up misleads."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation import cursors
from automation.models import Alert, Cursor, JourneyStage, Store, Touchpoint
from automation.times import local_date
from automation.upsert import insert_into

EVERY = timedelta(days=90)
SERIES = "journey/review"


def _name(store_id: int) -> str:
    return f"journey:reviewed:{store_id}"


def reviewed(session: Session, store_id: int, now: datetime) -> None:
    """Note that somebody has looked the map over."""
    cursors.move(session, _name(store_id), 0, now)


def last_review(session: Session, store_id: int) -> datetime | None:
    """When the map was last looked over, changed or laid out; None without a map. Three statements."""
    looked = session.get(Cursor, _name(store_id))
    changed = session.scalar(select(func.max(Touchpoint.updated_at)).where(Touchpoint.store_id == store_id))
    laid = session.scalar(select(func.max(JourneyStage.created_at)).where(JourneyStage.store_id == store_id))
    known = [at for at in (looked.at if looked else None, changed, laid) if at is not None]
    return max(known, default=None)


def remind(session: Session, store_id: int, now: datetime) -> bool:
    """Raise an alert where a review is overdue, once in `EVERY`; it reaches admins on home and by mail."""
    last = last_review(session, store_id)
    if last is None or now - last < EVERY:
        return False
    told = session.scalar(select(func.max(Alert.created_at)).where(Alert.store_id == store_id, Alert.series == SERIES))
    if told is not None and now - told < EVERY:
        return False
    days = (now - last).days
    session.execute(
        insert_into(session, Alert)
        .values(
            store_id=store_id,
            series=SERIES,
            on=local_date(now, ZoneInfo(session.get_one(Store, store_id).timezone)),
            text=f"Journey map: nobody has looked it over for {days} days. Is it still true?"
            + _owners(session, store_id),
            place="/journey/",
            value=float(days),
            low=0.0,
            high=float(EVERY.days),
            created_at=now,
        )
        .on_conflict_do_nothing()
    )
    return True


def _owners(session: Session, store_id: int) -> str:
    """Who is asked: those who look after its touchpoints."""
    owners = session.scalars(
        select(Touchpoint.owner)
        .where(Touchpoint.store_id == store_id, Touchpoint.owner != "", Touchpoint.archived_at.is_(None))
        .distinct()
        .order_by(Touchpoint.owner)
        .limit(6)
    ).all()
    return f" It is looked after by {', '.join(owners)}." if owners else ""
