"""Arms by weight, drawn once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from automation.step import Next
from automation.steps.split import Split, SplitSettings
from tests.automation.steps.desk import Desk, place


def test_arms_may_be_typed_and_get_their_share() -> None:
    settings = SplitSettings.model_validate({"arms": "a 75, b 25"})
    desk = Desk()
    places = [place(i) for i in range(1, 2001)]
    moves = Split().take(places, "s", settings, desk)
    assert 1400 < sum(move == Next("a") for move in moves.values()) < 1600
    assert moves == Split().take(places, "s", settings, Desk())
    assert len(desk.picks) == 2000
    assert Split().sentence(settings) == "Split: a 75 %, b 25 %"


@pytest.mark.parametrize("arms", ["a", "a 1, a 2", "a 0, b 0", "a -1, b 2"])
def test_arms_that_make_no_split_are_refused(arms: str) -> None:
    with pytest.raises(ValidationError):
        SplitSettings.model_validate({"arms": arms})
