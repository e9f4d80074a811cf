"""HTML of strangers, made fit for a mail: a short list of elements, absolute addresses, no script, no style."""

from __future__ import annotations

import re
from collections import Counter
from html import escape, unescape
from urllib.parse import urljoin, urlsplit

import nh3

LONGEST = 200_000
"""Characters of one item's HTML that are looked at."""
KEPT = 20_000
"""Characters of it that are kept."""
SUMMARY = 500
_TAGS = {
    "a", "b", "blockquote", "br", "code", "em", "figcaption", "figure", "h2", "h3", "h4", "hr", "i", "img", "li",
    "ol", "p", "pre", "strong", "u", "ul",
}  # fmt: skip
_GONE = {"script", "style", "iframe", "object", "embed", "noscript", "template", "svg", "math", "title", "textarea"}
_ATTRIBUTES = {"a": {"href"}, "img": {"src", "alt", "width", "height"}}
_BLOCK = re.compile(r"<(?:/p|/h\d|/li|/div|/tr|br\s*/?)>", re.IGNORECASE)
_IMAGE = re.compile(r'<img [^>]*?src="(https?://[^"]+)"', re.IGNORECASE)
_TINY = re.compile(r'<img (?=[^>]*\b(?:width|height)="[01](?:px)?")[^>]*>', re.IGNORECASE)
_WEB = ("http", "https")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_ANY_TAG = re.compile("<[^<>]*>")
_CLOSED_BY_ITSELF = frozenset(
    {"br", "img", "hr", "p", "li", "td", "th", "tr", "dt", "dd", "wbr", "source", "input", "option"}
)
MOST_TAGS, MOST_OPEN = 5_000, 64
"""HTML with more of them is taken for its text: the time to read it grows with the square of what is open."""


def absolute(address: str, seat: str) -> str:
    """An address as a mail can use it, seen from `seat`; empty when it is not one of the web's."""
    if not address.strip():
        return ""
    try:
        found = urljoin(seat, address.strip())
        parts = urlsplit(found)
    except ValueError:
        return ""
    is_whole = parts.scheme in _WEB and parts.netloc and len(found) <= 2000
    return found if is_whole and not re.search(r"[\s<>\"\x00-\x1f]", found) else ""


def _tame(html: str) -> str:
    html = html[:LONGEST]
    opened: Counter[str] = Counter()
    for count, (is_end, name) in enumerate(_TAG.findall(html)):
        word = name.lower()
        if word not in _CLOSED_BY_ITSELF:
            opened[word] = max(0, opened[word] + (-1 if is_end else 1))
        if count >= MOST_TAGS or (not is_end and opened.total() > MOST_OPEN):
            return escape(" ".join(unescape(_ANY_TAG.sub(" ", html)).split()))
    return html


def clean(html: str, seat: str = "") -> str:
    """HTML that may stand in a mail; `seat` is what relative addresses are relative to."""

    def kept(_element: str, attribute: str, value: str) -> str | None:
        if attribute in {"href", "src"}:
            return absolute(value, seat) or None
        return value[:300]

    made = nh3.clean(
        _tame(html),
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=kept,
        url_schemes=set(_WEB),
        link_rel=None,
    )
    made = _TINY.sub("", made).replace("<img>", "")
    if len(made) > KEPT:  # cut, and what was cut open is closed again
        cut = made[:KEPT]
        if cut.rfind("<") > cut.rfind(">"):
            cut = cut[: cut.rfind("<")]
        made = nh3.clean(cut, tags=_TAGS, attributes=_ATTRIBUTES, link_rel=None)
    return made.strip()


def plain(html: str, longest: int = SUMMARY) -> str:
    """The text of HTML in one line, at most so long, cut between words."""
    text = nh3.clean(_BLOCK.sub(" ", _tame(html)), tags=set(), clean_content_tags=_GONE)
    text = " ".join(unescape(text).split())
    if len(text) <= longest:
        return text
    return text[: longest - 1].rpartition(" ")[0].rstrip(",;:–-") + "…"


def first_image(html: str) -> str:
    """The address of the first picture of cleaned HTML; empty without one."""
    found = _IMAGE.search(html)
    return unescape(found.group(1)) if found else ""
