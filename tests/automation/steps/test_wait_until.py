"""The next time that the hour strikes where the customer lives."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.schedule import WEEKDAYS
from automation.step import WaitUntil
from automation.steps.wait_until import WaitUntilHour, WaitUntilSettings, next_strike
from automation.times import zone
from tests.automation.steps.desk import Desk, place


def test_a_skipped_hour_begins_when_the_clocks_have_changed_and_a_double_one_counts_first() -> None:
    half_past_two = WaitUntilSettings(at=time(2, 30))
    spring, autumn = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert next_strike(spring, "Europe/Berlin", half_past_two) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert next_strike(autumn, "Europe/Berlin", half_past_two) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_who_comes_at_that_minute_goes_on_at_once() -> None:
    at = datetime(2026, 3, 10, 8, tzinfo=UTC)
    moves = WaitUntilHour().take([place(1, due_at=at)], "u", WaitUntilSettings(at=time(9)), Desk())
    assert moves == {1: WaitUntil(at)}


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  hypothesis wants bounds without a zone
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.times(),
    st.sets(st.sampled_from(WEEKDAYS)),
)
@settings(max_examples=60)
def test_it_is_never_past_and_never_more_than_a_week_and_a_day_away(
    after: datetime, name: str, at: time, days: set[str]
) -> None:
    found = next_strike(after, name, WaitUntilSettings.model_validate({"at": at, "weekdays": sorted(days)}))
    assert after <= found <= after + timedelta(days=8)
    local = found.astimezone(zone(name))
    assert not days or WEEKDAYS[local.weekday()] in days or local.hour <= 1
