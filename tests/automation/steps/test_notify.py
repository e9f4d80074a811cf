"""A notice for a person."""

from __future__ import annotations

from automation.models import Notice
from automation.steps.notify import Notify, NotifySettings
from tests.automation.steps.desk import Desk, place


def test_everybody_at_the_step_leaves_a_notice() -> None:
    desk = Desk()
    Notify().take([place(1), place(2, round=3)], "n", NotifySettings(text="Call"), desk)
    rows = [row for model, row in desk.kept if model is Notice]
    assert [(row["customer_id"], row["round"], row["text"]) for row in rows] == [(1, 1, "Call"), (2, 3, "Call")]
