"""Yes and no by a rule."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from automation.step import Next
from automation.steps.branch import Branch, BranchSettings
from tests.automation.steps.desk import Desk, place


def test_the_rule_is_asked_once_for_all() -> None:
    desk = Desk(holds=[2])
    moves = Branch().take([place(1), place(2)], "b", BranchSettings(rule={"event": "vip"}), desk)
    assert moves == {1: Next("no"), 2: Next("yes")}
    assert len(desk.asked) == 1


def test_a_rule_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="no field"):
        BranchSettings(rule={"field": "height", "is": "is", "value": 1})
