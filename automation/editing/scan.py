"""Walks an MJML source once and names its pieces with their places: MJML tags and Jinja tags, nothing else.

It sees what `rendering.masking` sees: Jinja inside an attribute or a comment ends neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from automation.errors import TemplateBroken
from automation.rendering.masking import end_of_tag

_MARK = re.compile(r"\{[{%#]|<!--|</?[A-Za-z][\w:-]*")
_IN_COMMENT = re.compile(r"\{[{%#]|-->")
_IN_TAG = re.compile(r"\{[{%#]|[\"'>]")
_NAME = re.compile(r"([\w:.-]+)\s*=\s*$")
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute's place. `start` is its name's, `value_start` to `value_end` what stands between the quotes."""

    name: str
    start: int
    value_start: int
    value_end: int

    @property
    def end(self) -> int:
        """Behind its closing quote."""
        return self.value_end + 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A tag. `kind` is open, empty, close (of MJML) or jinja; a Jinja statement's name is its first word."""

    kind: str
    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...] = field(default=())


def pieces(source: str) -> Iterator[Piece]:
    """The tags of a source in order. Raises TemplateBroken, with its line, for one that is never closed."""
    at = 0
    while (found := _MARK.search(source, at)) is not None:
        start, mark = found.start(), found[0]
        if mark[0] == "{":
            at = end_of_tag(source, start)
            word = _WORD.match(source, start)
            yield Piece("jinja", word[1] if word else "", start, at)
        elif mark == "<!--":
            at = _end_of_comment(source, found.end())
        else:
            at, attributes = _end_of_element(source, start, found.end())
            name = mark.lstrip("</")
            if name.startswith("mj"):
                kind = "close" if mark[1] == "/" else "empty" if source[at - 2] == "/" else "open"
                yield Piece(kind, name, start, at, tuple(attributes))


def _end_of_comment(source: str, at: int) -> int:
    while (found := _IN_COMMENT.search(source, at)) is not None:
        if found[0] == "-->":
            return found.end()
        at = end_of_tag(source, found.start())
    return len(source)


def _end_of_element(source: str, start: int, at: int) -> tuple[int, list[Attribute]]:
    attributes: list[Attribute] = []
    quote, value_start, written = "", 0, at
    while (found := _IN_TAG.search(source, at)) is not None:
        mark, at = found[0], found.end()
        if mark[0] == "{":
            at = end_of_tag(source, found.start())
        elif mark == ">" and not quote:
            return at, attributes
        elif mark == quote:
            named = _NAME.search(source, written, value_start - 1)
            if named is not None:
                attributes.append(Attribute(named[1], named.start(), value_start, found.start()))
            quote, written = "", at
        elif mark != ">" and not quote:
            quote, value_start = mark, at
    raise TemplateBroken(
        f"{source[start : start + 40].splitlines()[0]}… is never closed by >.",
        part="body",
        line=source.count("\n", 0, start) + 1,
    )
