from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.block import blocks
from automation.editing import splice
from automation.editing.tree import Document, Node, read
from automation.errors import NotAllowed
from tests.automation.editing.mails import mails, shipped

MAIL = """<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>One</mj-text>
        <mj-text color="red" >Two</mj-text>
        <mj-spacer />
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def block(document: Document, words: str) -> Node:
    return next(n for n in document.nodes if not n.children and document.words(n) == words)


def others(document: Document, node: Node) -> tuple[str, str]:
    return document.source[: node.start], document.source[node.end :]


@settings(max_examples=25)
@given(mails(), st.data())
def test_what_is_set_to_what_it_is_comes_back_byte_for_byte(source: str, data: st.DataObject) -> None:
    document = read(source)
    for node in document.nodes:
        for name in node.attributes:
            assert splice.set_attribute(document, node, name, document.value(node, name)).source == source
        if node.is_logic:
            assert splice.set_condition(document, node, splice.condition(document, node)).source == source
        elif not node.accepts and document.inner(node):
            assert splice.set_content(document, node, document.inner(node)).source == source
    if document.nodes:
        node = data.draw(st.sampled_from(list(document.nodes)))
        assert splice.move_to(document, node, node, "after").source == source


@settings(max_examples=25)
@given(mails(), st.data())
def test_an_edit_changes_only_its_own_blocks_letters(source: str, data: st.DataObject) -> None:
    document = read(source)
    elements = [n for n in document.nodes if not n.is_logic]
    if not elements:
        return
    node = data.draw(st.sampled_from(elements))
    before, behind = others(document, node)
    value = data.draw(st.sampled_from(["", "red", 'a "b" <c> & {{ d|default("e", true) }}']))
    edited = splice.set_attribute(document, node, "color", value)
    assert edited.source.startswith(before)
    assert edited.source.endswith(behind)
    after = read(edited.source)
    again = after.nodes[node.number]
    assert after.value(again, "color") == value
    assert [after.value(again, n) for n in node.attributes if n != "color"] == [
        document.value(node, n) for n in node.attributes if n != "color"
    ]
    copied = read(splice.duplicate(document, node).source)
    assert copied.source.startswith(source[: node.end])
    assert copied.source.endswith(behind)
    assert source[node.start : node.end] in copied.source[node.end :]


@settings(max_examples=25)
@given(mails(), st.data())
def test_moving_up_and_down_again_comes_back(source: str, data: st.DataObject) -> None:
    document = read(source)
    if not document.nodes:
        return
    node = data.draw(st.sampled_from(list(document.nodes)))
    moved = splice.move(document, node, "down")
    assert sorted(moved.source) == sorted(source)
    after = read(moved.source)
    assert moved.selected is not None
    again = after.at(moved.selected)
    assert again is not None
    assert moved.source[again.start : again.end] == source[node.start : node.end]
    if moved.source != source:
        assert splice.move(after, again, "up").source == source


@settings(max_examples=25)
@given(mails(), st.data())
def test_a_block_can_be_dropped_anywhere_or_it_is_said_why_not(source: str, data: st.DataObject) -> None:
    document = read(source)
    if len(document.nodes) < 2:
        return
    node, target = (data.draw(st.sampled_from(list(document.nodes))) for _ in range(2))
    place: splice.Place = data.draw(st.sampled_from(["before", "after", "inside"]))
    moved = splice.move_to(document, node, target, place)
    assert moved.selected is not None
    again = read(moved.source).at(moved.selected)
    assert again is not None
    text = source[node.start : node.end]
    assert "".join(moved.source[again.start : again.end].split()) == "".join(text.split())


def test_a_block_can_be_dropped_before_the_section_it_stands_in_on_the_same_line() -> None:
    source = "<mjml><mj-body><mj-section><mj-column><mj-text>Hello</mj-text></mj-column></mj-section></mj-body></mjml>"
    document = read(source)
    section, text = (next(node for node in document.nodes if node.name == name) for name in ("mj-section", "mj-text"))
    moved = read(splice.move_to(document, text, section, "before").source)
    assert [node.name for node in moved.body.children] == ["mj-section", "mj-section"]
    assert moved.source.count("<mj-text>Hello</mj-text>") == 1
    assert "Hello" in moved.source[: moved.body.children[0].end]


def test_every_block_can_stand_beside_every_block_of_a_mail() -> None:
    source = shipped()["welcome"]
    document = read(source)
    for kind in blocks():
        for target in (None, document.nodes[0], document.nodes[3], document.nodes[5], document.nodes[-1]):
            for place in ("before", "after", "inside"):
                made = splice.insert(document, kind.mjml(), target, place)
                assert made.selected is not None
                after = read(made.source)
                assert after.at(made.selected) is not None, (kind.kind, place)
                for node in after.nodes:
                    holder = node.parent
                    assert holder is not None
                    assert holder.accepts == node.level, (kind.kind, holder.name, node.name)
                # The mail's own letters are all still there, in their order.
                kept = iter(made.source)
                assert all(letter in kept for letter in source)


def test_a_new_block_is_indented_like_its_neighbours() -> None:
    document = read(MAIL)
    made = splice.insert(document, "<mj-text>\n  New\n</mj-text>", block(document, "One"), "after")
    new = "        <mj-text>\n          New\n        </mj-text>\n"
    assert made.source == MAIL.replace('        <mj-text color="red"', new + '        <mj-text color="red"')


def test_deleting_takes_the_whole_line() -> None:
    document = read(MAIL)
    gone = splice.delete(document, block(document, "One"))
    assert gone.source == MAIL.replace("        <mj-text>One</mj-text>\n", "")
    selected = read(gone.source).at(gone.selected or 0)
    assert selected is not None
    assert read(gone.source).words(selected) == "Two"


def test_moving_changes_places_and_nothing_else() -> None:
    document = read(MAIL)
    moved = splice.move(document, block(document, "Two"), "up")
    assert re.findall(r"<mj-text[^>]*>(\w+)", moved.source) == ["Two", "One"]
    assert moved.source.count("\n") == MAIL.count("\n")
    assert splice.move(read(moved.source), block(read(moved.source), "Two"), "up").source == moved.source


def test_what_a_condition_needs_moves_with_it() -> None:
    inner = MAIL.replace("<mj-spacer />", "{% set a = 1 %}\n        {% if a %}<mj-divider />{% endif %}")
    document = read(inner)
    condition = next(n for n in document.nodes if n.is_logic)
    moved = splice.move(document, condition, "up").source
    assert moved.index("{% set a") < moved.index("{% if a") < moved.index("Two")


def test_a_block_of_the_wrong_kind_is_refused() -> None:
    document = read(MAIL)
    spacer = document.nodes[-1]
    with pytest.raises(NotAllowed, match="no attribute"):
        splice.set_attribute(document, spacer, 'a"b', "x")
    with pytest.raises(NotAllowed, match="Only blocks of text"):
        splice.set_content(document, document.nodes[0], "x")
    with pytest.raises(NotAllowed, match="within its own kind"):
        splice.insert(document, '<mj-social-element name="x" />', None)
    with pytest.raises(NotAllowed, match="no block"):
        splice.insert(document, "only words", None)


def test_a_condition_is_written_anew() -> None:
    document = read(MAIL.replace("<mj-spacer />", "{%- if a -%}<mj-spacer />{% endif %}"))
    condition = next(n for n in document.nodes if n.is_logic)
    assert splice.condition(document, condition) == "a"
    assert "{% if a > 2 %}<mj-spacer />" in splice.set_condition(document, condition, " a  > 2 ").source
    with pytest.raises(NotAllowed):
        splice.set_condition(document, condition, "a %} {% endif")
