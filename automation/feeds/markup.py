"""XML as feeds write it, read without anything that makes XML dangerous.

Expat reads it in one pass. A document type may be named, as RSS 0.91 does, but may not declare anything: entities
that expand, and files or addresses that are read along, cannot be. Depth and number of elements have limits. What is
wrong in the wild and harmless is put right: control characters, HTML's names for characters (&nbsp;), a bare "&", a
prefix that was never declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from html.entities import name2codepoint
from xml.parsers import expat

from automation.errors import Unreadable

MOST_ELEMENTS = 50_000
DEEPEST = 100
_SPACES = {
    "http://www.w3.org/2005/atom": "",
    "http://purl.org/atom/ns#": "",
    "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://channel.netscape.com/rdf/simple/0.9/": "",
    "http://backend.userland.com/rss2": "",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.w3.org/xml/1998/namespace": "xml",
}
"""Namespace → the prefix it goes by here, whichever the document gave it; "" for the feed's own words."""
_ENCODINGS = re.compile(
    r"utf-?(8|16)([-_]?(le|be|sig))?|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|windows-?125\d|cp125\d|koi8-[ru]"
    r"|big5|gb(2312|k|18030)|shift[-_]jis|euc-(jp|kr)|macintosh",
    re.IGNORECASE,
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,300}\?>")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NAMED = re.compile("&([A-Za-z][A-Za-z0-9]{1,9});")
_BARE = re.compile(r"&(?!(?:[A-Za-z][A-Za-z0-9]{1,9}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});)")
_OF_XML = frozenset({"lt", "gt", "amp", "quot", "apos"})


@dataclass(slots=True)
class Element:
    """An element: its name with the prefix that `_SPACES` gives it, its attributes, and what is in it."""

    name: str
    attributes: dict[str, str]
    parts: list[str | Element] = field(default_factory=list)

    @property
    def children(self) -> Iterator[Element]:
        """The elements right inside."""
        return (part for part in self.parts if isinstance(part, Element))

    def find(self, *names: str) -> Element | None:
        """The first child of the first of these names that there is."""
        for name in names:
            for child in self.children:
                if child.name == name:
                    return child
        return None

    def all(self, *names: str) -> list[Element]:
        """All children of these names."""
        return [child for child in self.children if child.name in names]

    @property
    def text(self) -> str:
        """All text inside, at any depth."""
        found: list[str] = []
        waiting: list[str | Element] = [self]
        while waiting:
            part = waiting.pop()
            if isinstance(part, str):
                found.append(part)
            else:
                waiting.extend(reversed(part.parts))
        return "".join(found).strip()

    def html(self) -> str:
        """What is inside, as HTML: for XHTML that stands in a feed as elements."""
        return "".join(escape(p) if isinstance(p, str) else p.outer_html() for p in self.parts)

    def outer_html(self) -> str:
        """The same, with the element itself."""
        # Only up to DEEPEST levels: nothing deeper was read.
        name = self.name.rpartition(":")[2]
        attributes = "".join(f' {n}="{escape(v)}"' for n, v in self.attributes.items() if ":" not in n)
        if not self.parts and name in {"br", "img", "hr"}:
            return f"<{name}{attributes}>"
        return f"<{name}{attributes}>{self.html()}</{name}>"


def decoded(body: bytes, charset: str = "") -> str:
    """A body as text: by its byte order mark, what the server says, what it says itself, else UTF-8 or Windows-1252."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if body.startswith(mark):
            return body.decode(name, "replace")
    declared = _DECLARED.match(body)
    for name in (charset.strip("\"' "), declared.group(1).decode() if declared else "", "utf-8"):
        if name and _ENCODINGS.fullmatch(name):
            try:
                return body.decode(name)
            except (LookupError, UnicodeDecodeError):
                continue
    return body.decode("cp1252", "replace")


def parse(text: str) -> Element:
    """The root of a document. Raises Unreadable, with where and why."""
    text = _FORBIDDEN.sub("", _DECLARATION.sub("", text.lstrip("\ufeff"), count=1)).lstrip()
    text = _NAMED.sub(_character, text)
    try:
        return _Tree().read(text)
    except expat.ExpatError as error:
        if "&" in text:
            mended = _BARE.sub("&amp;", text)
            if mended != text:
                return parse(mended)
        raise Unreadable(f"This is not well-formed XML: {error}.") from error


def _character(found: re.Match[str]) -> str:
    name = found.group(1)
    return found.group(0) if name in _OF_XML or name not in name2codepoint else chr(name2codepoint[name])


class _Tree:
    """What expat tells, put together as elements."""

    def __init__(self) -> None:
        self._open: list[Element] = []
        self._spaces: list[dict[str, str]] = [{"xml": "xml"}]
        self._root: Element | None = None
        self._count = 0

    def read(self, text: str) -> Element:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(text.encode(), True)
        if self._root is None:
            raise Unreadable("There is nothing in it.")
        return self._root

    def _doctype(self, _name: str, _system: str | None, _public: str | None, has_subset: int) -> None:
        if has_subset:
            raise Unreadable("It declares its own document type, which feeds have no use for.")

    def _entity(self, *_declared: object) -> None:
        raise Unreadable("It declares entities, which feeds have no use for.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) >= DEEPEST:
            raise Unreadable("It has too many elements, or they are nested too deeply.")
        spaces = self._spaces[-1]
        declared = {n.partition(":")[2]: v for n, v in attributes.items() if n == "xmlns" or n.startswith("xmlns:")}
        if declared:
            spaces = {**spaces, **{prefix: self._word(prefix, uri) for prefix, uri in declared.items()}}
        self._spaces.append(spaces)
        plain = {self._named(n, {**spaces, "": ""}): v for n, v in attributes.items() if not n.startswith("xmlns")}
        element = Element(self._named(name, spaces), plain)
        if self._open:
            self._open[-1].parts.append(element)
        else:
            self._root = element
        self._open.append(element)

    @staticmethod
    def _word(prefix: str, uri: str) -> str:
        return _SPACES.get(uri.strip().lower(), prefix)

    @staticmethod
    def _named(name: str, spaces: dict[str, str]) -> str:
        prefix, _, local = name.rpartition(":")
        word = spaces.get(prefix, prefix)
        return f"{word}:{local}" if word else local

    def _end(self, _name: str) -> None:
        self._open.pop()
        self._spaces.pop()

    def _text(self, data: str) -> None:
        if self._open:
            self._open[-1].parts.append(data)
