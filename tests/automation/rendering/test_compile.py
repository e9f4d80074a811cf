import pytest

from automation.errors import TemplateBroken
from automation.rendering.compile import compile_mail
from automation.rendering.mail import Compiled, MailSource, Rendered
from automation.rendering.sandbox import MailProgram
from tests.automation.rendering.conftest import KEY, LINKS, page, source

VALUES = {
    "a": 1,
    "b": 2,
    "name": "Ada & <Bob>",
    "color": "#ff0000",
    "url": "https://shop.example.com/?a=1&b=2",
    "items": [{"title": "One", "url": "https://shop.example.com/1"}, {"title": "Two", "url": "javascript:alert(1)"}],
    "empty": [],
}


def compiled(mjml: str) -> Compiled:
    return compile_mail(MailSource(subject="Hello", mjml=mjml))


def rendered(mjml: str, **values: object) -> Rendered:
    return MailProgram(compiled(mjml), KEY)({**VALUES, **LINKS, **values})


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("{{ name }}", "Ada &amp; &lt;Bob&gt;"),
        ('{{ missing|default("y > x") }}', "y &gt; x"),
        ("{% if a < b %}less{% endif %}", "less"),
        ("{% if b > a %}more{% else %}less{% endif %}", "more"),
        ("{% raw %}{{ raw }}{% endraw %}", "{{ raw }}"),
        ("before{# a < b #}after", "beforeafter"),
        ('{{ "}}" }}', "}}"),
        ("{%- if a -%} trimmed {%- endif -%}", "trimmed"),
        ("<!-- {{ name }} -->kept", "kept"),
        ("emoji 🎉 {{ a }}", "emoji 🎉 1"),
        ("a &lt; b &amp; c", "a &lt; b &amp; c"),
        ("{% for i in items %}{{ loop.index }}{{ i.title }} {% endfor %}", "1One 2Two"),
        ('<b class="{% if a < b %}x{% endif %}">t</b>', '<b class="x">t</b>'),
        ("<b {% if a < b %}class='x'{% endif %}>t</b>", '<b class="x">t</b>'),
        ("""<b title='{{ missing|default("q") }}'>t</b>""", 'title="q"'),
        ("""<b title="{{ missing|default("q") }}">t</b>""", 'title="q"'),
        ("<b title='{{ missing|default(&quot;q&quot;) }}'>t</b>", 'title="q"'),
    ],
)
def test_jinja_survives_the_compiler_in_text_and_attributes(body: str, shown: str) -> None:
    html = rendered(page(f"<mj-text>{body}</mj-text>")).html
    html = " ".join(html.split()).replace(" >", ">")
    assert shown in html
    assert "jx0q" not in html


@pytest.mark.parametrize(
    "mjml",
    [
        "<mjml><mj-body>{% for i in LIST %}SECTION{% endfor %}</mj-body></mjml>",
        "<mjml><mj-body><mj-raw>{% for i in LIST %}</mj-raw>SECTION<mj-raw>{% endfor %}</mj-raw></mj-body></mjml>",
        "<mjml><mj-body><mj-wrapper>SECTION{% for i in LIST %}SECTION{% endfor %}</mj-wrapper></mj-body></mjml>",
        "<mjml><mj-body><mj-section>{% for i in LIST %}COLUMN{% endfor %}</mj-section></mj-body></mjml>",
        "<mjml><mj-body><mj-section><mj-group>{% for i in LIST %}COLUMN{% endfor %}</mj-group></mj-section>"
        "</mj-body></mjml>",
        "<mjml><mj-body><mj-section><mj-column>{% for i in LIST %}<mj-text>ROW</mj-text>{% endfor %}"
        "</mj-column></mj-section></mj-body></mjml>",
        "<mjml><mj-body><mj-hero>{% for i in LIST %}<mj-text>ROW</mj-text>{% endfor %}</mj-hero></mj-body></mjml>",
        "<mjml><mj-body>{% for i in LIST %}<mj-section full-width='full-width' background-url='{{ url }}'>COLUMN"
        "</mj-section>{% endfor %}</mj-body></mjml>",
        "<mjml><mj-body><mj-section><mj-column><mj-table>{% for i in LIST %}<tr><td>ROW</td></tr>"
        "{% endfor %}</mj-table></mj-column></mj-section></mj-body></mjml>",
    ],
)
@pytest.mark.parametrize(("name", "count"), [("empty", 0), ("items[:1]", 1), ("items", 2)])
def test_loops_around_every_kind_of_element_stay_balanced(mjml: str, name: str, count: int) -> None:
    mjml = mjml.replace("SECTION", "<mj-section>COLUMN</mj-section>")
    mjml = mjml.replace("COLUMN", '<mj-column width="50%"><mj-text>ROW</mj-text></mj-column>').replace("LIST", name)
    found = rendered(mjml)
    extra = "<mj-wrapper>" in mjml
    assert found.html.count("ROW") == count + extra
    assert found.text.count("ROW") == count + extra
    for tag in ("table", "tr", "td", "div", "tbody"):
        assert found.html.count(f"<{tag} ") + found.html.count(f"<{tag}>") == found.html.count(f"</{tag}>"), tag


@pytest.mark.parametrize(
    ("mjml", "line", "words"),
    [
        (page('\n<mj-image width="{{ w }}" src="https://a.example.com/a.png" alt="" />'), 2, "{{ w }}"),
        (page("<mj-text\n{% if a %}color='red'{% endif %}>t</mj-text>"), 2, "no effect"),
        (page("<mj-text>\n\n{{ never closed</mj-text>"), 3, "never closed"),
        (page("<mj-text>\n{% raw %}{{ x }}</mj-text>"), 2, "raw"),
        (page("<mj-text>\n{% if a %}</mj-text>"), None, "endif"),
        (page("<mj-text>\n{{ a|nothing }}</mj-text>"), 2, "nothing"),
        (page("{# two\nlines #}\n<mj-text>t</mj-section>"), 3, "</mj-section> stands where </mj-text> should"),
        (page("\n<mj-buton>t</mj-buton>"), 2, "<mj-buton>"),
        (page("\n<mj-text>t"), 2, "</mj-column>"),
        ("Hello <mjml></mjml>", 1, "Hello"),
        ("<p>no mjml</p>", 1, "no <mjml>"),
        (page('<mj-include path="/etc/passwd" />'), 1, "/etc/passwd"),
        (page('<mj-include path="../secret.mjml" type="html" />'), 1, "secret"),
    ],
)
def test_what_cannot_be_compiled_is_told_with_its_line(mjml: str, line: int | None, words: str) -> None:
    with pytest.raises(TemplateBroken) as broken:
        compiled(mjml)
    assert words in str(broken.value)
    assert broken.value.part == "body"
    assert line is None or broken.value.line == line


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{% include 'x' %}", "include"),
        ("{% import 'x' as y %}", "import"),
        ("{% extends 'x' %}", "extends"),
        ("{% macro f() %}{% endmacro %}", "macro"),
        ("{% block x %}{% endblock %}", "block"),
        ("{% filter upper %}x{% endfilter %}", "filter"),
        ("{{ name.upper() }}", "called"),
        ("{{ lipsum(n=2000) }}", "called"),
        ("{{ 10**9 }}", "**"),
        ("{{ name|safe }}", "safe"),
        ("{{ '%9d'|format(1) }}", "format"),
        ("{{ name|attr('x') }}", "attr"),
        ("{{ a is filter }}", "test"),
        ("{% for a in b recursive %}{% endfor %}", "recursive"),
        ("{% for a in b %}{% for c in a %}{% for d in c %}{% endfor %}{% endfor %}{% endfor %}", "nested"),
        ("{{ a }}" * 6000, "parts"),
    ],
)
def test_what_is_not_allowed_in_a_mail_is_refused_when_it_is_saved(body: str, words: str) -> None:
    with pytest.raises(TemplateBroken) as broken:
        compile_mail(source(body))
    assert words in str(broken.value)


def test_a_source_that_is_too_long_is_refused() -> None:
    with pytest.raises(TemplateBroken, match="longer than 512 KB"):
        compile_mail(source("x" * 600_000))


def test_links_become_addresses_of_ours() -> None:
    body = (
        '<a href="https://a.example.com/?x=1&amp;y=2">Static</a><a href="{{ url }}">Dynamic</a>'
        '<a href="https://b.example.com/{{ name }}?x=1&amp;y=2">Mixed</a>'
        '<a href="{{ unsubscribe_url }}">Out</a><a href="{{ browser_url }}">View</a>'
        '<a href="mailto:{{ name }}">Mail</a><a href="tel:1">Call</a><a href="#top">Top</a>'
    )
    made = compile_mail(source(body))
    assert [(link.number, link.url, link.label, link.is_dynamic) for link in made.links] == [
        (1, "https://a.example.com/?x=1&y=2", "Static", False),
        (2, "{{ url }}", "Dynamic", True),
        (3, "https://b.example.com/{{ name }}?x=1&y=2", "Mixed", True),
    ]
    html = MailProgram(made, KEY)({**VALUES, **LINKS}).html
    assert 'href="https://mail.example.com/c/TOKEN/1"' in html
    assert 'href="https://mail.example.com/c/TOKEN/2?u=https%3A%2F%2Fshop.example.com%2F%3Fa%3D1%26b%3D2&amp;s=' in html
    assert "c/TOKEN/3?u=https%3A%2F%2Fb.example.com%2FAda%20%26%20%3CBob%3E%3Fx%3D1%26y%3D2&amp;s=" in html
    assert 'href="https://mail.example.com/u/TOKEN"' in html
    assert 'href="mailto:Ada &amp; &lt;Bob&gt;"' in html
    assert 'href="#top"' in html


def test_a_computed_link_to_a_script_leads_nowhere() -> None:
    found = rendered(page('{% for i in items %}<mj-button href="{{ i.url }}">{{ i.title }}</mj-button>{% endfor %}'))
    assert "javascript" not in found.html
    assert "javascript" not in found.text
    assert 'href="#"' in found.html


def test_the_open_pixel_stands_last_in_the_body() -> None:
    html = rendered(page("<mj-text>Hi</mj-text>")).html
    assert html.index("https://mail.example.com/o/TOKEN.gif") > html.index("Hi")
    assert html.endswith("</body></html>")


def test_the_text_part_follows_the_structure() -> None:
    text = rendered(
        page(
            "<mj-text><h1>Title</h1><p>Dear {{ name }},<br/>hello</p></mj-text>"
            '<mj-button href="https://a.example.com">Go</mj-button>'
            '<mj-image src="https://a.example.com/i.png" alt="Picture" href="https://a.example.com" />'
            "<mj-table><tr><td>One</td><td>Two</td></tr></mj-table>"
        )
    ).text
    assert text == (
        "Title\n\nDear Ada & <Bob>,\nhello\n\nGo: https://mail.example.com/c/TOKEN/1\n\n"
        "Picture: https://mail.example.com/c/TOKEN/2\n\nOne  Two\n"
    )


def test_a_text_of_the_authors_own_is_kept() -> None:
    made = compile_mail(source("html", text="Only {{ name }}\n\n\n\nhere"))
    assert MailProgram(made, KEY)({**VALUES, **LINKS}).text == "Only Ada & <Bob>\n\nhere\n"


def test_braces_written_as_entities_do_not_become_jinja_in_the_text() -> None:
    assert rendered(page("<mj-text>&#123;&#123; name }}</mj-text>")).text == "{{ name }}\n"


def test_names_preheader_and_what_stands_before_the_document_are_found() -> None:
    made = compiled(
        "{% set big = store.name|upper %}<!-- <mjml> --><mjml><mj-head><mj-preview>For {{ customer.name }}</mj-preview>"
        "</mj-head><mj-body><mj-section><mj-column><mj-text>{{ big }} {{ unsubscribe_url }}</mj-text></mj-column>"
        "</mj-section></mj-body></mjml>"
    )
    assert made.names == ("customer", "store")
    assert made.preheader == "For {{ customer.name }}"
    assert "SHOP" in MailProgram(made, KEY)({"store": {"name": "shop"}, "customer": {}, **LINKS}).text


def test_includes_come_from_the_source_alone_and_end() -> None:
    made = compile_mail(source('<mj-include path="p" />', includes={"p": "Part {{ name }}"}))
    assert "Part {{ name }}" in made.mjml
    with pytest.raises(TemplateBroken, match="nested 3 deep"):
        compile_mail(source('<mj-include path="p" />', includes={"p": '<mj-include path="p" />'}))


def test_values_of_unused_defaults_may_vanish_but_nothing_else() -> None:
    head = '<mj-head><mj-attributes><mj-button background-color="{{ color }}" /></mj-attributes></mj-head>'
    assert "mjml" in compiled(page("<mj-text>t</mj-text>").replace("<mjml>", f"<mjml>{head}")).mjml


def test_inline_styles_are_written_into_tags_without_moving_jinja() -> None:
    html = rendered(
        "<mjml><mj-head><mj-style inline='inline'>.q { color: red; }</mj-style></mj-head><mj-body><mj-section>"
        "<mj-column><mj-table>{% for i in items %}<tr class='q'><td>{{ i.title }}</td></tr>{% endfor %}</mj-table>"
        "</mj-column></mj-section></mj-body></mjml>"
    ).html
    assert html.count('style="color: red;"') == 2
    assert html.count("<tbody>") == html.count("</tbody>")


def test_what_a_sender_would_regret_is_warned_of() -> None:
    warnings = " ".join(
        compiled(
            page(
                '<mj-image src="https://a.example.com/i.png" /><mj-text><a href="shop.example.com">x</a>'
                + "x" * 110_000
                + "</mj-text>"
            )
        ).warnings
    )
    for words in ("unsubscribe", "postal address", "1 image has no", "102 KB", "shop.example.com"):
        assert words in warnings


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert "fonts.googleapis.com" not in compiled(page("<mj-text font-family='Roboto'>t</mj-text>")).html
