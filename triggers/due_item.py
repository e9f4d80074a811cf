"""Something of the customer's falls due: a payment, an appointment, a renewal, anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import ColumnElement, String, and_, case, cast, exists, false, literal, or_, select, true
from sqlalchemy.types import TypeEngine

from automation.models import Customer, DueItem, Enrolment
from automation.schedule import LocalTime
from automation.spans import later
from automation.times import DAY, day_span, strikes, zone
from automation.timetable import INSTANT, NUMBER, TEXT, lives_in, stamp, timetable
from automation.trigger import Occurrences, Trigger, TriggerSettings, Window

Days = Annotated[int, Field(ge=-365, le=365)]
Hours = Annotated[int, Field(ge=-240, le=240)]

_EVERYWHERE = "*"
_COLUMNS: dict[str, TypeEngine[Any]] = {
    "zone": TEXT,
    "offset": TEXT,
    "after_at": INSTANT,
    "until_at": INSTANT,
    "due_at": INSTANT,
    "minutes": NUMBER,
}
_Row = tuple[str, str, datetime, datetime, datetime, int | None]
"""Items due in (after, until] are to be spoken of at an instant, in one zone, under the name of an offset; the last
is the offset itself, in minutes, where that instant is the item's own and not the same for all."""


class DueItemSettings(TriggerSettings):
    """What falls due, and when to speak of it."""

    kinds: tuple[str, ...] = Field(
        ("payment",), min_length=1, max_length=20, description="Which kinds of due items: payment, appointment …"
    )
    days: tuple[Days, ...] = Field(
        (-3,), max_length=20, description="Days before (−) or after each date; one start for each of them."
    )
    hours: tuple[Hours, ...] = Field(
        (), max_length=20, description="Hours before (−) or after, to the minute: for appointments."
    )
    at: LocalTime | None = Field(
        None, description="For days: the hour, in the customer's zone. Empty keeps the hour of the item itself."
    )


class ItemDue(Trigger):
    """Starts before or after the date of a due item, once for each of several offsets.

    A due item is anything with a date that the shop or an import told us of. Moving its date moves what has not
    started yet: a reminder that began for the old date ends, and the new date brings its own. What is done is left
    alone. When several reminders of one item are due at once (it became known late, or after downtime), only the
    last of them starts.
    """

    label = "Something falls due"
    Settings = DueItemSettings
    subject = "due_item"
    is_local = True
    nothing = "nothing of theirs fell due"
    not_kept = ("Due items are taken with the date they have today, also those that were moved.",)
    replay_span = DAY

    def occurrences(
        self, settings: DueItemSettings, window: Window, anchor: ColumnElement[datetime] | None = None
    ) -> Occurrences:
        now = window.now
        rows = [] if anchor is not None else [*_exact(settings, window), *_local(settings, window)]
        source = DueItem.__table__.join(Customer.__table__, Customer.id == DueItem.customer_id)
        values: dict[str, Any] = {"source": source, "key": literal(""), "due_at": now, "entry": {}}
        if rows:
            due = timetable("due", _COLUMNS, rows)
            meets = and_(
                DueItem.due_at > due.c.after_at,
                DueItem.due_at <= due.c.until_at,
                or_(due.c.zone == _EVERYWHERE, lives_in(Customer.timezone.expression, due.c.zone)),
            )
            values = {
                "source": source.join(due, meets),
                "key": cast(DueItem.id, String()) + ":" + stamp(DueItem.due_at) + ":" + due.c.offset,
                "due_at": case(
                    (due.c.minutes.is_(None), due.c.due_at),
                    else_=later(DueItem.due_at, due.c.minutes / literal(1440.0)),
                )
                if window.is_replay
                else due.c.due_at,
                "entry": {"they were not reminded of it for that day already": _not_reminded(window, due.c)},
            }
        spans = (and_(DueItem.due_at > after, DueItem.due_at <= until) for after, until in _spans(rows))
        return Occurrences(
            store_id=DueItem.store_id.expression,
            customer_id=DueItem.customer_id.expression,
            at=DueItem.due_at.expression,
            subject_id=DueItem.id.expression,
            within=and_(DueItem.kind.in_(settings.kinds), or_(false(), *spans)),
            conditions={
                "it is not done": or_(DueItem.done_at.is_(None), DueItem.done_at > now),
                "its date was not moved": DueItem.due_at == (DueItem.due_at if anchor is None else anchor),
            },
            **values,
        )


def _exact(settings: DueItemSettings, window: Window) -> Iterator[_Row]:
    """Offsets to the minute, the same in every zone. Each starts as soon as it is noticed."""
    offsets = {timedelta(hours=hours): f"{hours}h" for hours in settings.hours}
    if settings.at is None:
        offsets |= {days * DAY: f"{days}d" for days in settings.days}
    following: timedelta | None = None
    for offset in sorted(offsets, reverse=True):
        shifted = window.earlier(offset)
        # What the next offset speaks of already is no more spoken of by this one.
        after = shifted.since
        if following is not None and not window.is_replay:
            after = max(after, window.until - following)
        if after < shifted.until:
            yield _EVERYWHERE, offsets[offset], after, shifted.until, window.until, offset // timedelta(minutes=1)
        following = offset


def _local(settings: DueItemSettings, window: Window) -> Iterator[_Row]:
    """Offsets in days that begin at an hour of the customer's: each local date of an item has its own span."""
    if settings.at is None:
        return
    tick = timedelta(microseconds=1)
    for name in window.zones:
        where = zone(name or window.timezone)
        latest: dict[Any, tuple[date, int, datetime]] = {}
        for on, due_at in strikes(settings.at, where, window.since, window.until):
            for days in settings.days:
                item_on = on - days * DAY
                # Of several reminders that are due at once only the last one counts; looking back, each had its day.
                place = (item_on, days) if window.is_replay else item_on
                known = latest.get(place)
                if known is None or known[1] < days:
                    latest[place] = item_on, days, due_at
        for item_on, days, due_at in latest.values():
            start, end = day_span(item_on, where)
            yield name, f"{days}d", start - tick, end - tick, due_at, None


def _spans(rows: list[_Row]) -> list[tuple[datetime, datetime]]:
    """The spans of all rows, those that touch made one: what the index is asked for."""
    found: list[tuple[datetime, datetime]] = []
    for after, until in sorted((row[2], row[3]) for row in rows):
        if found and after <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], until)
        else:
            found.append((after, until))
    return found


def _not_reminded(window: Window, due: Any) -> ColumnElement[bool]:
    if window.is_replay:
        return true()  # when an item was moved is not kept
    # An item that is moved within its day has another key, but is to be spoken of once for the day.
    return or_(
        due.zone == _EVERYWHERE,
        ~exists(
            select(1).where(
                Enrolment.campaign_id == window.campaign_id,
                Enrolment.customer_id == DueItem.customer_id,
                Enrolment.subject_id == DueItem.id,
                Enrolment.anchor_at > due.after_at,
                Enrolment.anchor_at <= due.until_at,
                Enrolment.state != "exited",
                Enrolment.key.like("%:" + due.offset),
            )
        ),
    )
