"""Tags come and go."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from automation.steps.tag import Tag, TagSettings
from tests.automation.steps.desk import Desk, place


def test_tags_are_asked_of_the_desk() -> None:
    desk = Desk()
    settings = TagSettings.model_validate({"add": "gold, vip", "remove": "old"})
    Tag().take([place(1)], "t", settings, desk)
    assert desk.tags == [(1, ("gold", "vip"), ("old",))]
    assert Tag().sentence(settings) == "Tag: add “gold”, “vip” and remove “old”"


def test_a_tag_cannot_come_and_go_at_once() -> None:
    with pytest.raises(ValidationError, match="at once"):
        TagSettings(add=("a",), remove=("a",))
