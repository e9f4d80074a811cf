"""What is done to a compiled document, on its text: styles into tags, links into filters, the open pixel.

Nothing here parses and writes the document anew: a parser would move the words that stand for Jinja out of tables.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import css_inline

from automation.rendering.links import PROVIDED
from automation.rendering.mail import Link
from automation.rendering.masking import Masked

_TAG = re.compile(
    r"<!--.*?-->|<(style|script)\b.*?</\1\s*>|<([A-Za-z][\w:-]*)((?:\"[^\"]*\"|'[^']*'|[^<>\"'])*)>", re.DOTALL
)
_HREF = re.compile(r"(\shref=)(?:\"([^\"]*)\"|'([^']*)')")
_STYLE = re.compile(r"\sstyle=(?:\"([^\"]*)\"|'([^']*)')")
_NUMBER = re.compile(r'\sdata-jxn="(\d+)"')
_INLINE = re.compile(r"<mj-style\b[^>]*\binline=[\"']?inline[\"']?[^>]*>(.*?)</mj-style>", re.DOTALL)
_ALT = re.compile(r"\salt=")
_LEFT_ALONE = ("mailto:", "tel:", "sms:", "#")
_EXPRESSION = re.compile(r"\{\{[-+]?(.*?)[-+]?\}\}", re.DOTALL)
_PROVIDED = re.compile(rf"\s*(?:{'|'.join(PROVIDED)})\b")
_CONTROL = re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)
_CLOSING_A = re.compile(r"</a\s*>", re.IGNORECASE)

PIXEL = '<img src="{{ _pixel }}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0;">'
TRAP = '<a href="{{ _click }}0" style="display:none" aria-hidden="true" tabindex="-1"></a>'
"""A link that no reader sees: who follows it follows every link. Its number is `insights.hits.HIDDEN_LINK`."""


def start_tags(document: str) -> Iterator[re.Match[str]]:
    """Every start tag outside comments, styles and scripts; group 2 is its name, 3 its attributes."""
    return (m for m in _TAG.finditer(document) if m[2])


def take_inline_styles(mjml: str) -> tuple[str, str]:
    """The source without its inline styles, and these."""
    styles = "\n".join(_INLINE.findall(mjml))
    return _INLINE.sub("", mjml), styles


def inline_styles(document: str, css: str) -> str:
    """Write rules into the tags they match. Only `style` attributes change."""
    if not css.strip():
        return document
    tags = list(start_tags(document))
    numbered, last = [], 0
    for number, tag in enumerate(tags):
        numbered += [document[last : tag.end(2)], f' data-jxn="{number}"']
        last = tag.end(2)
    inliner = css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, extra_css=css, load_remote_stylesheets=False
    )
    styled = inliner.inline("".join(numbered) + document[last:])
    styles: dict[int, str] = {}
    for tag in start_tags(styled):
        place = _NUMBER.search(tag[3])
        style = _STYLE.search(tag[3])
        if place and style:
            styles[int(place[1])] = style[1] or style[2] or ""
    return _with_styles(document, tags, styles)


def _with_styles(document: str, tags: list[re.Match[str]], styles: dict[int, str]) -> str:
    parts, last = [], 0
    for number, tag in enumerate(tags):
        style = styles.get(number)
        if style is None:
            continue
        quoted = style.replace('"', "'")
        attributes = _STYLE.sub("", tag[3])
        parts += [document[last : tag.start(3)], f' style="{quoted}"', attributes]
        last = tag.end(3)
    return "".join(parts) + document[last:]


def add_pixel(document: str) -> str:
    """The document with the open pixel, and the link that only programs follow, as its last elements."""
    at = document.rfind("</body>")
    return document + TRAP + PIXEL if at < 0 else document[:at] + TRAP + PIXEL + document[at:]


def images_without_alt(document: str) -> int:
    """How many images say nothing to those who do not see them."""
    return sum(1 for tag in start_tags(document) if tag[2] == "img" and not _ALT.search(tag[3]))


class Links:
    """Rewrites the links of a masked document and keeps a table of them."""

    def __init__(self, masked: Masked) -> None:
        self._masked = masked
        self.found: list[Link] = []
        self.relative: list[str] = []

    def rewrite(self, document: str) -> str:
        """The document with the address of each tracked link replaced by (hidden) Jinja."""
        parts, last = [], 0
        for tag in start_tags(document):
            href = _HREF.search(tag[3]) if tag[2] == "a" else None
            if href is None:
                continue
            written = href[2] if href[2] is not None else href[3]
            replaced = self._replace(written, self._label(document, tag.end()))
            if replaced is not None:
                parts += [document[last : tag.start(3) + href.start()], f'{href[1]}"{replaced}"']
                last = tag.start(3) + href.end()
        return "".join(parts) + document[last:]

    def _label(self, document: str, at: int) -> str:
        close = _CLOSING_A.search(document, at)
        inside = document[at : close.start()] if close else ""
        alt = re.search(r"\salt=\"([^\"]*)\"", inside)
        inside = self._masked.restore(html.unescape(re.sub(r"<[^>]*>", " ", inside)))
        label = _CONTROL.sub("", inside) if alt is None else self._masked.restore(html.unescape(alt[1]))
        return " ".join(label.split())[:200]

    def _replace(self, written: str, label: str) -> str | None:
        words = self._masked.word.findall(written)
        if not words:
            return self._static(html.unescape(written).strip(), label)
        whole = self._masked.tokens.get(written.strip())
        expression = _EXPRESSION.fullmatch(whole.source) if whole else None
        if expression and _PROVIDED.match(expression[1]):
            return None
        first = self._masked.tokens.get(words[0])
        begins = _EXPRESSION.fullmatch(first.source) if first else None
        # What stands behind one of our own addresses, such as a score, belongs to it.
        if begins and _PROVIDED.match(begins[1]) and written.strip().startswith(words[0]):
            return None
        if written.strip().lower().startswith(_LEFT_ALONE):
            return None
        number = self._add(self._masked.restore(html.unescape(written)), label, is_dynamic=True)
        if expression:
            return self._masked.hide(f"{{{{ ({expression[1]})|tracked(_click, {number}) }}}}")
        opening = self._masked.hide(f"{{% filter tracked(_click, {number}) %}}")
        closing = self._masked.hide("{% endfilter %}")
        return opening + written + closing

    def _static(self, url: str, label: str) -> str | None:
        if not url or url.lower().startswith(_LEFT_ALONE):
            return None
        if not url.lower().startswith(("https://", "http://")):
            self.relative.append(url)
            return None
        number = self._add(url, label, is_dynamic=False)
        return self._masked.hide(f"{{{{ _click }}}}{number}")

    def _add(self, url: str, label: str, *, is_dynamic: bool) -> int:
        self.found.append(Link(number=len(self.found) + 1, url=url, label=label, is_dynamic=is_dynamic))
        return len(self.found)
