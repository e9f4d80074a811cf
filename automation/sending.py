"""How sending goes at the moment, for people to look at: rates, warm-ups, and which connections work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from automation.app import App
from automation.delivery import rates, routes, warm_up
from automation.models import Connection, RateState, Store, WarmDay
from automation.pacing import Pacing, pacing_of
from automation.times import local_date, zone

Condition = Literal["sends", "stands_in", "stands_by", "rests", "down", "paused", "broken", "unused"]


@dataclass(frozen=True, slots=True)
class RateNow:
    """How fast a connection may send; None where nothing limits it."""

    per_second: float | None
    ceiling: float | None
    of: Literal["mails", "requests"]
    burst: int | None
    left: int | None
    """How many mails could leave at this instant."""
    is_lowered: bool
    """It was told that it sends too fast, not long ago."""
    held_until: datetime | None
    quota: str
    """What the provider says of its account, in words."""


@dataclass(frozen=True, slots=True)
class WarmMailbox:
    """One mailbox provider's places today."""

    mailbox: str
    name: str
    taken: int
    most: int
    waiting: int
    """Mails that have a place on a later day."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How far a connection's warm-up has come."""

    began_on: date
    day: int
    """The first is 1; 0 or less before it began."""
    of: int
    """The day on which it ends."""
    most: int | None
    """Places today at each mailbox provider; None when it is over."""
    plan: list[tuple[date, int]]
    """Every day's places, for a curve."""
    mailboxes: list[WarmMailbox]

    @property
    def is_over(self) -> bool:
        return self.most is None

    @property
    def progress(self) -> float:
        """0 to 1."""
        return max(0.0, min(1.0, (self.day - 1) / max(1, self.of - 1)))


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """One mail provider's connection."""

    public_id: str
    store_id: int
    name: str
    kind: str
    condition: Condition
    sentence: str
    pacing: Pacing
    rate: RateNow
    warm_up: WarmUp | None
    down_since: datetime | None
    standing_in_since: datetime | None

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, without the store's own number."""
        found = asdict(replace(self, pacing=Pacing()))
        warm = found.pop("warm_up")
        if warm is not None:
            warm.pop("plan")
        del found["store_id"]
        return {**found, "pacing": self.pacing.model_dump(mode="json", exclude_defaults=True), "warm_up": warm}


def connections(app: App, session: Session, now: datetime, store_id: int | None = None) -> list[ConnectionHealth]:
    """Every mail provider's connection, or one store's. The number of statements is fixed."""
    query = (
        select(Connection, RateState, Store.timezone)
        .join(Store, Store.id == Connection.store_id)
        .outerjoin(RateState, RateState.connection_id == Connection.id)
        .where(Connection.role == "provider")
        .order_by(Connection.store_id, Connection.is_default.desc(), Connection.id)
    )
    if store_id is not None:
        query = query.where(Connection.store_id == store_id)
    rows = session.execute(query).all()
    days = _days(session, now)
    by_store: dict[int, list[routes.Known]] = {}
    for row, state, timezone in rows:
        known = routes.Known(row, pacing_of(row), 0, timezone, state)
        if row.is_default or known.pacing.use != "off":
            by_store.setdefault(row.store_id, []).append(known)
    going = {
        lane.connection.id for known in by_store.values() for lane in routes.choose(known, now) if not lane.is_probe
    }
    return [_health(app, row, state, timezone, days, now, is_going=row.id in going) for row, state, timezone in rows]


def _health(
    app: App,
    row: Connection,
    state: RateState | None,
    timezone: str,
    days: Mapping[tuple[int, str, date], int],
    now: datetime,
    *,
    is_going: bool,
) -> ConnectionHealth:
    pacing = pacing_of(row)
    condition = _condition(row, pacing, now, is_going=is_going)
    return ConnectionHealth(
        public_id=row.public_id,
        store_id=row.store_id,
        name=row.name,
        kind=row.kind,
        condition=condition,
        sentence=_sentence(condition, row),
        pacing=pacing,
        rate=rate_now(app, row, state, now),
        warm_up=progress(row.id, pacing, local_date(now, zone(timezone)), days),
        down_since=row.down_since,
        standing_in_since=row.standing_in_since,
    )


def _condition(row: Connection, pacing: Pacing, now: datetime, *, is_going: bool) -> Condition:
    if row.state == "paused":
        return "paused"
    if row.state == "broken":
        return "broken"
    if not row.is_default and pacing.use == "off":
        return "unused"
    if routes.is_down(row, now, pacing.fail_over):
        return "down"
    if row.not_before is not None and row.not_before > now:
        return "rests"
    if not row.is_default and pacing.use == "stand_in":
        return "stands_in" if is_going else "stands_by"
    return "sends"


def _sentence(condition: Condition, row: Connection) -> str:
    return {
        "sends": "Mails leave through it.",
        "stands_in": "It stands in for the connection that mails leave through otherwise.",
        "stands_by": "It stands in when the connection that mails leave through is down.",
        "rests": "The provider asked to wait, or did not answer; it is tried again soon.",
        "down": "Nothing could leave through it for minutes; it is tried with one mail a minute.",
        "paused": "Somebody paused it.",
        "broken": row.state_reason or "The provider does not accept its settings.",
        "unused": "No mails leave through it.",
    }[condition]


def rate_now(app: App, row: Connection, state: RateState | None, now: datetime) -> RateNow:
    """How fast a connection may send at this instant."""
    kind = app.providers.get(row.kind)
    bucket = rates.bucket_of(row, kind, state, now) if kind else None
    quota = state.quota if state else ""
    if kind is None or bucket is None:
        return RateNow(None, None, "mails", None, None, is_lowered=False, held_until=None, quota=quota)
    filled = bucket.at(now)
    held_until = bucket.held_until if bucket.held_until is not None and bucket.held_until > now else None
    return RateNow(
        per_second=round(filled.per_second, 3),
        ceiling=round(bucket.ceiling, 3),
        of=kind.rate.of if kind.rate else "mails",
        burst=int(bucket.burst),
        left=rates.left(row, kind, state, now),
        is_lowered=bucket.lowered_at is not None and filled.per_second < bucket.ceiling,
        held_until=held_until,
        quota=quota,
    )


def progress(
    connection_id: int, pacing: Pacing, today: date, days: Mapping[tuple[int, str, date], int]
) -> WarmUp | None:
    """How far a warm-up has come; None for a connection without one. `days`: places taken, as `_days` reads them."""
    if not pacing.warm_up or pacing.warm_up_on is None:
        return None
    plan: list[tuple[date, int]] = []
    day = pacing.warm_up_on
    while (most := warm_up.places(pacing, day)) is not None:
        plan.append((day, most))
        day += timedelta(days=1)
    here = warm_up.places(pacing, today)
    mailboxes = [
        WarmMailbox(
            mailbox,
            name,
            days.get((connection_id, mailbox, today), 0),
            here or 0,
            sum(n for (c, m, d), n in days.items() if c == connection_id and m == mailbox and d > today),
        )
        for mailbox, name in warm_up.NAMES.items()
    ]
    number = (today - pacing.warm_up_on).days + 1
    return WarmUp(pacing.warm_up_on, number, len(plan) + 1, here, plan, mailboxes if here is not None else [])


def _days(session: Session, now: datetime) -> dict[tuple[int, str, date], int]:
    """Places taken on this day and later ones; a day earlier too, for stores whose date is behind."""
    rows = session.execute(
        select(WarmDay.connection_id, WarmDay.mailbox, WarmDay.day_on, func.sum(WarmDay.taken))
        .where(WarmDay.day_on >= now.date() - timedelta(days=1))
        .group_by(WarmDay.connection_id, WarmDay.mailbox, WarmDay.day_on)
    )
    return {(connection_id, mailbox, day): taken for connection_id, mailbox, day, taken in rows}
