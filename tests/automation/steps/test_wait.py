"""The wait step counts from when the step before was due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from automation.step import WaitUntil
from automation.steps.wait import Wait, WaitSettings
from tests.automation.steps.desk import Desk, place
from tests.conftest import NOW


def test_a_wait_counts_from_when_it_was_due_and_not_from_when_the_worker_came() -> None:
    late = place(1, due_at=NOW - timedelta(minutes=5))
    moves = Wait().take([late, place(2)], "w", WaitSettings(amount=2, unit="hours"), Desk())
    assert moves == {1: WaitUntil(NOW + timedelta(minutes=115)), 2: WaitUntil(NOW + timedelta(hours=2))}


@pytest.mark.parametrize(
    ("amount", "unit", "words"),
    [(1, "hours", "Wait 1 hour"), (30, "minutes", "Wait 30 minutes"), (1, "days", "Wait 1 day")],
)
def test_it_reads_as_what_it_is(amount: int, unit: str, words: str) -> None:
    assert Wait().sentence(WaitSettings.model_validate({"amount": amount, "unit": unit})) == words


def test_nobody_waits_for_nothing_or_for_ever() -> None:
    for amount in (0, -1, 1001):
        with pytest.raises(ValidationError):
            WaitSettings(amount=amount)
