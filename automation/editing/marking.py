"""Marks every block of a source with a class, so that the rendered mail can be clicked at."""

from __future__ import annotations

import re

from automation.editing.tree import Document

_MARK = re.compile(r"cw-b\d+(?:-outlook)? ?")
_EMPTY = re.compile(r' class="\s*"')
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)


def marked(document: Document) -> str:
    """The source, in which block n has the class `cw-b<n>`; its lines stay where they are."""
    splices: list[tuple[int, str]] = []
    for node in document.nodes:
        if node.is_logic:
            continue
        found = node.attributes.get("css-class")
        if found is not None:
            splices.append((found.value_start, f"cw-b{node.number} "))
        else:
            splices.append((node.start + 1 + len(node.name), f' css-class="cw-b{node.number}"'))
    parts, last = [], 0
    for at, text in sorted(splices):
        parts += [document.source[last:at], text]
        last = at
    return "".join([*parts, document.source[last:]])


def unmarked(html: str) -> str:
    """A rendered mail without the marks: as long as the one that is sent."""
    return _EMPTY.sub("", _MARK.sub("", html))


def themed(html: str, theme: str) -> str:
    """The mail as a reader sees it whose device is dark, or light, whatever this one is."""
    always, never = "(min-width: 0)", "(max-width: 0)"
    html = _DARK.sub(always if theme == "dark" else never, html)
    return _LIGHT.sub(never if theme == "dark" else always, html)
