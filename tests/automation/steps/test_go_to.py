"""Going back a set number of times."""

from __future__ import annotations

from automation.step import Jump, Next
from automation.steps.go_to import GoTo, GoToSettings
from tests.automation.steps.desk import Desk, place


def test_it_goes_as_often_as_it_may_and_then_on() -> None:
    settings = GoToSettings(step="m", at_most=2, again=True)
    moves = GoTo().take([place(1), place(2, jumps={"g": 2}), place(3, jumps={"other": 9})], "g", settings, Desk())
    assert moves == {1: Jump("m", again=True), 2: Next(), 3: Jump("m", again=True)}


def test_copied_steps_go_to_their_own_copies() -> None:
    settings = GoToSettings(step="m")
    assert GoTo().renamed(settings, {"m": "m_2"}).step == "m_2"
    assert GoTo().renamed(settings, {}).step == ""
