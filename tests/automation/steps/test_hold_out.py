"""A part goes no further, always the same one."""

from __future__ import annotations

from automation.step import Hold
from automation.steps.hold_out import HoldOut, HoldOutSettings
from tests.automation.steps.desk import Desk, place


def test_about_the_part_is_held_out_and_always_the_same() -> None:
    places = [place(i) for i in range(1, 2001)]
    moves = HoldOut().take(places, "h", HoldOutSettings(percent=10), Desk())
    held = [i for i, move in moves.items() if isinstance(move, Hold)]
    assert 150 < len(held) < 250
    assert moves == HoldOut().take(places, "h", HoldOutSettings(percent=10), Desk())
