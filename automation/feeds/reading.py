"""A feed's bytes → what it says: RSS 0.9 to 2.0, Atom 0.3 and 1.0, JSON Feed 1 and 1.1.

Sources: rssboard.org/rss-specification, web.resource.org/rss/1.0, RFC 4287, jsonfeed.org/version/1.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urljoin

import orjson

from automation.errors import Unreadable
from automation.feeds.cleaning import absolute, clean, first_image, plain
from automation.feeds.dates import instant_of
from automation.feeds.document import Document, Item
from automation.feeds.markup import Element, decoded, parse

MOST_ITEMS = 500
"""Of a longer feed the first so many are read."""
_MARKUP = re.compile(r"<[a-zA-Z/!]|&[a-zA-Z#]")
_ALTERNATE = re.compile(
    r"""<link\b(?=[^>]*\btype\s*=\s*["']application/(?:rss\+xml|atom\+xml|feed\+json)["'])"""
    r"""[^>]*?\bhref\s*=\s*["']([^"'>]{1,1000})["']""",
    re.IGNORECASE,
)


def read(body: bytes, url: str, charset: str = "") -> Document:
    """What a feed says; `url` is where it was found. Raises Unreadable, with what it is instead."""
    text = decoded(body, charset)
    start = text.lstrip("\ufeff \t\r\n\x00")
    if start.startswith("{"):
        return _json(start, url)
    if not start.startswith("<"):
        raise Unreadable("This is not a feed." if start else "The answer is empty.")
    if re.match(r"<!doctype html|<html", start, re.IGNORECASE):
        raise Unreadable(_said_of_a_page(start, url))
    root = parse(start)
    match root.name:
        case "rss" | "rdf:RDF" | "RDF":
            return _rss(root, url)
        case "feed":
            return _atom(root, url)
        case _:
            raise Unreadable(f"This is XML, but not a feed: its root is <{root.name[:60]}>.")


def _said_of_a_page(html: str, url: str) -> str:
    found = _ALTERNATE.search(html[:200_000])
    address = absolute(unescape(found.group(1)), url) if found else ""
    return "This is a web page, not a feed." + (f" The feed it names is {address}" if address else "")


def _words(text: str) -> str:
    """A title, which half of the world writes as HTML and the other half as text."""
    return plain(text) if _MARKUP.search(text) else " ".join(text.split())[:500]


def _text(element: Element | None) -> str:
    return element.text if element is not None else ""


def _seat(element: Element, seat: str) -> str:
    """What relative addresses in an element are relative to."""
    given = element.attributes.get("xml:base", "")
    try:
        return urljoin(seat, given) if given else seat
    except ValueError:  # "http://[half an address"
        return seat


# RSS


def _rss(root: Element, url: str) -> Document:
    channel = root.find("channel") or root
    seat = _seat(channel, _seat(root, url))
    link = absolute(_text(channel.find("link")), seat)
    # In RSS 1.0 the items stand beside the channel.
    items = channel.all("item") or root.all("item")
    minutes = _text(channel.find("ttl"))
    return Document(
        title=_words(_text(channel.find("title"))),
        link=link,
        ttl=timedelta(minutes=min(int(minutes), 10_080)) if re.fullmatch("[0-9]{1,6}", minutes) else None,
        items=tuple(_rss_item(item, seat) for item in items[:MOST_ITEMS]),
    )


def _rss_item(item: Element, seat: str) -> Item:
    seat = _seat(item, seat)
    guid = _text(item.find("guid", "id")) or item.attributes.get("rdf:about", "")
    body = _text(item.find("content:encoded", "xhtml:body", "content"))
    description = _text(item.find("description", "summary", "itunes:summary", "media:description"))
    link = absolute(_text(item.find("link")), seat) or _alternate(item, seat)
    guid_element = item.find("guid")
    is_link = guid_element is None or guid_element.attributes.get("isPermaLink", "true").lower() != "false"
    if not link and is_link and guid.startswith(("http://", "https://")):
        link = absolute(guid, seat)
    html = clean(body or description, seat)
    return Item(
        guid=guid[:2000],
        link=link,
        title=_words(_text(item.find("title", "dc:title", "media:title"))),
        summary=plain(description or body),
        html=html,
        image_url=_picture(item, seat) or first_image(html),
        author=_words(_text(item.find("dc:creator", "author", "itunes:author")))[:200],
        published_at=instant_of(
            _text(item.find("pubDate", "dc:date", "published", "dcterms:created", "date", "updated"))
        ),
        categories=tuple(c for e in item.all("category", "dc:subject")[:20] if (c := _words(e.text)[:100])),
    )


def _picture(item: Element, seat: str) -> str:
    holders = [item, *item.all("media:group")]
    for holder in holders:
        for found in holder.all("media:content", "enclosure"):
            kind = found.attributes.get("type", "") or found.attributes.get("medium", "")
            if kind.startswith("image") and (address := absolute(found.attributes.get("url", ""), seat)):
                return address
        for name, attribute in (("media:thumbnail", "url"), ("itunes:image", "href")):
            found_one = holder.find(name)
            if found_one is not None and (address := absolute(found_one.attributes.get(attribute, ""), seat)):
                return address
    return ""


def _alternate(element: Element, seat: str) -> str:
    links = [e for e in element.all("link", "atom:link") if e.attributes.get("href")]
    pages = [e for e in links if e.attributes.get("rel", "alternate") == "alternate"]
    pages.sort(key=lambda e: e.attributes.get("type", "text/html") not in {"text/html", "application/xhtml+xml"})
    return absolute(pages[0].attributes["href"], _seat(pages[0], seat)) if pages else ""


# Atom


def _atom(root: Element, url: str) -> Document:
    seat = _seat(root, url)
    return Document(
        title=_atom_text(root.find("title")),
        link=_alternate(root, seat),
        items=tuple(_entry(entry, seat) for entry in root.all("entry")[:MOST_ITEMS]),
    )


def _entry(entry: Element, seat: str) -> Item:
    seat = _seat(entry, seat)
    content, summary = entry.find("content"), entry.find("summary", "media:description")
    link = _alternate(entry, seat)
    if not link and content is not None and content.attributes.get("src"):
        link = absolute(content.attributes["src"], seat)
    html = clean(_atom_html(content) or _atom_html(summary), _seat(content, seat) if content is not None else seat)
    author = entry.find("author")
    enclosures = [e for e in entry.all("link") if e.attributes.get("rel") == "enclosure"]
    pictures = [e.attributes.get("href", "") for e in enclosures if e.attributes.get("type", "").startswith("image/")]
    return Item(
        guid=_text(entry.find("id"))[:2000],
        link=link,
        title=_atom_text(entry.find("title")),
        summary=plain(_atom_html(summary) or _atom_html(content)),
        html=html,
        image_url=_picture(entry, seat) or (absolute(pictures[0], seat) if pictures else "") or first_image(html),
        author=_words(_text(author.find("name")) if author is not None else "")[:200],
        published_at=instant_of(_text(entry.find("published", "issued", "created", "updated", "modified"))),
        categories=tuple(
            c
            for e in entry.all("category")[:20]
            if (c := _words(e.attributes.get("label") or e.attributes.get("term", ""))[:100])
        ),
    )


def _atom_text(element: Element | None) -> str:
    """A title: in Atom its type says whether it is HTML."""
    if element is None:
        return ""
    is_markup = element.attributes.get("type", "text") in {"html", "text/html"}
    return plain(element.text) if is_markup else " ".join(element.text.split())[:500]


def _atom_html(element: Element | None) -> str:
    if element is None:
        return ""
    kind = element.attributes.get("type", "text").lower()
    if kind in {"xhtml", "application/xhtml+xml"} or (next(element.children, None) and kind.endswith("html")):
        return element.html()
    text = element.text
    # Atom 0.3 wrote HTML without saying so.
    return text if kind in {"html", "text/html"} or _MARKUP.search(text) else text.replace("<", "&lt;")


# JSON Feed


def _json(text: str, url: str) -> Document:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"This is not valid JSON: {error}.") from error
    if not isinstance(found, dict) or "jsonfeed.org" not in str(found.get("version", "")):
        raise Unreadable("This is JSON, but not a feed: it has no version of jsonfeed.org.")
    items = found.get("items")
    rows = [row for row in items if isinstance(row, dict)] if isinstance(items, list) else []
    return Document(
        title=_words(_string(found, "title")),
        link=absolute(_string(found, "home_page_url"), url) if found.get("home_page_url") else "",
        items=tuple(_json_item(row, url) for row in rows[:MOST_ITEMS]),
    )


def _string(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _json_item(row: dict[str, Any], url: str) -> Item:
    get: Callable[[str], str] = lambda name: _string(row, name)  # noqa: E731  four letters for what is said ten times
    as_text = get("content_text").replace("&", "&amp;").replace("<", "&lt;")
    html = clean(get("content_html") or "<br>".join(as_text.splitlines()), url)
    authors = row.get("authors") or [row.get("author")]
    author = authors[0] if isinstance(authors, list) and isinstance(authors[0], dict) else {}
    tags = row.get("tags")
    pictures = (get(name) for name in ("image", "banner_image"))
    return Item(
        guid=get("id")[:2000],
        link=next((a for n in ("url", "external_url") if get(n) and (a := absolute(get(n), url))), ""),
        title=_words(get("title")),
        summary=_words(get("summary")) or plain(html),
        html=html,
        image_url=next((a for p in pictures if p and (a := absolute(p, url))), "") or first_image(html),
        author=_words(_string(author, "name"))[:200],
        published_at=instant_of(get("date_published") or get("date_modified")),
        categories=tuple(_words(t)[:100] for t in tags[:20] if isinstance(t, str)) if isinstance(tags, list) else (),
    )
