"""When complaints are a warning, when they pause, and how that is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.complaints import Standing, Tally, standing, words
from automation.policy import Policy

POLICY = Policy()
ORDER: tuple[Standing, ...] = ("well", "warned", "paused")


@pytest.mark.parametrize(
    ("complaints", "sent", "found"),
    [(0, 0, "well"), (1, 1, "well"), (2, 2000, "warned"), (2, 2, "warned"), (3, 1000, "paused"), (3, 3001, "well")],
)
def test_a_few_complaints_are_no_rate_and_a_rate_is_none_without_mails(complaints: int, sent: int, found: str) -> None:
    assert standing(Tally(complaints, sent), POLICY) == found


@given(st.integers(0, 50), st.integers(0, 100_000), st.integers(0, 100_000))
def test_more_mails_never_make_a_standing_worse_and_more_complaints_never_better(
    complaints: int, sent: int, more: int
) -> None:
    now = ORDER.index(standing(Tally(complaints, sent + 1), POLICY))
    assert ORDER.index(standing(Tally(complaints, sent + 1 + more), POLICY)) <= now
    assert ORDER.index(standing(Tally(complaints + 1, sent + 1), POLICY)) >= now


def test_the_page_says_how_many_of_how_many_and_what_follows() -> None:
    tally = Tally(3, 1000)
    assert words(tally, POLICY, "well") == ""
    warned, paused = (words(tally, POLICY, found) for found in ORDER[1:])
    assert "3 of 1,000 mails" in warned
    assert "(0.30 %)" in warned
    assert warned.endswith("the campaign is paused.")
    assert paused.startswith("Paused by itself: 3 of 1,000")
