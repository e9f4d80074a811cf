"""Resolves <mj-include path="…"/> in text, from the files that came with the source and from nowhere else.

It also runs outside the render children: whatever is written, it takes time and room in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from automation.errors import TemplateBroken

MAX_DEPTH = 3
MAX_SOURCE = 512 * 1024
"""Bytes of a mail's source, with its includes in it."""
_NEXT = re.compile(r"<!--|<mj-include\b")
_CLOSE = re.compile(r"\s*</mj-include\s*>")
_PATH = re.compile(r"\bpath=(?:\"([^\"]*)\"|'([^']*)')")


def resolve(source: str, includes: Mapping[str, str]) -> str:
    """The source with every include replaced by its file.

    Raises TemplateBroken for a file that did not come with the source, for files that include one another without
    end, and for what becomes longer than a mail may be.
    """
    return "".join(_limited(_resolved(source, includes, 0)))


def _limited(parts: Iterator[str]) -> Iterator[str]:
    room = MAX_SOURCE
    for part in parts:
        room -= len(part.encode("utf-8", "replace"))
        if room < 0:
            raise TemplateBroken(f"The body is longer than {MAX_SOURCE // 1024} KB.", part="body")
        yield part


def _resolved(source: str, includes: Mapping[str, str], depth: int) -> Iterator[str]:
    written = 0
    for start, end, inside in _found(source):
        yield source[written:start]
        written = end
        path = _PATH.search(inside)
        name = (path[1] or path[2] or "") if path else ""
        line = source.count("\n", 0, start) + 1 if name not in includes or depth >= MAX_DEPTH else 0
        if name not in includes:
            known = ", ".join(sorted(includes)) or "none"
            raise TemplateBroken(
                f"There is no part “{name[:100]}” to include; there are: {known}.", part="body", line=line
            )
        if depth >= MAX_DEPTH:
            raise TemplateBroken(f"Includes can be nested {MAX_DEPTH} deep.", part="body", line=line)
        yield from _resolved(includes[name].strip("\n"), includes, depth + 1)
    yield source[written:]


def _found(source: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and attributes of every include outside comments. Each letter is looked at once."""
    at = 0
    while (mark := _NEXT.search(source, at)) is not None:
        if mark[0] == "<!--":
            end = source.find("-->", mark.end())
            if end < 0:
                return
            at = end + 3
            continue
        end = source.find(">", mark.end())
        if end < 0:
            return
        at = end + 1
        inside = source[mark.end() : end]
        if not inside.endswith("/"):
            close = _CLOSE.match(source, at)
            if close is None:
                continue
            at = close.end()
        yield mark.start(), at, inside
