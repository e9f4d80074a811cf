"""What a mail could be written to do to its renderer: each ends in a sentence for its author, or harmlessly."""

from __future__ import annotations

from typing import Any

from automation.rendering.mail import MailSource
from tests.automation.rendering.conftest import LINKS, page, source

VALUES: dict[str, Any] = {**LINKS, "name": "a" * 300, "big": "a" * 100_000, "digits": "9" * 200_000}

_LOOPS = "{%% for a in range(1000) %%}{%% for b in range(1000) %%}%s{%% endfor %%}{%% endfor %%}"
_ENTITIES = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "aaaaaaaaaa"}">' for i in range(12))
_HEAD = "<mjml><mj-head>%s</mj-head><mj-body></mj-body></mjml>"


def _whole(mjml: str, **includes: str) -> MailSource:
    return MailSource(subject="x", mjml=mjml, includes=includes)


QUICK: dict[str, MailSource] = {
    "a power": source("{{ 2 ** 999999999 }}"),
    "a product": source("{{ 'x' * 999999999 }}"),
    "a format": source("{{ '%999999999d' % 1 }}"),
    "filler text": source("{{ lipsum(n=200000) }}"),
    "padding": source("{{ 'x'|center(999999999) }}"),
    "an indent": source("{{ 'x'|indent(999999999) }}"),
    "a long batch": source("{{ [1]|batch(999999999, 'xxxxx')|list }}"),
    "a range": source("{{ range(99999999)|list }}"),
    "replaced text": source(
        "{% set a='aaaaaaaaaaaaaaaaaaaa' %}" + "{% set a=a|replace('a',a) %}" * 8 + "{{ a|length }}"
    ),
    "many digits": source("{{ 9" + "9" * 5000 + " }}"),
    "infinity": source("{{ '1e999999999'|float|int }}"),
    "nested brackets": source("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}"),
    "nested lists": source("{{ " + "[" * 500 + "]" * 500 + " }}"),
    "nested conditions": source("{% if a %}" * 300 + "{% endif %}" * 300),
    "chained filters": source("{{ big" + "|upper" * 2000 + " }}"),
    "chained names": source("{{ a" + ".a" * 2000 + " }}"),
    "a long sum": source("{{ 1" + "+1" * 2000 + " }}"),
    "many parts": source("{{ a }}" * 6000),
    "a long body": source("x" * 2_000_000),
    "tags without end": source("{% " * 100_000),
    "strings without end": source('{{ "' + "\\" * 100_000),
    "brackets": source("<" * 200_000),
    "deep elements": _whole(
        "<mjml><mj-body>" + "<mj-section>" * 20_000 + "</mj-section>" * 20_000 + "</mj-body></mjml>"
    ),
    "deep raw elements": source("<mj-raw>" * 3000),
    "deep HTML": source("<div>" * 30_000 + "</div>" * 30_000),
    "open styles": source("<style>" * 20_000),
    "an entity bomb before the document": _whole(f"<!DOCTYPE mjml [{_ENTITIES}]>" + page("<mj-text>&a11;</mj-text>")),
    "an entity bomb inside": _whole(page(f"<!DOCTYPE mjml [{_ENTITIES}]><mj-text>&a11;</mj-text>")),
    "includes of includes of includes": _whole(
        page("<mj-include path='a'/>" * 100),
        a="<mj-include path='b'/>" * 100,
        b="<mj-include path='c'/>" * 100,
        c="x" * 1000,
    ),
    "an include of itself": _whole(page("<mj-include path='a'/>"), a="<mj-include path='a'/>"),
    "a long include": _whole(page("<mj-include path='a'/>"), a="x" * 3_000_000),
    "includes without end": _whole(page("<mj-include " * 30_000)),
    "commented includes": _whole(page("<!--<mj-include path='a'/>" * 15_000), a="x"),
    "previews without end": _whole(_HEAD % ("<mj-preview>" * 20_000)),
    "nested selectors": _whole(
        _HEAD % ("<mj-style inline='inline'>" + ":not(" * 5000 + ")" * 5000 + "{color:red}</mj-style>")
    ),
}
"""Bombs that are found out, or that memory's limit ends, in well under a second."""

SLOW: dict[str, MailSource] = {
    "doubled text": source("{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a ~ a ~ a %}" * 40 + "{{ a }}"),
    "joined by much": source("{% for i in range(1000) %}{{ range(1000)|join(big) }}{% endfor %}"),
    "loops in loops": source(_LOOPS % "{{ range(1000)|join }}"),
    "loops that sort": source(_LOOPS % "{{ range(1000)|sort|list|length }}"),
    "loops with conditions": source(
        "{% for a in range(1000) if range(1000)|select('odd')|list|length %}"
        "{% for b in range(1000) if range(1000)|sum %}x{% endfor %}{% endfor %}"
    ),
    "loops in the subject": source("x", subject=_LOOPS % "{{ range(1000)|join }}"),
    "loops in the text": source("x", text=_LOOPS % "{{ range(1000)|join }}"),
    "many amounts": source(_LOOPS % "{{ (a * 1000 + b)|money('EUR') }}"),
    "titles": source("{% for i in range(1000) %}{{ big|title|wordcount }}{% endfor %}"),
    "a sum of lists": source("{% set a = [1, 1] %}" + "{% set a = [a, a]|sum(start=[])|list %}" * 60 + "{{ a }}"),
    "a list of itself": source("{% set a = [1, 1] %}" + "{% set a = [a, a, a, a] %}" * 100 + "{{ a }}"),
    "a dict of itself": source("{% set a = {} %}" + "{% set a = {'x': a, 'y': a} %}" * 200 + "{{ a }}"),
    "lists compared": source(
        "{% set a = [1] %}{% set b = [1] %}" + "{% set a = [a, a] %}{% set b = [b, b] %}" * 80 + "{{ a == b }}"
    ),
    "many slices": source("{{ [1]|slice(99999999)|list }}"),
    "a rounded power": source("{{ 15|round(-999999999) }}"),
    "raw blocks": source("{% raw %}{% endraw %}" * 20_000),
    "comments without end": _whole(page("<!--" * 100_000)),
    "comments before the document": _whole("<!--" * 100_000 + page("x")),
    "defaults without end": _whole(_HEAD % ("<mj-attributes>" * 30_000)),
    "thousands of columns": _whole(
        "<mjml><mj-body>" + "<mj-section><mj-column></mj-column></mj-section>" * 9_000 + "</mj-body></mjml>"
    ),
}
"""Bombs that burn processor time or memory until it is taken from them."""
