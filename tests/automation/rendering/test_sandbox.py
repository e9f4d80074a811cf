from typing import Any

import pytest

from automation.errors import TemplateBroken
from automation.rendering.compile import compile_mail
from automation.rendering.filters import short_range
from automation.rendering.sandbox import MailProgram, Program, Sandbox
from tests.automation.rendering.conftest import KEY, LINKS, source

VALUES: dict[str, Any] = {
    "d": {"items": ["x"], "n": 2},
    "s": "text",
    "n": 3,
    "l": [1, 2, 3],
    "none": None,
    "range": short_range,
}


def shown(template: str, *, is_html: bool = True, **values: Any) -> str:
    return Program(Sandbox(KEY, is_html=is_html), template, "body")({**VALUES, **values})


ESCAPES = [
    "{{ s.__class__ }}",
    "{{ d.__class__.__mro__ }}",
    "{{ s['__class__'] }}",
    "{{ ''.__class__.__base__.__subclasses__() }}",
    "{{ (1).__class__ }}",
    "{{ l.append }}",
    "{{ d.update }}",
    "{{ d.items.append }}",
    "{{ s.format }}",
    "{{ '{0.__class__}'.format(s) }}",
    "{{ loop.__class__ }}",
    "{% for x in l %}{{ loop._iterator }}{% endfor %}",
    "{% for x in l %}{{ loop.__init__ }}{% endfor %}",
    "{% for x in l %}{{ loop.cycle.__func__.__globals__ }}{% endfor %}",
    "{{ range.__self__ }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ joiner }}",
    "{{ namespace }}",
    "{{ lipsum.__globals__['os'].environ }}",
    "{{ request }}{{ config }}{{ environment }}",
    "{{ context }}",
    "{{ l|map(attribute='__class__')|list }}",
    "{{ ['a']|map(attribute='__class__.__mro__')|list }}",
    "{{ l|map('attr', '__class__')|list }}",
    "{{ l|map('pprint')|list }}",
    "{{ l|selectattr('__class__')|list }}",
    "{{ l|sort(attribute='__class__') }}",
    "{{ l|sum(attribute='__class__') }}",
    "{{ l|map('eval')|list }}",
    "{{ none.__class__ }}",
    "{{ missing.__class__.__init__ }}",
    "{{ missing._undefined_exception }}",
    "{{ missing.__init__.__globals__ }}",
    "{{ d|items }}",
    "{{ range(3).__class__ }}",
    "{{ range(3)['__class__'] }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_nothing_but_data_can_be_reached(template: str) -> None:
    try:
        found = shown(template)
    except TemplateBroken:
        return
    for word in ("class", "built-in", "method", "function", "object at", "environ", "jinja2"):
        assert word not in found.replace("generator object", ""), found


def test_a_dicts_key_wins_over_its_methods() -> None:
    assert shown("{{ d.items[0] }}{{ d['n'] }}{{ d.keys }}") == "x2"


def test_what_is_missing_is_empty_all_the_way_down() -> None:
    assert shown("[{{ missing.a.b }}{{ none.a }}{{ l[9] }}{{ d.a.b['c'] }}]") == "[]"


def test_what_is_missing_is_told_in_a_preview() -> None:
    strict = Sandbox(is_html=True, is_strict=True)
    with pytest.raises(TemplateBroken, match="custmer") as broken:
        Program(strict, "\n{{ custmer }}", "body")({})
    assert (broken.value.part, broken.value.line) == ("body", 2)
    with pytest.raises(TemplateBroken, match="There is no “nme”"):
        Program(strict, "{{ d.nme }}", "body")(VALUES)
    assert Program(strict, "{% if d.nme %}x{% endif %}{{ d.nme|default('y') }}", "body")(VALUES) == "y"


@pytest.mark.parametrize(
    "bad", ["{{ s * 9 }}", "{{ l * 9 }}", "{{ s % 1 }}", "{{ 1 / 0 }}", "{{ n + s }}", "{{ 2 * 10**3 }}"]
)
def test_arithmetic_is_for_numbers(bad: str) -> None:
    with pytest.raises(TemplateBroken):
        shown(bad)


def test_numbers_can_be_reckoned_with_and_strings_joined() -> None:
    assert shown("{{ n * 2 + 1 }} {{ s + '!' }} {{ s ~ n }} {{ 7 // 2 }} {{ 7 % 4 }}") == "7 text! text3 3 3"


def test_a_range_ends_at_a_thousand() -> None:
    assert shown("{{ range(1000)|length }}") == "1000"
    with pytest.raises(TemplateBroken, match="1000"):
        shown("{{ range(1001)|list }}")


@pytest.mark.parametrize("nasty", ["<b>", "\"'&", "<script>alert(1)</script>"])
@pytest.mark.parametrize(
    "template",
    [
        "{{ x }}",
        "{{ x|upper }}",
        "{{ x|truncate(50) }}",
        "{% set y = x %}{{ y }}",
        "{% set y %}{{ x }}{% endset %}{{ y }}",
        "{% set y %}{{ x }}{% endset %}{{ y|striptags }}",
        "{{ [x, x]|join(', ') }}",
        "{{ x ~ x }}",
        "{{ x + x }}",
        "{{ x|replace('a', '<') }}",
        "{{ missing|default(x) }}",
        "{{ d2.x }}",
    ],
)
def test_everything_is_escaped_in_html(template: str, nasty: str) -> None:
    found = shown(template, x=nasty, d2={"x": nasty})
    assert "<" not in found
    assert '"' not in found


def test_the_text_part_is_not_escaped() -> None:
    assert shown("{{ x }}", is_html=False, x="a & b") == "a & b"


def test_loops_know_where_they_are() -> None:
    assert shown("{% for x in l %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{{ loop.last }} {% endfor %}") == (
        "1aFalse 2bFalse 3aTrue "
    )


@pytest.mark.parametrize("name", ["A\r\nBcc: x@example.com", "A\nB", "A\x00B", "A\x85B", "A\u2028B"])
def test_a_line_break_in_a_subject_is_refused(name: str) -> None:
    program = MailProgram(compile_mail(source("x", subject="Hi {{ name }}!")), KEY)
    with pytest.raises(TemplateBroken, match="line break") as broken:
        program({"name": name, **LINKS})
    assert broken.value.part == "subject"


def test_a_mail_without_end_is_refused() -> None:
    with pytest.raises(TemplateBroken, match="two million"):
        shown("{% for x in range(1000) %}{{ s }}{% endfor %}", s="x" * 2001)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ 1295|money('EUR', 'en') }}", "€12.95"),
        ("{{ 1295|money('JPY', 'en') }}", "¥1,295"),
        ("{{ 129500|money('EUR', 'de_DE') }}", "1.295,00 €"),
        ("{{ none|money }}{{ missing|money }}{{ true|money }}", ""),
        ("{{ 5|money('EUR', 'no such locale') }}", "€0.05"),
        ("{{ '2026-03-10'|date }}", "March 10, 2026"),
        ("{{ '2026-03-10T10:00:00+00:00'|date('short', 'de') }}", "10.03.26"),
        ("{{ missing|date }}", ""),
        ("{{ 0.15|percent }} {{ 1234.5|number('de') }}", "15% 1.234,5"),
    ],
)
def test_filters_write_as_people_do(template: str, text: str) -> None:
    assert shown(template).replace("\u202f", " ").replace("\xa0", " ") == text
