"""Derives the plain-text part from the structure of the HTML, with the words that stand for Jinja kept in place."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_LINES = frozenset(
    "address article blockquote div dl dt dd figure footer form header hr li main nav ol p pre section table tr ul".split()
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table"})
_SILENT = frozenset({"head", "style", "script", "title", "noscript"})
_VOID = frozenset({"br", "img", "hr", "meta", "link", "input", "col", "area", "wbr"})
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_BRACES = re.compile(r"\{[{%#]")


class _Walker(HTMLParser):
    """Reads a document once and writes lines."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._silent: list[str] = []
        self._links: list[tuple[str, int, str]] = []

    def _break(self, lines: int) -> None:
        self.out.append("\n" * lines)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self._silent or tag in _SILENT or _HIDDEN.search(given.get("style") or ""):
            if tag not in _VOID:
                self._silent.append(tag)
            return
        if tag in _PARAGRAPHS:
            self._break(2)
        elif tag in _LINES or tag == "br":
            self._break(1)
        if tag == "td":
            self.out.append("  ")
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
        elif tag in _PARAGRAPHS:
            self._break(2)
        elif tag in _LINES:
            self._break(1)

    def _end_link(self, href: str, at: int, alt: str) -> None:
        label = "".join(self.out[at:]).strip()
        if not label and alt:
            self.out.append(alt)
            label = alt
        if href and not href.startswith("#") and label != href:
            address = href.removeprefix("mailto:").removeprefix("tel:")
            if label != address:
                self.out.append(f": {address}" if label else address)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            data = re.sub(r"[ \t\r\n\f]+", " ", data)
            self.out.append(_BRACES.sub(lambda m: '{{ "' + m[0] + '" }}', data))


def tidy(text: str) -> str:
    """Trim every line and leave at most one empty line between paragraphs."""
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
    text = re.sub(r"[ \t]{3,}", "  ", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def text_of(html: str) -> str:
    """The plain text of a document; links as `label: address`, what is hidden left out."""
    walker = _Walker()
    walker.feed(html)
    walker.close()
    return tidy("".join(walker.out))
