from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.delivery.rate_headers import Ear, Heard, read
from tests.conftest import NOW

SOON = str(int((NOW + timedelta(seconds=20)).timestamp()))


@pytest.mark.parametrize(
    ("headers", "expected", "per_second"),
    [
        ({"RateLimit-Limit": "5", "RateLimit-Remaining": "4", "RateLimit-Reset": "1"}, Heard(5, 4, 1), 5),
        (
            {"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "12", "X-RateLimit-Reset": SOON},
            Heard(600, 12, 20),
            None,
        ),
        (
            {"x-sib-ratelimit-limit": "100", "x-sib-ratelimit-remaining": "99", "x-sib-ratelimit-reset": "50"},
            Heard(100, 99, 50),
            2,
        ),
        ({"RateLimit": "limit=10, remaining=3, reset=7"}, Heard(10, 3, 7), None),
        ({"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=10'}, Heard(100, 50, 30, 10), 10),
        ({"RateLimit-Limit": "100, 100;w=60"}, Heard(100), None),
        ({"X-RateLimit-Remaining": "soon", "Content-Type": "text/html"}, None, None),
        ({"X-ApiQuota-Remaining": "3"}, None, None),
    ],
)
def test_limits_are_read_from_the_headers_that_are_in_use(
    headers: dict[str, str], expected: Heard | None, per_second: float | None
) -> None:
    found = read(httpx.Headers(headers), 200, NOW)
    assert found == expected
    assert (found.per_second if found else None) == per_second


def test_a_429_says_enough_without_any_header() -> None:
    assert read(httpx.Headers(), 429, NOW) == Heard(is_throttled=True)


@given(
    st.dictionaries(
        st.sampled_from(["ratelimit", "ratelimit-policy", "x-ratelimit-reset", "ratelimit-limit"]),
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
    )
)
def test_whatever_stands_there_is_read_or_left_out(headers: dict[str, str]) -> None:
    found = read(headers, 200, NOW)
    assert found is None or found.reset is None or 0 <= found.reset <= 86_400


def test_of_several_answers_the_tightest_is_kept_until_it_is_taken() -> None:
    ear = Ear()
    for heard in (Heard(10, 5, 1), Heard(10, 2, 1), Heard(10, 4, 1), None):
        ear.hear(heard)
    assert ear.take() == Heard(10, 2, 1)
    assert ear.take() is None
    for heard in (Heard(is_throttled=True), Heard(10, 2, 1)):
        ear.hear(heard)
    assert ear.take() == Heard(is_throttled=True)
