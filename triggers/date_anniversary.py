"""A date of the customer's comes round: a birthday, a day they named, the day they became a customer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, FromClause, Subquery, and_, false, func, literal, not_, or_, select, true

from automation.models import Customer, Enrolment, Order, SpecialDate
from automation.purchases import is_first, still_stands
from automation.schedule import LocalTime
from automation.times import DAY, LeapDay, celebrating, day_span, instant, origins, strikes, zone
from automation.timetable import INSTANT, NUMBER, TEXT, lives_in, timetable
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window

GUARD = timedelta(days=364)
_DATES: dict[str, tuple[Any, Any, Any]] = {
    "birthday": (Customer.birthday_month, Customer.birthday_day, Customer.birthday_year),
    "special_date": (SpecialDate.month, SpecialDate.day, SpecialDate.year),
}
"""Month, day and year."""
YEARS = 30
"""How far back the first day of a customer may lie."""


class DateAnniversarySettings(TriggerSettings):
    """Which date, and when around it."""

    of: Literal["birthday", "special_date", "customer_since", "first_order"] = Field(
        "birthday", description="Their birthday, a date of theirs by its name, or the day they became a customer."
    )
    name: str = Field("", max_length=64, description="For a special date: its name, as customers' data calls it.")
    offset_days: int = Field(0, ge=-365, le=365, description="Days before (−) or after the date.")
    at: LocalTime = Field(time(9, 0), description="The hour, in the customer's own zone (else the store's).")
    leap_day: LeapDay = Field(
        "feb_28", description="In a common year, the 29th of February is celebrated on the 28th, on 1 March or not."
    )
    repeats: bool = Field(True, description="Every year; off means only in the year that a special date names.")
    catch_up_hours: int = Field(
        48, ge=1, le=720, description="After downtime, how late it may still start; the store's own limit holds too."
    )


@dataclass(frozen=True, slots=True)
class _Day:
    """One celebration in one zone: the date, the instant of its hour, and when the campaign is due for it."""

    zone: str
    on: date
    at: datetime
    due_at: datetime


class DateAnniversary(Trigger):
    """Starts on a date that comes round every year, or so many days before or after it.

    Birthdays, special dates by name, and the day of becoming a customer or of the first order. Each customer's own
    clock counts: the hour is that of their zone, or of the store's where theirs is not known. Each date starts the
    campaign once a year, and never again within 364 days, so that changing one's birthday earns no second present.
    What software writes for an unknown date (1 January 1970 or 1900) is no date.
    """

    label = "Birthday or other date"
    Settings = DateAnniversarySettings
    subject = "date"
    is_local = True
    nothing = "no such date of theirs came round"
    not_kept = ("Birthdays and special dates are taken as they are known today.",)
    replay_span = DAY

    def catch_up(self, settings: DateAnniversarySettings) -> timedelta:
        return timedelta(hours=settings.catch_up_hours)

    def occurrences(
        self, settings: DateAnniversarySettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        days = () if anchor is not None else tuple(_days(settings, window))
        match settings.of:
            case "birthday" | "special_date":
                return _by_calendar(settings, window, days)
            case "customer_since":
                return _by_instant(settings, window, days, Customer.__table__, Customer.created_at.expression)
            case "first_order":
                source = Order.__table__.join(Customer.__table__, Customer.id == Order.customer_id)
                return _by_instant(settings, window, days, source, Order.placed_at.expression)


def _days(settings: DateAnniversarySettings, window: Window) -> Iterator[_Day]:
    since = window.since
    if not window.is_replay:
        since = max(since, window.until - timedelta(hours=settings.catch_up_hours))
    for name in window.zones:
        where = zone(name or window.timezone)
        for due_on, due_at in strikes(settings.at, where, since, window.until):
            on = due_on - settings.offset_days * DAY
            yield _Day(name, on, instant(on, settings.at, where), due_at)


@lru_cache(maxsize=64)
def _calendar_of(settings: DateAnniversarySettings, days: tuple[_Day, ...]) -> tuple[Subquery, ColumnElement[bool]]:
    """The table of what is due by the calendar, and which months and days those are.

    The days of a window are the same for hours, and a sweep asks every second: the last ones are remembered.
    """
    month, day, _ = _DATES["birthday" if settings.of == "birthday" else "special_date"]
    rows = [
        (d.zone, month_of, day_of, d.on.year, str(d.on.year), d.at, d.due_at, d.at - GUARD)
        for d in days
        for month_of, day_of in celebrating(d.on, settings.leap_day)
    ]
    due = timetable(
        "due",
        {
            "zone": TEXT, "month": NUMBER, "day": NUMBER, "year": NUMBER,
            "key": TEXT, "at": INSTANT, "due_at": INSTANT, "guard_at": INSTANT,
        },
        rows,
    )  # fmt: skip
    # Said twice: as constants they tell the planner how few days it is about, so that the index serves.
    dates = or_(false(), *(and_(month == m, day == d) for m, d in sorted({(row[1], row[2]) for row in rows})))
    return due, dates


def _by_calendar(settings: DateAnniversarySettings, window: Window, days: tuple[_Day, ...]) -> Occurrences:
    """Dates that are kept as a month and a day."""
    is_birthday = settings.of == "birthday"
    month, day, year = _DATES["birthday" if is_birthday else "special_date"]
    source: FromClause = Customer.__table__
    if not is_birthday:
        source = SpecialDate.__table__.join(Customer.__table__, Customer.id == SpecialDate.customer_id)
    due, dates = _calendar_of(settings, days)
    if not is_birthday:
        dates = and_(SpecialDate.store_id == window.store_id, SpecialDate.name == settings.name, dates)
    meets = and_(lives_in(Customer.timezone.expression, due.c.zone), month == due.c.month, day == due.c.day)
    has_come = year <= due.c.year if settings.repeats or is_birthday else year == due.c.year
    entry = {
        "the date is a real one, not a placeholder": not_(
            and_(year.is_not(None), year.in_((1970, 1900)), month == 1, day == 1)
        ),
        "the date is in a year that counts": or_(year.is_(None), has_come),
        "their last one was at least 364 days ago": _guard(window, due.c.guard_at),
    }
    return _found(
        source,
        (due, meets) if days else None,
        window,
        subject_id=Customer.id.expression if is_birthday else SpecialDate.id.expression,
        within=dates,
        conditions={"the date is still known": and_(month.is_not(None), day.is_not(None))},
        entry=entry,
    )


@lru_cache(maxsize=64)
def _spans_of(
    settings: DateAnniversarySettings, days: tuple[_Day, ...], timezone: str, happened: ColumnElement[datetime]
) -> tuple[Subquery, ColumnElement[bool]]:
    """The table of what is due by instants of years ago, and the spans in which these lie; remembered as above."""
    rows = []
    spans: dict[date, tuple[datetime, datetime]] = {}
    for d in days:
        where = zone(d.zone or timezone)
        for origin in origins(d.on, settings.leap_day, YEARS):
            start, end = day_span(origin, where)
            rows.append((d.zone, start, end, str(d.on.year), d.at, d.due_at, d.at - GUARD))
            known = spans.get(origin, (start, end))
            spans[origin] = min(known[0], start), max(known[1], end)
    due = timetable(
        "due",
        {
            "zone": TEXT, "start_at": INSTANT, "end_at": INSTANT,
            "key": TEXT, "at": INSTANT, "due_at": INSTANT, "guard_at": INSTANT,
        },
        rows,
    )  # fmt: skip
    within = or_(false(), *(and_(happened >= start, happened < end) for start, end in _joined(spans)))
    return due, within


def _by_instant(
    settings: DateAnniversarySettings,
    window: Window,
    days: tuple[_Day, ...],
    source: FromClause,
    happened: ColumnElement[datetime],
) -> Occurrences:
    """Days that are kept as an instant; each zone has its own span of instants for a date of a year ago."""
    due, within = _spans_of(settings, days, window.timezone, happened)
    meets = and_(
        lives_in(Customer.timezone.expression, due.c.zone), happened >= due.c.start_at, happened < due.c.end_at
    )
    is_order = settings.of == "first_order"
    entry = {"their last one was at least 364 days ago": _guard(window, due.c.guard_at)}
    if is_order:
        within = and_(Order.store_id == window.store_id, within)
        entry["it was their first order"] = is_first(window.now)
    return _found(
        source,
        (due, meets) if days else None,
        window,
        subject_id=Order.id.expression if is_order else Customer.id.expression,
        within=within,
        conditions=still_stands(window.now) if is_order else {},
        entry=entry,
    )


def _found(
    source: FromClause, due: tuple[Subquery, ColumnElement[bool]] | None, window: Window, **more: Any
) -> Occurrences:
    """What both kinds of dates have in common; without a timetable nothing is due, and the conditions are asked."""
    now = window.now
    times: dict[str, Any] = {"key": literal(""), "at": now, "due_at": now}
    if due is None:
        more["entry"] = {}
    else:
        table, meets = due
        source = source.join(table, meets)
        times = {name: table.c[name] for name in times}
    return Occurrences(
        source=source, store_id=Customer.store_id.expression, customer_id=Customer.id.expression, **times, **more
    )


def _joined(spans: dict[date, tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Spans that overlap made one, so that each row lies in one of them."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans.values()):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _guard(window: Window, guard_at: ColumnElement[datetime]) -> ColumnElement[bool]:
    if window.is_replay:
        return true()  # dates as they are today cannot come round sooner
    # Asked of each customer, as a number: PostgreSQL knows nothing yet of a campaign's first thousands of enrolments,
    # takes them to be one or two, and would compare each customer with all of them.
    last = (
        select(func.max(Enrolment.anchor_at))
        .where(Enrolment.campaign_id == window.campaign_id, Enrolment.customer_id == Customer.id)
        .scalar_subquery()
    )
    return func.coalesce(last <= guard_at, true())
