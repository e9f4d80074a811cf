from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.editing.richtext import from_editable, plain, to_editable
from automation.editing.tree import read
from tests.automation.editing.mails import shipped

_WORDS = st.sampled_from(["Hello", "a &amp; b", "&nbsp;·", "é", "5 &gt; 3"])
_TAGS = st.sampled_from(
    ["{{ customer.first_name }}", '{{ a|default("x > y", true) }}', "{% if a < b %}", "{% endif %}"]
)
_LINE = st.lists(_WORDS | _TAGS, min_size=1, max_size=4).map(" ".join)
_FRAMES = st.sampled_from(
    [
        "<p>{}</p>",
        '<p style="margin:0 0 8px;">{}</p>',
        "<strong>{}</strong>",
        '<a href="{{{{ store.url }}}}?a=1&amp;b=2" style="color:inherit;">{}</a>',
        "<ul><li>{}</li></ul>",
        "{}<br>and",
    ]
)
_RICH = st.lists(st.builds(str.format, _FRAMES, _LINE) | _LINE, min_size=1, max_size=4).map("".join)


@settings(max_examples=60)
@given(_RICH)
def test_what_is_opened_comes_back_as_it_was(content: str) -> None:
    editable = to_editable(content)
    assert editable is not None
    assert "style=" not in re.sub("data-style=", "", editable)
    assert from_editable(editable) == content


def test_the_texts_of_the_shipped_mails_come_back_as_they_were() -> None:
    opened = 0
    for source in shipped().values():
        document = read(source)
        for node in document.nodes:
            editable = to_editable(document.inner(node)) if node.name in ("mj-text", "mj-button") else None
            if editable is not None:
                opened += 1
                assert from_editable(editable) == document.inner(node).strip()
    assert opened > 100


@pytest.mark.parametrize(
    "content",
    [
        "<table><tr></tr></table>",
        '<img src="x">',
        "<p {% if a %}style='b'{% endif %}>",
        "<!-- a -->",
        "<script>x</script>",
    ],
)
def test_what_is_too_rich_is_edited_as_code(content: str) -> None:
    assert to_editable(content) is None


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("<div>a</div><div><br></div>", "<p>a</p>"),
        ("<b>a</b><i>b</i>", "<strong>a</strong><em>b</em>"),
        ('a<script>alert("x")</script>b', "ab"),
        ('<p onclick="x()" class="y">a</p>', "<p>a</p>"),
        ('<a data-href="javascript:x()">a</a>', "a"),
        ('<a data-href=" JaVa\tscript:x()">a</a>', "a"),
        ('<a data-href="https://a.example/?b=1&amp;c=2">a</a>', '<a href="https://a.example/?b=1&amp;c=2">a</a>'),
        ('<span data-jinja="{{ a }}">label</span>!', "{{ a }}!"),
        ('<span data-jinja="<script>">label</span>!', "!"),
        ("{{ a|default(&quot;b&quot;) }} &amp; {% if a &lt; 2 %}", '{{ a|default("b") }} &amp; {% if a < 2 %}'),
        ("<mj-text>a</mj-text>", "a"),
        ('<p data-style="a:&quot;b&quot;">x</p>', '<p style="a:&quot;b&quot;">x</p>'),
    ],
)
def test_only_what_is_known_comes_through(typed: str, kept: str) -> None:
    assert from_editable(typed) == kept


def test_a_line_that_hints_at_a_text() -> None:
    said = plain(
        "{% if customer.first_name %}{{ customer.first_name|upper }}, your{% else %}Your{% endif %} <b>cart</b>"
    )
    assert said == "‹customer first name›, your cart"
    said = plain(
        "{% if due.days == 0 %}Today{% elif due.days == 1 %}Tomorrow{% else %}Soon{% endif %} at {{ due.time }}"
    )
    assert said == "Today at ‹due time›"
    assert plain('{{ name ~ ", one" if name else "One" }} step') == "‹name› step"
