"""A day's figures of the campaigns that are live: mails, clicks, complaints, revenue; counted once and kept.

Everything that is counted of a day is counted from its events by the same cut-off, so that a day of last month can be
held against yesterday: a click belongs to the day its mail was sent on, and counts until the next day is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from automation.alerts import Series
from automation.insights.bands import WEEKS, Day, Kind
from automation.models import SENT, Campaign, Conversion, Message, MessageEvent, Order, SeriesDay, Store
from automation.times import day_span
from automation.upsert import insert_into

HISTORY = 7 * WEEKS + 1
"""Days before the present one that are needed to know what is usual."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A figure of every campaign."""

    name: str
    title: str
    """With the campaign's name in it."""
    kind: Kind
    lag: int = 0
    """Days after which a day's figure is settled, beside the day itself."""
    sides: Literal["both", "low", "high"] = "both"
    is_rare: bool = False


WATCHED = (
    Watched("volume", "Mails sent by {}", "count"),
    Watched("clicks", "Clicks per mail in {}", "share", lag=1),
    Watched("complaints", "Spam complaints about {}", "count", sides="high", is_rare=True),
    Watched("revenue", "Revenue by clicks in {}", "money"),
)


def count(session: Session, store: Store, on: date) -> int:
    """Count what is settled when the day `on` is over, and keep it; the rows kept. Six statements at most.

    A campaign that was live all day and has no mail counts with 0. Counting a day again changes nothing.
    """
    zone = ZoneInfo(store.timezone)
    since, until = day_span(on, zone)
    before = day_span(on - timedelta(days=1), zone)
    live = session.scalars(
        select(Campaign.id).where(Campaign.store_id == store.id, Campaign.state == "live", Campaign.live_since <= since)
    ).all()
    if not live:
        return 0
    sent = _sent(session, store, since, until)
    clicked = _clicked(session, store, *before, until)
    complained = _complained(session, since, until)
    earned = _earned(session, store, since, until)
    rows: list[dict[str, Any]] = []
    for campaign_id in live:
        rows.append(_row(store, campaign_id, "volume", on, sent.get(campaign_id, 0)))
        rows.append(_row(store, campaign_id, "complaints", on, complained.get(campaign_id, 0)))
        rows.append(_row(store, campaign_id, "revenue", on, earned.get(campaign_id, 0)))
        hits, of = clicked.get(campaign_id, (0, 0))
        rows.append(_row(store, campaign_id, "clicks", on - timedelta(days=1), hits, of))
    keep(session, rows)
    return len(rows)


def keep(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep days of series; a day that is known stays as it is."""
    found = list(rows)
    for start in range(0, len(found), 1000):
        session.execute(insert_into(session, SeriesDay).on_conflict_do_nothing(), found[start : start + 1000])


def days_of(session: Session, store: Store, on: date, beginning: str) -> dict[str, dict[date, Day]]:
    """What was kept of the series whose names begin so, as far back as is needed at `on`; one statement."""
    days: dict[str, dict[date, Day]] = {}
    first = on - timedelta(days=HISTORY)
    for name, day, value, of in session.execute(
        select(SeriesDay.series, SeriesDay.on, SeriesDay.value, SeriesDay.of).where(
            SeriesDay.store_id == store.id,
            SeriesDay.series.startswith(beginning, autoescape=True),
            SeriesDay.on >= first,
            SeriesDay.on <= on,
        )
    ):
        days.setdefault(name, {})[day] = Day(value, of)
    return days


def watched(session: Session, store: Store, on: date) -> list[tuple[Series, date]]:
    """The series of the live campaigns, each with the day that is settled once `on` is over; two statements."""
    campaigns = session.execute(
        select(Campaign.id, Campaign.public_id, Campaign.name).where(
            Campaign.store_id == store.id, Campaign.state == "live"
        )
    ).all()
    days = days_of(session, store, on, "campaign/")
    found = []
    for campaign in campaigns:
        for what in WATCHED:
            name = f"campaign/{campaign.id}/{what.name}"
            series = Series(
                name=name,
                title=what.title.format(campaign.name),
                kind=what.kind,
                days=days.get(name, {}),
                place=f"/campaigns/{campaign.public_id}",
                sides=what.sides,
                is_rare=what.is_rare,
                currency=store.currency,
            )
            found.append((series, on - timedelta(days=what.lag)))
    return found


def _row(store: Store, campaign_id: int, what: str, on: date, value: float, of: int | None = None) -> dict[str, Any]:
    return {"store_id": store.id, "series": f"campaign/{campaign_id}/{what}", "on": on, "value": value, "of": of}


def _went(store: Store, since: datetime, until: datetime) -> tuple[Any, ...]:
    return (
        Message.store_id == store.id,
        Message.accepted_at >= since,
        Message.accepted_at < until,
        Message.state.in_(SENT),
        Message.is_test.is_(False),
        Message.campaign_id.is_not(None),
    )


def _sent(session: Session, store: Store, since: datetime, until: datetime) -> dict[int, int]:
    found = session.execute(
        select(Message.campaign_id, func.count()).where(*_went(store, since, until)).group_by(Message.campaign_id)
    )
    return {row[0]: row[1] for row in found if row[0] is not None}


def _clicked(
    session: Session, store: Store, since: datetime, until: datetime, counted_until: datetime
) -> dict[int, tuple[int, int]]:
    has_clicked = case((Message.clicked_at < counted_until, 1), else_=0)
    found = session.execute(
        select(Message.campaign_id, func.sum(has_clicked), func.count())
        .where(*_went(store, since, until))
        .group_by(Message.campaign_id)
    )
    return {row[0]: (int(row[1]), row[2]) for row in found if row[0] is not None}


def _complained(session: Session, since: datetime, until: datetime) -> dict[int, int]:
    found = session.execute(
        select(Message.campaign_id, func.count(Message.id.distinct()))
        .join(MessageEvent, MessageEvent.message_id == Message.id)
        .where(
            MessageEvent.type == "complaint",
            MessageEvent.at >= since,
            MessageEvent.at < until,
            Message.campaign_id.is_not(None),
        )
        .group_by(Message.campaign_id)
    )
    return {row[0]: row[1] for row in found if row[0] is not None}


def _earned(session: Session, store: Store, since: datetime, until: datetime) -> dict[int, int]:
    found = session.execute(
        select(Conversion.campaign_id, func.sum(Order.total - Order.refunded))
        .join(Order, Order.id == Conversion.order_id)
        .where(
            Conversion.store_id == store.id,
            Conversion.at >= since,
            Conversion.at < until,
            Order.currency == store.currency,
            Order.cancelled_at.is_(None),
        )
        .group_by(Conversion.campaign_id)
    )
    return {row[0]: int(row[1]) for row in found if row[0] is not None}
