"""What is worth a second look before a mail goes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from automation.editing.tree import Document
from automation.rendering.compile import MAX_HTML
from automation.rendering.context import NAMES
from automation.rendering.mail import Compiled, Rendered

LONG_SUBJECT = 60
"""Letters; phones show fewer."""
LEAST_CONTRAST = 4.5
"""Of small text against its ground: WCAG 2.2, success criterion 1.4.3."""
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_LOUD = re.compile(r"\b(?:free money|act now|100% free|risk[- ]free|winner|cash bonus|click here)\b", re.IGNORECASE)
_LITERAL = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)


class Finding(NamedTuple):
    """Something to put right. `block` is the number of the block it is in, where it is in one."""

    severity: str
    """danger or warning."""
    text: str
    block: int | None = None


def findings(document: Document, compiled: Compiled, rendered: Rendered) -> list[Finding]:
    """What is wrong or doubtful, the worst first."""
    found = [*_names(compiled), *_blocks(document), *_compiled(compiled), *_subject(rendered), *_links(compiled)]
    return sorted(found, key=lambda f: f.severity)


def _names(compiled: Compiled) -> Iterator[Finding]:
    for name in compiled.names:
        if name not in NAMES:
            yield Finding("danger", f"There is nothing called “{name}”: this merge tag stays empty.")


def _blocks(document: Document) -> Iterator[Finding]:
    for node in document.nodes:
        if node.name == "mj-image" and "alt" not in node.attributes:
            yield Finding("warning", "This picture has no alternative text.", node.number)
        if node.name == "mj-button" and not document.value(node, "href"):
            yield Finding("danger", f"The button “{document.words(node, 30)}” leads nowhere.", node.number)
        ink, ground = document.value(node, "color"), document.value(node, "background-color")
        ratio = contrast(ink, ground)
        if ratio is not None and ratio < LEAST_CONTRAST:
            yield Finding("warning", f"{ink} on {ground} is hard to read: contrast {ratio:.1f}.", node.number)


def _compiled(compiled: Compiled) -> Iterator[Finding]:
    for warning in compiled.warnings:
        # Size is measured on the finished mail, and pictures are named with their block.
        if "Gmail" in warning or "alternative text" in warning:
            continue
        yield Finding("danger" if "unsubscribe" in warning else "warning", warning)


def _subject(rendered: Rendered) -> Iterator[Finding]:
    subject = rendered.subject
    if not subject:
        yield Finding("danger", "The mail has no subject.")
    if len(subject) > LONG_SUBJECT:
        yield Finding("warning", f"The subject has {len(subject)} letters; phones show about {LONG_SUBJECT}.")
    letters = [c for c in subject if c.isalpha()]
    if len(letters) > 8 and sum(c.isupper() for c in letters) > len(letters) * 0.6:
        yield Finding("warning", "The subject shouts: filters take capitals for advertising.")
    if subject.count("!") > 1 or _LOUD.search(subject):
        yield Finding("warning", "The subject sounds like advertising that nobody asked for.")


def _links(compiled: Compiled) -> Iterator[Finding]:
    for link in compiled.links:
        if not link.is_dynamic and link.url.lower().startswith("http://"):
            yield Finding("warning", f"The link {link.url[:80]} is not https.")


def size_of(html: str) -> tuple[int, int]:
    """Bytes of a finished mail, and after how many Gmail cuts it off."""
    return len(html.encode()), MAX_HTML


def contrast(ink: str, ground: str) -> float | None:
    """The contrast of two colours (WCAG 2.2, relative luminance); None unless both are written out as #rgb."""
    shades = [_luminance(c) for c in (ink, ground)]
    if None in shades:
        return None
    dark, light = sorted(s for s in shades if s is not None)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float | None:
    found = _HEX.fullmatch(_LITERAL.sub("", colour.strip()))
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(c * 2 for c in found[1])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
