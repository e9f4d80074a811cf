"""Derives the plain-text part from the structure of the HTML, with the words that stand for Jinja kept in place."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from automation.rendering.masking import Masked

_LINES = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "div",
        "dl",
        "dt",
        "dd",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tr",
        "ul",
    }
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table"})
_SILENT = frozenset({"head", "style", "script", "title", "noscript"})
_VOID = frozenset({"br", "img", "hr", "meta", "link", "input", "col", "area", "wbr"})
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_BLOCK = re.compile(r"display\s*:\s*block", re.IGNORECASE)
_CONTROL = re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)
_EMPTY_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_BRACES = re.compile(r"\{[{%#]")


class _Walker(HTMLParser):
    """Reads a document once and writes lines."""

    def __init__(self, masked: Masked) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._masked = masked
        self._restore = masked.restore
        self._silent: list[str] = []
        self._links: list[tuple[str, int, str]] = []
        self._blocks: list[str] = []
        """The open <a> and <span> elements: "block" for those that stand on a line of their own."""
        self._is_first_cell = True

    def _break(self, lines: int) -> None:
        self.out.append("\n" * lines)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        style = given.get("style") or ""
        if self._silent or tag in _SILENT or _HIDDEN.search(style) or given.get("aria-hidden") == "true":
            if tag not in _VOID:
                self._silent.append(tag)
            return
        if tag in _PARAGRAPHS:
            self._break(2)
        elif tag in _LINES or tag == "br":
            self._break(1)
        if tag in ("a", "span"):
            self._blocks.append("block" if _BLOCK.search(style) else "")
            if self._blocks[-1]:
                self._break(1)
        if tag == "tr":
            self._is_first_cell = True
        elif tag == "td":
            self.out.append("" if self._is_first_cell else "  ")
            self._is_first_cell = False
        elif tag == "li":
            self.out.append("• ")
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.out), ""))
        elif tag == "img" and self._links:
            href, at, _ = self._links[-1]
            self._links[-1] = (href, at, (given.get("alt") or "").strip())

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
            return
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        if tag in ("a", "span") and self._blocks and self._blocks.pop():
            self._break(1)
        if tag in _PARAGRAPHS:
            self._break(2)
        elif tag in _LINES:
            self._break(1)

    def _end_link(self, href: str, at: int, alt: str) -> None:
        label = _CONTROL.sub("", self._restore("".join(self.out[at:]))).strip()
        if not label and alt:
            self.out.append(alt)
            label = self._restore(alt)
        written = self._restore(href).removeprefix("mailto:").removeprefix("tel:")
        if written and not written.startswith("#") and label != written:
            self.out.append(f": {href}" if label else href)

    def handle_comment(self, data: str) -> None:
        # Between the sections of a wrapper, the compiler puts our words into its comments for Outlook.
        if not self._silent:
            self.out += [w for w in self._masked.word.findall(data) if not self._masked.tokens[w].is_expression]

    def handle_data(self, data: str) -> None:
        if not self._silent:
            data = re.sub(r"[ \t\r\n\f]+", " ", data)
            self.out.append(_BRACES.sub(lambda m: '{{ "' + m[0] + '" }}', data))


def tidy(text: str) -> str:
    """Leave at most one empty line between paragraphs: what loops and conditions of a rendered text leave behind."""
    return _EMPTY_LINES.sub("\n\n", text).strip() + "\n"


def text_of(html: str, masked: Masked) -> str:
    """The plain text of a masked document; links as `label: address`, what is hidden left out."""
    walker = _Walker(masked)
    walker.feed(html)
    walker.close()
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(walker.out))
    return tidy(re.sub(r"\n{3,}", "\n\n", text))
