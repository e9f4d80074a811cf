"""Finds the mistakes in MJML that its compiler passes over in silence: unknown elements and wrong closing tags."""

from __future__ import annotations

import re

from automation.errors import TemplateBroken
from automation.rendering.masking import Masked

KNOWN = frozenset(
    {
        "mjml",
        "mj-accordion",
        "mj-accordion-element",
        "mj-accordion-text",
        "mj-accordion-title",
        "mj-all",
        "mj-attributes",
        "mj-body",
        "mj-breakpoint",
        "mj-button",
        "mj-carousel",
        "mj-carousel-image",
        "mj-class",
        "mj-column",
        "mj-divider",
        "mj-font",
        "mj-group",
        "mj-head",
        "mj-hero",
        "mj-image",
        "mj-navbar",
        "mj-navbar-link",
        "mj-preview",
        "mj-raw",
        "mj-section",
        "mj-social",
        "mj-social-element",
        "mj-spacer",
        "mj-style",
        "mj-table",
        "mj-text",
        "mj-title",
        "mj-wrapper",
    }
)
MAX_DEPTH = 100
_TAG = re.compile(r"<!--.*?-->|<(/?)(mj[\w-]*)((?:\"[^\"]*\"|'[^']*'|[^<>\"'])*?)(/?)>", re.DOTALL)


def check(masked: Masked) -> None:
    """Raises TemplateBroken for the first mistake, with its line."""
    open_tags: list[tuple[str, int]] = []
    for tag in _TAG.finditer(masked.text):
        if not tag[2]:
            continue
        name, place = tag[2], tag.start()
        if name not in KNOWN:
            raise TemplateBroken(f"There is no element <{name}>.", part="body", line=masked.line(place))
        if tag[1]:
            expected = open_tags.pop()[0] if open_tags else None
            if expected != name:
                wanted = f"</{expected}>" if expected else "nothing more"
                raise TemplateBroken(f"</{name}> stands where {wanted} should.", part="body", line=masked.line(place))
        elif not tag[4]:
            open_tags.append((name, place))
            if len(open_tags) > MAX_DEPTH:
                raise TemplateBroken("The elements are nested too deeply.", part="body", line=masked.line(place))
    if open_tags:
        raise TemplateBroken(f"<{open_tags[-1][0]}> is never closed.", part="body", line=masked.line(open_tags[-1][1]))
