"""A text block's HTML as a browser may edit it, and back: Jinja becomes chips, styles become data.

Pages allow no inline styles and mails are full of them, so `style` and `href` travel as `data-style` and `data-href`.
What is too rich for that (tables, pictures, Jinja between attributes) is not offered; it is edited as code.
"""

from __future__ import annotations

import re
from html import escape, unescape
from html.parser import HTMLParser

from automation.errors import TemplateBroken
from automation.rendering.masking import end_of_tag

_TAGS = frozenset(
    {"p", "br", "strong", "b", "em", "i", "u", "s", "a", "span", "ul", "ol", "li", "h1", "h2", "h3", "sup", "sub"}
)
_SILENT = frozenset({"script", "style", "title", "iframe", "object", "textarea", "select", "svg"})
_OPENER = re.compile(r"\{[{%#]")
_MARK = re.compile("\ue000(\\d+)\ue001")
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_CHIP = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}|\{#[^{}]*#\}", re.DOTALL)
_OTHERWISE = re.compile(
    r"\{%[-+]?\s*(?:else|elif\b(?:(?!%\}).)*)\s*[-+]?%\}(?:(?!\{%[-+]?\s*(?:if|endif)\b).)*(?=\{%[-+]?\s*endif\b)",
    re.DOTALL,
)
_DEFAULT = re.compile(r"\|.*|\s*~.*|\s+if\s.*", re.DOTALL)


def label(jinja: str) -> str:
    """What a chip says: `{{ customer.first_name|default("there", true) }}` is “customer first name”."""
    inner = jinja[2:-2].strip("-+ \n\t")
    if jinja.startswith("{{"):
        inner = _DEFAULT.sub("", inner).strip()
    return inner.replace(".", " ").replace("_", " ")[:60] or "…"


def chip(jinja: str) -> str:
    """A merge tag as one letter of an editable text."""
    is_logic = "true" if jinja.startswith("{%") else "false"
    return (
        f'<span class="tag-chip" contenteditable="false" data-logic="{is_logic}" data-jinja="{escape(jinja)}">'
        f"{escape(label(jinja))}</span>"
    )


def _masked(content: str) -> tuple[str, list[str]]:
    parts: list[str] = []
    found: list[str] = []
    at = 0
    while (mark := _OPENER.search(content, at)) is not None:
        end = end_of_tag(content, mark.start())
        parts += [content[at : mark.start()], f"\ue000{len(found)}\ue001"]
        found.append(content[mark.start() : end])
        at = end
    return "".join([*parts, content[at:]]), found


class _Opening(HTMLParser):
    """From a mail's HTML to editable HTML."""

    def __init__(self, jinja: list[str]) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self.is_plain = True
        self._jinja = jinja

    def _restored(self, text: str) -> str:
        return _MARK.sub(lambda m: self._jinja[int(m[1])], text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        written = []
        for name, value in attrs:
            if name not in ("style", "href") or value is None:
                self.is_plain = False
                return
            written.append(f' data-{name}="{escape(self._restored(value))}"')
        self.is_plain = self.is_plain and tag in _TAGS
        self.out.append(f"<{tag}{''.join(written)}>")

    def handle_endtag(self, tag: str) -> None:
        self.is_plain = self.is_plain and tag in _TAGS
        if tag != "br":
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        data = data.replace("<", "&lt;").replace(">", "&gt;")
        self.out.append(_MARK.sub(lambda m: chip(self._jinja[int(m[1])]), data))

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        del data
        self.is_plain = False

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)

    def unknown_decl(self, data: str) -> None:
        self.handle_comment(data)

    def handle_pi(self, data: str) -> None:
        self.handle_comment(data)


def to_editable(content: str) -> str | None:
    """Editable HTML; None for what is better edited as code."""
    if "\ue000" in content:
        return None
    try:
        masked, jinja = _masked(content)
    except TemplateBroken:
        return None
    reader = _Opening(jinja)
    reader.feed(masked)
    reader.close()
    return "".join(reader.out).strip() if reader.is_plain else None


class _Closing(HTMLParser):
    """From edited HTML to a mail's HTML: only what is known comes through."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self._open: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "br":
            self.out.append("" if self._silent else "<br>")
            return
        name = {"b": "strong", "i": "em", "div": "p"}.get(tag, tag)
        jinja = given.get("data-jinja", "")
        if self._silent or tag in _SILENT or jinja:
            if not self._silent and _JINJA.fullmatch(jinja):
                self.out.append(jinja)
            self._silent += 1
            self._open.append("")
            return
        style, href = given.get("data-style", ""), given.get("data-href", "")
        if name not in _TAGS or (name == "span" and not style) or (name == "a" and not _is_link(href)):
            self._open.append("")
            return
        # The paragraphs that a browser makes have no style of their own; a mail's have no margin above.
        attributes = f' href="{_attribute(href)}"' if name == "a" else ""
        attributes += f' style="{_attribute(style)}"' if style else ""
        self.out.append(f"<{name}{attributes}>")
        self._open.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "br" or not self._open:
            return
        name = self._open.pop()
        if name:
            self.out.append(f"</{name}>")
        elif self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.out.append(data.replace("\u00a0", "&nbsp;").replace("\u200b", ""))

    def handle_entityref(self, name: str) -> None:
        if not self._silent:
            self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        if not self._silent:
            self.out.append(f"&#{name};")


def _attribute(value: str) -> str:
    parts = re.split(f"({_JINJA.pattern})", value, flags=re.DOTALL)
    return "".join(p if n % 2 else escape(p) for n, p in enumerate(parts))


def _is_link(href: str) -> bool:
    plain = re.sub(r"[\x00-\x20]", "", href).lower()
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", plain)
    return bool(plain) and (scheme is None or scheme[1] in ("http", "https", "mailto", "tel", "sms"))


def from_editable(html: str) -> str:
    """A mail's HTML from what a browser sent: known tags, links and styles; scripts and everything else are dropped."""
    reader = _Closing()
    reader.feed(html)
    reader.close()
    # A merge tag that was typed by hand was escaped by the browser like any other text.
    text = _CHIP.sub(lambda m: unescape(m[0]), "".join(reader.out))
    return re.sub(r"(?:<p>(?:<br>)?</p>)+$", "", text.strip())


def plain(text: str) -> str:
    """A text as a line that hints at it: merge tags by their name, of a condition only what is said when it holds."""
    text = _OTHERWISE.sub(" ", text)
    text = _JINJA.sub(lambda m: f"‹{label(m[0])}›" if m[0].startswith("{{") else "", text)
    return " ".join(unescape(re.sub(r"<!--.*?-->|<[^>]*>", " ", text, flags=re.DOTALL)).split())
