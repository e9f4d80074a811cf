from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from automation.errors import Unreadable
from automation.payload import Part

READERS: list[Callable[[Part], Any]] = [
    lambda p: p.text("x"),
    lambda p: p.id("x"),
    lambda p: p.instant("x"),
    lambda p: p.amount("x", "EUR"),
    lambda p: p.count("x"),
    lambda p: p.flag("x"),
    lambda p: p.part("x"),
    lambda p: p.parts("x"),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("data", [{}, {"x": None}])
def test_what_is_missing_or_null_is_none(read: Callable[[Part], Any], data: dict[str, Any]) -> None:
    assert read(Part(data)) is None


@pytest.mark.parametrize("read", READERS)
def test_what_cannot_be_read_says_where(read: Callable[[Part], Any]) -> None:
    wrong = ["wrong"] if read is READERS[-1] else {"a": 1} if read is not READERS[6] else [1]
    with pytest.raises(Unreadable, match=r"line_items\[2\]\.x"):
        read(Part({"x": wrong}, "line_items[2]"))


def test_ids_are_text_whether_number_text_or_address() -> None:
    part = Part({"a": 820982911946154508, "b": "abc", "c": "gid://shopify/Customer/7?x=1", "d": 1.5})
    assert [part.id(name) for name in "abc"] == ["820982911946154508", "abc", "7"]
    with pytest.raises(Unreadable, match="d should be an id"):
        part.id("d")


def test_instants_need_an_offset_and_come_out_in_utc() -> None:
    part = Part({"a": "2021-12-31T19:00:00-05:00", "b": "2021-12-31T19:00:00", "c": "0001-01-01T00:00:00+10:00"})
    assert part.instant("a") == datetime(2022, 1, 1, tzinfo=UTC)
    for name in "bc":
        with pytest.raises(Unreadable, match=f"{name} is not an instant"):
            part.instant(name)


def test_text_is_cut_and_holds_no_nul() -> None:
    assert Part({"x": "a\0bcdef"}).text("x", 3) == "abc"
    assert Part({"x": "  "}).text("x") is None


@pytest.mark.parametrize("body", [[], "text", 1, None])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(Unreadable, match="should be an object"):
        Part.whole(body)
