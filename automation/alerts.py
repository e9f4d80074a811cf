"""Figures that leave their usual band: told once, until a person has seen to it; or muted.

`check()` holds one day of any named daily series against its own history. Whoever has a series of figures (a
campaign's clicks, the conversion of a touchpoint) calls it once a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from automation import audit
from automation.errors import NotAllowed
from automation.insights.bands import Band, Day, Kind, band, is_telling, size
from automation.models import Alert, AlertMute
from automation.money import decimal_text
from automation.upsert import insert_into, table_of

__all__ = ["Day", "Series", "check", "dismiss", "is_muted", "mute", "muted", "unmute", "waiting"]

QUIET = timedelta(days=7)
"""A figure that stays out of its band is told of once in this time."""


@dataclass(frozen=True, slots=True)
class Series:
    """A daily figure with its history."""

    name: str
    """Unique in the store, the same every day: "campaign/12/clicks"."""
    title: str
    """As it begins a sentence: "Clicks in Welcome"."""
    kind: Kind
    days: Mapping[date, Day]
    """Whole days of the store's zone, about ten weeks of them; days that are not there are not known."""
    place: str = ""
    """Where to look: a path of the admin pages."""
    sides: Literal["both", "low", "high"] = "both"
    """On which side of the band it is worth telling of."""
    is_rare: bool = False
    """Nothing on most days, and that is well: complaints."""
    currency: str = "EUR"


def check(session: Session, store_id: int, series: Series, on: date, now: datetime) -> Alert | None:
    """An alert for a day on which the series is outside of its usual band; None where all is well.

    None too where its history is too short to know what is usual, where it is muted, and where the same was told in
    the seven days before. Asked again for the same day it answers None. Three statements at most.
    """
    day = series.days.get(on)
    if day is None or not is_telling(series.kind, day):
        return None
    usual = band(series.kind, series.days, on, is_rare=series.is_rare)
    if usual is None:
        return None
    value = size(series.kind, day)
    is_low = value < usual.low and series.sides != "high"
    is_high = value > usual.high and series.sides != "low"
    if not (is_low or is_high) or is_muted(session, store_id, series.name, now):
        return None
    told = session.scalar(
        select(func.count()).where(
            Alert.store_id == store_id,
            Alert.series == series.name,
            Alert.on > on - QUIET,
            Alert.value < Alert.low if is_low else Alert.value > Alert.high,
        )
    )
    if told:
        return None
    made = session.scalar(
        insert_into(session, Alert)
        .values(
            store_id=store_id,
            series=series.name,
            on=on,
            text=_words(series, value, usual, on)[:500],
            place=series.place,
            value=value,
            low=usual.low,
            high=usual.high,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(table_of(Alert).c.id)
    )
    return None if made is None else session.get_one(Alert, made)


def _words(series: Series, value: float, usual: Band, on: date) -> str:
    low, high = (_written(series, edge) for edge in (usual.low, usual.high))
    return (
        f"{series.title}: {_written(series, value)} on {on:%A}, {on.day} {on:%B}. "
        f"On a {on:%A} it is usually {low} to {high}."
    )


def _written(series: Series, value: float) -> str:
    if series.kind == "share":
        return f"{100 * value:.1f} %" if value < 0.1 else f"{100 * value:.0f} %"
    if series.kind == "money":
        return f"{decimal_text(round(value), series.currency)} {series.currency}"
    return f"{round(value):,}"


def waiting(session: Session, store_id: int, limit: int = 5) -> tuple[list[Alert], int]:
    """The newest alerts that nobody has seen to, and how many there are in all; one statement."""
    is_open = (Alert.store_id == store_id, Alert.dismissed_at.is_(None))
    newest = select(Alert, func.count().over()).where(*is_open).order_by(Alert.on.desc(), Alert.id.desc()).limit(limit)
    rows = session.execute(newest).all()
    return [row[0] for row in rows], rows[0][1] if rows else 0


def dismiss(session: Session, store_id: int, alert_id: int, admin_id: int, now: datetime) -> bool:
    """Mark an alert as seen to; False for one that is not the store's, or was seen to already."""
    done = session.scalar(
        update(Alert)
        .where(Alert.id == alert_id, Alert.store_id == store_id, Alert.dismissed_at.is_(None))
        .values(dismissed_at=now, dismissed_by=admin_id)
        .returning(Alert.id)
    )
    if done is not None:
        audit.note(session, admin_id, "alert.dismissed", alert_id, now)
    return done is not None


def mute(session: Session, store_id: int, alert_id: int, admin_id: int, now: datetime, days: int | None) -> AlertMute:
    """Hear no more of what an alert is about, for so many days or for good; its open alerts are seen to.

    Raises NotAllowed for an alert that is not the store's.
    """
    alert = session.get(Alert, alert_id)
    if alert is None or alert.store_id != store_id:
        raise NotAllowed("There is no such alert.")
    row = session.merge(
        AlertMute(
            store_id=store_id,
            series=alert.series,
            title=alert.text.partition(":")[0][:300],
            until_at=None if days is None else now + timedelta(days=days),
            muted_by=admin_id,
            muted_at=now,
        )
    )
    session.execute(
        update(Alert)
        .where(Alert.store_id == store_id, Alert.series == alert.series, Alert.dismissed_at.is_(None))
        .values(dismissed_at=now, dismissed_by=admin_id)
        .execution_options(synchronize_session=False)
    )
    audit.note(session, admin_id, "alert.muted", alert_id, now, series=alert.series, days=days)
    return row


def unmute(session: Session, store_id: int, series: str, admin_id: int, now: datetime) -> bool:
    """Hear of a figure again; False where it was not muted."""
    row = session.get(AlertMute, (store_id, series))
    if row is None:
        return False
    session.delete(row)
    session.flush()
    audit.note(session, admin_id, "alert.unmuted", "", now, series=series)
    return True


def is_muted(session: Session, store_id: int, series: str, now: datetime) -> bool:
    """Whether nobody wants to hear of a figure now."""
    found = select(AlertMute.series).where(AlertMute.store_id == store_id, AlertMute.series == series, _lasts(now))
    return session.scalar(found) is not None


def muted(session: Session, store_id: int, now: datetime) -> list[AlertMute]:
    """The figures that are muted now."""
    wanted = select(AlertMute).where(AlertMute.store_id == store_id, _lasts(now)).order_by(AlertMute.title)
    return list(session.scalars(wanted))


def _lasts(now: datetime) -> ColumnElement[bool]:
    return or_(AlertMute.until_at.is_(None), AlertMute.until_at > now)
