"""Periods and what they are compared with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.errors import NotAllowed
from automation.insights.periods import LONGEST, Period, period_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
"""Half past midnight in Berlin, the day after its clocks went forward."""


def test_the_last_seven_days_end_today_in_the_stores_zone() -> None:
    period = period_of("7d", "", "", NOW, BERLIN)
    assert (period.first, period.last) == (date(2026, 3, 24), date(2026, 3, 30))
    assert period.since == datetime(2026, 3, 23, 23, tzinfo=UTC)
    assert period.until == datetime(2026, 3, 30, 22, tzinfo=UTC)
    assert period.until - period.since == timedelta(days=7) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-02-30", "2026-03-01", "two dates"),
        ("2026-03-01", "", "two dates"),
        ("2026-03-02", "2026-03-01", "ends before it begins"),
        ("1990-01-01", "2026-03-01", "ten years"),
    ],
)
def test_dates_that_make_no_period_are_refused_in_words(first: str, last: str, words: str) -> None:
    with pytest.raises(NotAllowed, match=words):
        period_of("", first, last, NOW, BERLIN)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(NotAllowed, match="none of 7d, 30d"):
        period_of("forever", "", "", NOW, BERLIN)


@given(st.dates(date(2001, 1, 1), date(2090, 1, 1)), st.integers(0, LONGEST - 1))
def test_what_a_period_is_compared_with_is_as_long_and_lies_before_it(first: date, more: int) -> None:
    period = Period(first, first + timedelta(days=more), BERLIN)
    previous, year = period.before(), period.before("year")
    assert previous.days == year.days == period.days == len(period.dates())
    assert previous.until == period.since
    assert (period.last - year.last).days in (365, 366)
