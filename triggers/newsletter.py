"""A newsletter goes out to everybody it is for: once, or again and again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, String, and_, false, literal, or_, true

from automation.models import Customer
from automation.schedule import Schedule, last_of, occurrences
from automation.times import DAY, instant, zone
from automation.timetable import INSTANT, TEXT, lives_in, timetable
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window

_LAST_ZONE = "Etc/GMT+12"
"""Where each hour strikes last on earth."""
_EVERYWHERE = "*"
_PUT_OFF = timedelta(hours=51)
"""An issue that is put off goes out within two days, one of which may have 27 hours."""


class NewsletterSettings(TriggerSettings):
    """When it goes out."""

    send_at: AwareDatetime | None = Field(None, description="Date and time; empty sends it when it is published.")
    schedule: Schedule | None = Field(None, description="Again and again, instead of once: on which days and when.")
    local_time: bool = Field(False, description="At that hour of each customer's own zone, instead of the store's.")
    passed: Literal["skip", "next_day"] = Field(
        "next_day",
        description="In zones where the hour had passed when it was published: leave them out, or send the next day.",
    )
    published_at: AwareDatetime | None = Field(None, description="Set by publishing: hours before it have passed.")


class Newsletter(Trigger):
    """Starts for every customer of the audience who agreed to its topic: once, or by a schedule.

    Who it is for is settled at the hour it goes out: whoever becomes known or agrees later does not get it. With local
    time each customer gets it when their own clock shows the hour; the first issue is the first whose hour in the
    store's own zone was still to come when it was published. Each issue starts once for each customer, also
    for those who move to another zone; after a downtime only the newest issue goes out.
    """

    label = "Newsletter"
    Settings = NewsletterSettings
    mailable_only = True
    nothing = "no issue was due"
    is_local = True

    def at_publish(self, settings: NewsletterSettings, now: datetime) -> NewsletterSettings:
        fixed = {"published_at": now}
        if settings.send_at is None and settings.schedule is None:
            fixed["send_at"] = now
        return settings.model_copy(update=fixed)

    def occurrences(
        self, settings: NewsletterSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        del anchor  # nothing here counts from it
        if settings.local_time:
            return _in_each_zone(settings, window)
        if settings.schedule is not None:
            due = list(occurrences(settings.schedule, zone(window.timezone), window.since, window.until))
            if window.is_replay:
                return _in_zones([(_EVERYWHERE, _key(at), at) for _, at in due], window, None)
            last_at = last_of(settings.schedule, zone(window.timezone))
            return _at_once(due[-1][1] if due else None, window, last_at)
        send_at = (settings.send_at or window.until).astimezone(UTC)
        return _at_once(send_at, window, send_at)


def _at_once(at: datetime | None, window: Window, last_at: datetime | None) -> Occurrences:
    """One instant for everybody."""
    is_due = at is not None and window.since < at <= window.until
    at = at or window.until
    column = literal(at, type_=INSTANT)
    return Occurrences(
        source=Customer.__table__,
        store_id=Customer.store_id.expression,
        customer_id=Customer.id.expression,
        key=literal(_key(at), type_=String()),
        at=column,
        subject_id=Customer.id.expression,
        within=true() if is_due else false(),
        conditions={},
        entry={"they were known when it went out": Customer.created_at <= column},
        is_settling=is_due,
        last_at=last_at,
    )


def _key(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _in_each_zone(settings: NewsletterSettings, window: Window) -> Occurrences:
    """The same hour of the wall clock, an instant for each zone."""
    rows = []
    for name in window.zones:
        found = sorted(s for s in _issues(settings, window, name) if window.since < s[1] <= window.until)
        for wall, struck_at in found if window.is_replay else found[-1:]:
            rows.append((name, f"{wall:%Y-%m-%dT%H:%M}", struck_at))
    return _in_zones(rows, window, _last(settings, window))


def _in_zones(rows: list[tuple[str, str, datetime]], window: Window, last_at: datetime | None) -> Occurrences:
    """An issue's key and instant for the customers of each zone."""
    due = timetable("due", {"zone": TEXT, "key": TEXT, "at": INSTANT}, rows)
    zones = sorted({row[0] for row in rows})
    here: ColumnElement[bool] = Customer.timezone.in_(zones)
    if "" in zones:
        here = or_(here, Customer.timezone.is_(None))
    meets = lives_in(Customer.timezone.expression, due.c.zone)
    if _EVERYWHERE in zones:
        here, meets = true(), true()
    at = due.c.at if rows else window.now
    source = Customer.__table__
    return Occurrences(
        source=source.join(due, meets) if rows else source,
        store_id=Customer.store_id.expression,
        customer_id=Customer.id.expression,
        key=due.c.key if rows else literal("", type_=String()),
        at=at,
        subject_id=Customer.id.expression,
        within=and_(true(), here) if rows else false(),
        conditions={},
        entry={"they were known when it went out": Customer.created_at <= at},
        is_settling=bool(rows),
        last_at=last_at,
    )


def _issues(settings: NewsletterSettings, window: Window, name: str) -> Iterator[tuple[datetime, datetime]]:
    """For one zone, each issue that may be due: its date and hour on the wall, and the instant for this zone."""
    where, published = zone(name or window.timezone), settings.published_at
    for wall in _walls(settings, window, name):
        on, hour = wall.date(), wall.time()
        if published is not None and instant(on, hour, zone(window.timezone)) < published:
            continue  # over in the store itself: the first issue is the one after
        at = instant(on, hour, where)
        if published is not None and at < published:
            if settings.passed == "skip":
                continue
            while at < published:
                on += DAY
                at = instant(on, hour, where)
        yield wall, at


def _walls(settings: NewsletterSettings, window: Window, name: str) -> list[datetime]:
    if settings.schedule is None:
        return [_wall(settings, window)]
    schedule, where = settings.schedule, zone(name or window.timezone)
    # An issue that was put off by a day, or two, had its date before the window.
    found = occurrences(schedule, where, window.since - _PUT_OFF, window.until)
    return [datetime.combine(on, schedule.at) for on, _ in found]


def _wall(settings: NewsletterSettings, window: Window) -> datetime:
    """What the clock in the store shows at the hour of a newsletter that goes out once."""
    send_at = settings.send_at or window.until
    return send_at.astimezone(zone(window.timezone)).replace(tzinfo=None, fold=0)


def _last(settings: NewsletterSettings, window: Window) -> datetime | None:
    if settings.schedule is not None:
        last = last_of(settings.schedule, zone(_LAST_ZONE))
    else:
        wall = _wall(settings, window)
        last = instant(wall.date(), wall.time(), zone(_LAST_ZONE))
    if last is not None and settings.published_at is not None and settings.published_at < last:
        return max(last, settings.published_at + _PUT_OFF)
    return last
