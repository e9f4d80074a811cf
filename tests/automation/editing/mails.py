"""Mails to edit: those that come with Cartwheel, and invented ones."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from automation.actions import templates
from automation.rendering.includes import resolve


@cache
def shipped() -> dict[str, str]:
    """Every mail that comes with Cartwheel, as the editor gets it, by name."""
    found = {}
    for name in templates.built_in():
        source = templates.source_of(name)
        found[name] = resolve(source.mjml, source.includes)
    return found


_WORDS = st.sampled_from(
    ["Hello", "a &amp; b", "&nbsp;", "{{ customer.first_name }}", '{{ x|default("a > b", true) }}', "{# > #}", "é"]
)
_TEXT = st.lists(
    _WORDS | st.sampled_from(["<br>", "<b>x</b>", "<a title='>' href=\"{{ store.url }}\">y</a>", "<!-- <mj-text> -->"])
).map(" ".join)
_VALUES = st.sampled_from(["#fff", "0 10px", "{{ accent }}", '{{ a|default("#fff", true) }}', "it's > 1", ""])
_ATTRIBUTES = st.dictionaries(st.sampled_from(["color", "padding", "css-class"]), _VALUES).map(
    lambda given: "".join(f' {name}="{value}"' for name, value in given.items())
)
_GAPS = st.sampled_from(["", "\n", "\n      ", "\r\n", "  <!-- a --> ", '{% set a = "%" %}'])


@st.composite
def _content(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(["mj-text", "mj-button", "mj-table"]))
    filled = f"<{name}{draw(_ATTRIBUTES)}>{draw(_TEXT)}</{name}>"
    found = draw(st.sampled_from([filled, f"<mj-spacer{draw(_ATTRIBUTES)} />", f"<mj-image{draw(_ATTRIBUTES)}/>"]))
    if draw(st.booleans()):
        found = "{% if customer.first_name < 3 %}" + found + "{% else %}" + filled + "{% endif %}"
    return draw(_GAPS) + found


@st.composite
def mails(draw: st.DrawFn) -> str:
    """A mail of a few sections with anything in them that an author may write."""
    sections = []
    for _ in range(draw(st.integers(0, 3))):
        blocks = "".join(draw(st.lists(_content(), max_size=4)))
        sections.append(f"{draw(_GAPS)}<mj-section{draw(_ATTRIBUTES)}><mj-column>{blocks}</mj-column></mj-section>")
    return f"{{% set accent = 1 %}}<mjml><mj-body>{''.join(sections)}{draw(_GAPS)}</mj-body></mjml>\n"
