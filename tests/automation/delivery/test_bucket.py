from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from automation.delivery.bucket import GROWTH, Bucket
from tests.conftest import NOW

STEPS = st.lists(
    st.tuples(
        st.integers(0, 5_000),  # milliseconds that pass
        st.integers(1, 50),  # how many want to go
        st.sampled_from(["take", "take", "take", "too many", "hold"]),
    ),
    max_size=60,
)


@given(st.floats(0.1, 500), st.integers(1, 200), STEPS)
def test_no_span_of_time_sees_more_than_rate_times_time_and_the_burst(
    rate: float, burst: int, steps: list[tuple[int, int, str]]
) -> None:
    bucket, at = Bucket.full(rate, burst, NOW), 0.0
    grants: list[tuple[float, int]] = []
    for wait, most, what in steps:
        at += wait / 1000
        now = NOW + timedelta(seconds=at)
        if what == "too many":
            bucket = bucket.lowered(now)
        elif what == "hold":
            bucket = bucket.held(most, 3, now)
        else:
            bucket, granted = bucket.take(most, now)
            assert 0 <= granted <= most
            grants.append((at, granted))
    for n, (start, _) in enumerate(grants):
        total = 0
        for end, granted in grants[n:]:
            total += granted
            assert total <= rate * (end - start) + burst + 1e-3


@given(st.floats(1, 500), st.lists(st.integers(0, 20_000), min_size=1, max_size=30))
def test_what_was_owed_is_waited_for(rate: float, waits: list[int]) -> None:
    bucket = Bucket.full(rate, rate, NOW).owe(int(rate * 10), NOW)
    assert bucket.left(NOW) == 0
    assert bucket.left(NOW + timedelta(seconds=8.9)) == 0
    assert bucket.left(NOW + timedelta(seconds=11)) >= 1


def test_a_clock_that_is_behind_gives_nothing_away() -> None:
    bucket, _ = Bucket.full(10, 10, NOW).take(10, NOW)
    assert bucket.left(NOW - timedelta(hours=1)) == 0
    behind, granted = bucket.take(5, NOW - timedelta(hours=1))
    assert (granted, behind.filled_at) == (0, NOW)


def test_too_many_halves_the_rate_once_for_all_that_were_out_together_and_it_grows_back() -> None:
    bucket = Bucket.full(100, 100, NOW).lowered(NOW)
    assert (bucket.per_second, bucket.left(NOW)) == (50, 0)
    assert 50 <= bucket.lowered(NOW + timedelta(seconds=1)).per_second < 51
    assert bucket.lowered(NOW + timedelta(seconds=2)).per_second < 26
    rates = [bucket.at(NOW + timedelta(minutes=m)).per_second for m in range(7)]
    assert all(a < b for a, b in pairwise(rates[:6]))
    assert rates[5:] == [100, 100]
    assert rates[1] == 50 + 100 * GROWTH * 60


@given(st.lists(st.integers(2, 100), max_size=60))
def test_a_rate_never_falls_to_nothing(waits: list[int]) -> None:
    bucket, now = Bucket.full(10, 10, NOW), NOW
    for wait in waits:
        now += timedelta(seconds=wait)
        bucket = bucket.lowered(now)
    assert bucket.per_second >= 0.1
    assert bucket.left(now + timedelta(seconds=11)) >= 1


def test_when_nothing_is_left_it_waits_until_the_window_ends() -> None:
    bucket = Bucket.full(100, 100, NOW).held(0, 30, NOW)
    assert bucket.left(NOW + timedelta(seconds=29)) == 0
    assert bucket.left(NOW + timedelta(seconds=30)) == 100
    assert Bucket.full(100, 100, NOW).held(7, 30, NOW).left(NOW) == 7
