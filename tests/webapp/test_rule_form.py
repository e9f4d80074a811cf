"""Rules as forms: whatever a rule says, its form says it too, and what comes back is the same rule."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy.orm import Session

from automation.actions import segments
from automation.app import App
from automation.errors import NotAllowed
from automation.models import Store
from automation.rules import language
from tests.automation.rules.drawing import Draw
from tests.automation.rules.world import World
from tests.conftest import NOW
from tests.webapp.visitors import Visitor
from webapp.rule_editing import changed, read_lines
from webapp.rule_form import Line, lines_of, problems, rule_of

SEEDS = 12
EACH = 25


class Fields(HTMLParser):
    """What a browser would send of a page's form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in given:
            self.values[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.values):
            self.values[self._select] = given.get("value", "")


def kept(line: Line) -> int:
    return sum(map(kept, line["parts"])) if "parts" in line else line["kind"] == "kept"


def size(line: Line) -> int:
    return sum(map(size, line["parts"])) if "parts" in line else 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_rule_comes_back_from_its_form_as_it_was(app: App) -> None:
    with app.db.write() as session:
        world = World(session, 1)
    whole = held = 0
    for seed in range(SEEDS):
        draw = Draw(world, seed)
        for _ in range(EACH):
            rule = language.dump(language.read(draw.rule()))
            line = lines_of(rule, "EUR")
            whole, held = whole + size(line), held + kept(line)
            assert rule_of(line, "EUR") == rule
            assert problems(line, "EUR") == {}
    # Lines that no form can show stay as they are: they are few.
    assert held < whole / 8


def test_the_page_shows_a_rule_and_sends_it_back_unchanged(app: App, owner: Visitor, store: Store) -> None:
    with app.db.write() as session:
        world = World(session, 2)
        rules = _stored(session, store, Draw(world, 7))
    for number, rule in rules.items():
        fields = Fields(owner.get(f"/segments/{number}/edit").text).values
        assert rule_of(read_lines(fields), "EUR") == rule, rule
        fields |= {"name": f"again {number}"}
        assert owner.post(f"/segments/{number}/edit", fields).status_code == 303


def _stored(session: Session, store: Store, draw: Draw) -> dict[int, dict[str, Any]]:
    draw.segments = {}
    found = {}
    for number in range(40):
        rule = language.dump(language.read(draw.rule()))
        row = segments.save(session, store.id, None, name=f"s{number}", description="", rule=rule, now=NOW)
        found[row.id] = rule
    return found


def test_buttons_add_move_copy_wrap_and_drop_lines() -> None:
    line: Line = {"kind": "all", "parts": []}
    line = changed(changed(line, "add r field"), "add r any")
    line = changed(line, "add r.1 event")
    assert [part["kind"] for part in line["parts"]] == ["field", "any"]
    line = changed(changed(line, "up r.1"), "wrap r.1")
    assert [part["kind"] for part in line["parts"]] == ["any", "any"]
    line = changed(changed(line, "copy r.0"), "filter r.0.0")
    assert len(line["parts"]) == 3
    assert line["parts"][0]["parts"][0]["where"] == [{"property": "", "is": "is", "value": ""}]
    assert line["parts"][1]["parts"][0]["where"] == []
    line = changed(changed(line, "unfilter r.0.0 0"), "drop r.2")
    assert len(line["parts"]) == 2
    for wrong in ("drop r.9", "add r.0.0 field", "dance r.0", "unfilter r.0.0 3", "add r nonsense"):
        with pytest.raises(NotAllowed):
            changed(line, wrong)


def test_a_line_says_what_is_missing_where_it_is_missing() -> None:
    line: Line = {
        "kind": "all",
        "parts": [
            {"kind": "field", "field": "order_count", "is": "at_least", "value": "two"},
            {"kind": "field", "field": "country", "is": "in", "value": "DE, AT"},
            {"kind": "segment", "segment": ""},
        ],
    }
    assert problems(line, "EUR") == {"r.0": "“two” is no number.", "r.2": "Choose a segment."}


def test_amounts_are_typed_as_people_write_them() -> None:
    line: Line = {"kind": "field", "field": "order_total", "is": "at_least", "value": "49.90"}
    assert rule_of({"kind": "all", "parts": [line], "is_bare": "yes"}, "EUR")["value"] == 4990
