"""Local hours and dates become the right instants in every zone, around every change of clocks from 2020 to 2035.

A quick run takes every fifteenth zone and the odd ones; CARTWHEEL_TEST_ALL_ZONES=1 (make zones) takes them all.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.times import (
    DAY,
    celebrated_on,
    celebrating,
    day_span,
    instant,
    is_placeholder,
    origins,
    slots,
    strikes,
    zone,
)

SINCE, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ODD = {
    "Africa/Cairo",  # skips midnight
    "Africa/Casablanca",  # winter time in Ramadan
    "America/Nuuk",  # skips the last hour of a Saturday
    "America/Sao_Paulo",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # half an hour
    "Europe/Berlin",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kiritimati",
}
NAMES = sorted(available_timezones())
ZONES = NAMES if os.environ.get("CARTWHEEL_TEST_ALL_ZONES") else sorted({*NAMES[::15], *ODD} & {*NAMES})


def _offset(at: datetime, where: ZoneInfo) -> timedelta:
    found = at.astimezone(where).utcoffset()
    assert found is not None
    return found


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """The instants from which a zone has another offset, found by looking every day and closing in."""
    where, found, at = zone(name), [], SINCE
    offset = _offset(at, where)
    while at < UNTIL:
        later = at + DAY
        if (new := _offset(later, where)) != offset:
            low, high = at, later
            while high - low > SECOND:
                middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
                low, high = (middle, high) if _offset(middle, where) == offset else (low, middle)
            found.append(high)
            offset = new
        at = later
    return tuple(found)


def meant(on: date, at: time, name: str) -> datetime:
    """An oracle without folds: the first instant at which the clock on the wall shows that hour, or a later one."""
    wall = datetime.combine(on, at, tzinfo=UTC)
    where, edges = zone(name), [SINCE, *changes(name), UNTIL + 9 * DAY]
    pieces = pairwise(edges)
    return min(t for a, b in pieces if (t := max(a, wall - _offset(a, where))) < b)


@pytest.mark.parametrize("name", ZONES)
def test_every_hour_around_every_change_of_clocks_strikes_once_never_early_and_in_order(name: str) -> None:
    where = zone(name)
    for change in changes(name):
        sides = [(change - SECOND).astimezone(where), change.astimezone(where)]
        hours = {time(0), time(0, 15), time(2, 30), time(23, 59, 59)}
        hours |= {(s + d).time() for s in sides for d in (-timedelta(minutes=15), -SECOND, 0 * SECOND, SECOND)}
        first = sides[0].date() - DAY
        for at in hours:
            found = [instant(first + i * DAY, at, where) for i in range(4)]
            assert found == [meant(first + i * DAY, at, name) for i in range(4)], (name, change, at)
            assert found == sorted(set(found)), (name, change, at)
            for i, t in enumerate(found):
                assert t.astimezone(where).replace(tzinfo=None) >= datetime.combine(first + i * DAY, at)


def test_the_two_rules_by_example() -> None:
    berlin = zone("Europe/Berlin")
    assert instant(date(2026, 3, 29), time(2, 30), berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert instant(date(2026, 10, 25), time(2, 30), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant(date(2026, 4, 24), time(0, 15), zone("Africa/Cairo")) == datetime(2026, 4, 23, 22, 0, tzinfo=UTC)
    assert instant(date(2026, 10, 4), time(2, 10), zone("Australia/Lord_Howe")) == datetime(
        2026, 10, 3, 15, 30, tzinfo=UTC
    )
    # A date that a zone left out altogether (Samoa crossed the date line) begins with the next.
    assert instant(date(2011, 12, 30), time(9), zone("Pacific/Apia")) == datetime(2011, 12, 30, 10, 0, tzinfo=UTC)
    assert instant(date(2026, 3, 10), time(9), zone("Nowhere/Land")) == datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_a_day_that_loses_an_hour_is_23_hours_long() -> None:
    start, end = day_span(date(2026, 3, 29), zone("Europe/Berlin"))
    assert end - start == timedelta(hours=23)
    start, end = day_span(date(2026, 10, 25), zone("Europe/Berlin"))
    assert end - start == timedelta(hours=25)


def test_slots_name_each_zone_whose_hour_strikes() -> None:
    noon = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    found = slots(time(13), ["Europe/Berlin", "Europe/London", "Asia/Tokyo"], noon - timedelta(hours=9), noon)
    assert [(s.zone, s.on, s.at) for s in found] == [
        ("Europe/Berlin", date(2026, 3, 10), noon),
        ("Asia/Tokyo", date(2026, 3, 10), noon - timedelta(hours=8)),
    ]


zones = st.sampled_from(NAMES).map(zone)
instants = st.datetimes(datetime(2020, 1, 5), datetime(2035, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001  UTC is given


@given(zones, instants, st.times(), st.lists(st.integers(0, 3 * 86400), max_size=5))
def test_windows_that_touch_share_nothing_and_miss_nothing(
    where: ZoneInfo, since: datetime, at: time, cuts: list[int]
) -> None:
    until = since + 3 * DAY
    edges = [since, *(since + timedelta(seconds=c) for c in sorted(cuts)), until]
    parts = [s for a, b in pairwise(edges) for s in strikes(at, where, a, b)]
    assert parts == list(strikes(at, where, since, until))


@pytest.mark.parametrize(
    ("leap_day", "expected"), [("feb_28", date(2027, 2, 28)), ("mar_1", date(2027, 3, 1)), ("skip", None)]
)
def test_the_leap_day_in_a_common_year(leap_day: str, expected: date | None) -> None:
    assert celebrated_on(2, 29, 2027, leap_day) == expected  # type: ignore[arg-type]  # pytest's own spelling
    assert celebrated_on(2, 29, 2028, leap_day) == date(2028, 2, 29)  # type: ignore[arg-type]  # as above
    assert celebrated_on(2, 29, 2100, "mar_1") == date(2100, 3, 1)
    assert celebrated_on(2, 30, 2028, "mar_1") is None
    assert celebrated_on(2, 28, 2027, leap_day) == date(2027, 2, 28)  # type: ignore[arg-type]  # as above


policies = st.sampled_from(["feb_28", "mar_1", "skip"])


@given(st.integers(1, 12), st.integers(1, 31), st.integers(1990, 2110), policies)
def test_what_is_celebrated_on_a_date_is_what_falls_on_it(month: int, day: int, year: int, leap_day: str) -> None:
    on = celebrated_on(month, day, year, leap_day)  # type: ignore[arg-type]  # drawn from the three
    days = [date(year, 1, 1) + i * DAY for i in range(366)]
    here = [d for d in days if d.year == year and (month, day) in celebrating(d, leap_day)]  # type: ignore[arg-type]  # as above
    assert here == ([] if on is None else [on])


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(1, 30), policies)
def test_an_anniversary_finds_back_to_the_day_it_remembers(born: date, years: int, leap_day: str) -> None:
    on = celebrated_on(born.month, born.day, born.year + years, leap_day)  # type: ignore[arg-type]  # as above
    assert on is None or born in origins(on, leap_day, 30)  # type: ignore[arg-type]  # as above
    assert on is not None or (leap_day == "skip" and (born.month, born.day) == (2, 29))


def test_what_software_writes_for_unknown_is_no_date() -> None:
    assert is_placeholder(1970, 1, 1)
    assert is_placeholder(1900, 1, 1)
    assert not is_placeholder(1970, 1, 2)
    assert not is_placeholder(None, 1, 1)
