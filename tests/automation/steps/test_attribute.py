"""Setting and clearing an attribute."""

from __future__ import annotations

from automation.step import Next
from automation.steps.attribute import Attribute, AttributeSettings
from tests.automation.steps.desk import Desk, place


def test_the_attribute_is_set_or_cleared() -> None:
    desk = Desk()
    assert Attribute().take([place(1)], "a", AttributeSettings(name="size", value=42), desk) == {1: Next()}
    Attribute().take([place(2)], "a", AttributeSettings(name="size"), desk)
    assert desk.attributes == [(1, "size", 42), (2, "size", None)]


def test_it_reads_as_what_it_does() -> None:
    assert Attribute().sentence(AttributeSettings(name="size", value=42)) == "Set “size” to 42"
    assert Attribute().sentence(AttributeSettings(name="size")) == "Clear “size”"
