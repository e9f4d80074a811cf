"""A schedule falls due once per local date, in every zone, around every change of clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.schedule import WEEKDAYS, Schedule, before, last_of, occurrences
from automation.times import DAY, instant, local_date, zone
from tests.automation.test_times import UNTIL, ZONES, changes, instants, zones

SCHEDULES = [
    Schedule(every="day", at=at) for at in (time(0), time(0, 15), time(2, 30), time(9), time(23, 30), time(23, 59, 59))
] + [
    Schedule(every="week", at=time(2, 30), weekdays=("sat", "sun")),
    Schedule(every="month", at=time(2, 15), day="last"),
    Schedule(every="month", at=time(0, 30), day=29),
    Schedule(every="days", at=time(1, 59), days=3, from_on=date(2020, 1, 1)),
]


@pytest.mark.parametrize("name", ZONES)
def test_a_schedule_falls_due_once_per_date_whatever_the_sweeps(name: str) -> None:
    where = zone(name)
    for change in changes(name)[::7] or (datetime(2028, 2, 29, tzinfo=UTC),):
        since, until = change - 4 * DAY, change + 4 * DAY
        for schedule in SCHEDULES:
            whole = list(occurrences(schedule, where, since, until))
            dates = [on for on, _ in whole]
            assert dates == sorted(set(dates))
            assert [at for _, at in whole] == sorted({at for _, at in whole})
            # Sweeps of 47 minutes each, as a worker makes them, find the same, each once.
            swept: list[tuple[date, datetime]] = []
            at = since
            while at < until:
                swept += occurrences(schedule, where, at, min(at + timedelta(minutes=47), until))
                at += timedelta(minutes=47)
            assert swept == whole, (name, change, schedule.words())
            inside = [since.astimezone(where).date() + i * DAY for i in range(1, 7)]
            assert [on for on in inside if schedule.falls_on(on)] == [on for on in dates if on in inside]


def test_a_month_too_short_has_its_day_on_its_last() -> None:
    def dates(day: int | str) -> list[int]:
        schedule = Schedule.model_validate({"every": "month", "day": day})
        year = occurrences(
            schedule, zone("UTC"), datetime(2027, 12, 31, 12, tzinfo=UTC), datetime(2029, 1, 1, 8, tzinfo=UTC)
        )
        return [on.day for on, _ in year]

    assert dates(31) == dates("last") == [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert dates(30) == [30, 29, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30]
    assert dates(29) == [29] * 12


@given(st.integers(1, 30), st.dates(date(2020, 1, 1), date(2035, 1, 1)), st.integers(0, 400))
def test_every_few_days_counts_from_the_first(days: int, first: date, ahead: int) -> None:
    schedule = Schedule(every="days", days=days, from_on=first)
    assert schedule.falls_on(first + ahead * DAY) == (ahead % days == 0)
    assert not schedule.falls_on(first - days * DAY)


@given(st.sampled_from(SCHEDULES), zones, instants)
def test_what_was_before_is_the_last_that_was_due(schedule: Schedule, where: ZoneInfo, at: datetime) -> None:
    found = before(schedule, where, at)
    assert found is not None
    assert [t for _, t in occurrences(schedule, where, found, at) if t < at] == []
    assert schedule.falls_on(local_date(found, where)) or found == instant(local_date(found, where), time(0), where)


def test_a_schedule_reads_as_one_says_it() -> None:
    assert Schedule(weekdays=("fri", "mon")).words() == "every Monday and Friday at 09:00"
    assert Schedule(weekdays=WEEKDAYS[:3]).words() == "every Monday, Tuesday and Wednesday at 09:00"
    assert Schedule(every="month", day="last", at=time(18, 30)).words() == "on the last day of each month at 18:30"
    assert Schedule(every="days", days=10, from_on=date(2026, 3, 1), until_on=date(2026, 4, 1)).words() == (
        "every 10 days at 09:00, from 2026-03-01, until 2026-04-01"
    )


def test_a_schedule_that_makes_no_sense_is_refused() -> None:
    for broken, why in (
        ({"every": "week", "weekdays": []}, "at least one weekday"),
        ({"every": "days"}, "first date"),
        ({"from_on": "2026-03-02", "until_on": "2026-03-01"}, "before the first"),
        ({"at": "09:00+01:00"}, "no zone of its own"),
        ({"every": "month", "day": 32}, "less than or equal to 31"),
    ):
        with pytest.raises(ValueError, match=why):
            Schedule.model_validate(broken)


def test_a_schedule_with_a_last_date_ends() -> None:
    schedule = Schedule(every="day", until_on=date(2026, 3, 10))
    assert last_of(schedule, zone("Europe/Berlin")) == datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert last_of(Schedule(), zone("UTC")) is None
    week = occurrences(schedule, zone("Europe/Berlin"), datetime(2026, 3, 8, 12, tzinfo=UTC), UNTIL)
    assert [on.day for on, _ in week] == [9, 10]
