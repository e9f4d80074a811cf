"""The mail step drafts one mail for each customer and lets them go on."""

from __future__ import annotations

from automation.step import Next
from automation.steps.mail import Mail, MailSettings
from tests.automation.steps.desk import Desk, place


def test_everybody_at_the_step_gets_a_draft_and_goes_on() -> None:
    desk = Desk()
    settings = MailSettings(template="welcome", template_version_id=7)
    moves = Mail().take([place(1), place(2)], "m1", settings, desk)
    assert desk.drafts == [(1, "m1", 7), (2, "m1", 7)]
    assert moves == {1: Next(), 2: Next()}


def test_it_reads_as_what_it_sends() -> None:
    assert Mail().sentence(MailSettings(template="welcome")) == "Send “welcome”"
