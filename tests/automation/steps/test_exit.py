"""The exit step ends the way, with a reason to read."""

from __future__ import annotations

from automation.step import Exit
from automation.steps.exit import ExitSettings, ExitStep
from tests.automation.steps.desk import Desk, place


def test_everybody_leaves_with_the_reason_given_or_a_plain_one() -> None:
    assert ExitStep().take([place(1)], "x", ExitSettings(reason="bought twice"), Desk()) == {1: Exit("bought twice")}
    assert ExitStep().take([place(1)], "x", ExitSettings(), Desk()) == {1: Exit("reached an exit")}


def test_it_reads_as_what_it_is() -> None:
    assert ExitStep().sentence(ExitSettings(reason="bought")) == "Exit: bought"
    assert ExitStep().sentence(ExitSettings()) == "Exit"
