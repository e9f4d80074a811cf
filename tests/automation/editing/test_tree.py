from __future__ import annotations

import pytest

from automation.editing.tree import read
from automation.errors import TemplateBroken
from tests.automation.editing.mails import shipped

MAIL = """<mjml>
  <mj-body>
    <mj-section><mj-column>
      <mj-text>Hello {{ customer.first_name }}</mj-text>
      {% set shown = products[:4] %}
      {% if shown %}
      <mj-image src="{{ a|default("x>y", true) }}" alt='An "A"' />
      {% else %}
      <mj-text color="#fff">No <b>{% if a > 1 %}one{% endif %}</b></mj-text>
      {% endif %}
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""


def test_blocks_are_found_with_their_conditions() -> None:
    found = read(MAIL)
    assert [n.name for n in found.nodes] == ["mj-section", "mj-column", "mj-text", "if", "mj-image", "mj-text"]
    condition = found.nodes[3]
    assert [(c.name, c.branch) for c in condition.children] == [("mj-image", 0), ("mj-text", 1)]
    assert found.source[condition.lead : condition.start].split() == ["{%", "set", "shown", "=", "products[:4]", "%}"]
    assert found.source[condition.start : condition.end].endswith("{% endif %}")


def test_attributes_are_read_through_jinja_and_quotes() -> None:
    found = read(MAIL)
    image = found.nodes[4]
    assert found.value(image, "src") == '{{ a|default("x>y", true) }}'
    assert found.value(image, "alt") == 'An "A"'
    assert found.value(image, "width") == ""


def test_a_line_leads_to_its_block() -> None:
    found = read(MAIL)
    node = found.on_line(9)
    assert node is not None
    assert (node.name, found.words(node)) == ("mj-text", "No one")
    assert found.on_line(1) is None


def test_every_mail_that_comes_with_cartwheel_has_blocks_that_are_its_letters() -> None:
    for name, source in shipped().items():
        found = read(source)
        assert len(found.nodes) > 6, name
        for node in found.nodes:
            text = source[node.start : node.end]
            assert text.startswith("{%" if node.is_logic else f"<{node.name}"), name
            assert text.endswith(("%}", ">")), name


@pytest.mark.parametrize(
    ("source", "said", "line"),
    [
        ("<mjml>\n<mj-body>\n</mj-section></mj-body></mjml>", "</mj-section> stands where </mj-body> should", 3),
        ("<mjml>\n<mj-body>\n<mj-section>", "<mj-section> is never closed", 3),
        ("<mjml>\n</mjml>", "no <mj-body>", 1),
        ("<mjml><mj-body>\n<mj-text", "never closed by >", 2),
        ("<mjml><mj-body>\n\n{{ a", "never closed by }}", 3),
    ],
)
def test_what_does_not_match_is_named_with_its_line(source: str, said: str, line: int) -> None:
    with pytest.raises(TemplateBroken, match=said) as caught:
        read(source)
    assert caught.value.line == line


def test_a_condition_across_elements_is_left_as_text() -> None:
    source = "<mjml><mj-body>{% if a %}<mj-section>{% endif %}<mj-column></mj-column></mj-section></mj-body></mjml>"
    assert [n.name for n in read(source).nodes] == ["mj-section", "mj-column"]
