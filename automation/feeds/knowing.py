"""Which items of a feed are new.

An item is what its guid says, else its link, else its title and date. Feeds are careless with all three: software
changes guids, links get trackers, a moved site changes both. So an item that nobody knows by its own name is also
looked for by its link (without trackers) and by its title and date. It is taken for the known one only if that one no
longer stands in the feed under its own name: two posts may share a link or a title, one post is not there twice.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import parse_qsl, urlencode, urlsplit

from automation.feeds.document import Document, Item

_TRACKERS = frozenset({"fbclid", "gclid", "dclid", "msclkid", "mc_cid", "mc_eid", "igshid", "wt_mc", "_ga", "yclid"})


@dataclass(frozen=True, slots=True)
class Names:
    """The names that an item is known by; each is a hash."""

    key: str
    link: str | None
    """None where the link does not tell it from others."""
    twin: str | None
    """Title and date; None where these do not tell it from others."""


def _hash(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()[:40]


def plain_link(url: str) -> str:
    """A link without what does not matter: scheme, www, trackers, the order of parameters, a slash at the end."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    asked = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name.lower() not in _TRACKERS and not name.lower().startswith("utm_")
    ]
    fragment = f"#{parts.fragment}" if parts.fragment and "=" not in parts.fragment else ""
    query = f"?{urlencode(sorted(asked))}" if asked else ""
    return f"{host}{parts.path.rstrip('/')}{query}{fragment}"


def names_of(document: Document) -> list[tuple[Item, Names]]:
    """Every item of a feed with its names; one that stands there twice only once."""
    links = Counter(plain_link(item.link) for item in document.items if item.link)
    home = plain_link(document.link) if document.link else ""
    found: dict[str, tuple[Item, Names]] = {}
    for item in document.items:
        link = plain_link(item.link) if item.link else ""
        tells = bool(link) and links[link] == 1 and link != home and "/" in link
        names = Names(_key(item, link), _hash("link", link) if tells else None, _twin(item))
        found.setdefault(names.key, (item, names))
    return list(found.values())


def _key(item: Item, link: str) -> str:
    if item.guid:
        return _hash("guid", item.guid)
    if link:
        return _hash("link", link)
    at = item.published_at.isoformat() if item.published_at else ""
    # Without a title and a date there is still the text.
    return _hash("text", f"{item.title}\n{at}" + ("" if item.title else f"\n{item.summary}"))


def _twin(item: Item) -> str | None:
    at = item.published_at
    # A date without an hour comes as midnight: too little to tell two posts called "News" apart.
    if at is None or not item.title or at.astimezone(UTC).strftime("%H%M%S") == "000000":
        return None
    return _hash("twin", f"{item.title.casefold()}\n{at.isoformat()}")


@dataclass(frozen=True, slots=True)
class Known:
    """The names of an item that was seen before."""

    key: str
    link: str | None
    twin: str | None


@dataclass(frozen=True, slots=True)
class Sorted:
    """A feed's items, told apart."""

    new: list[tuple[Item, Names]]
    renamed: list[tuple[Item, Names]]
    """Known ones that go by another name now."""
    again: list[str]
    """Keys of known ones that still stand there."""


def tell_apart(items: Sequence[tuple[Item, Names]], known: Iterable[Known]) -> Sorted:
    """Sort a feed's items by whether they are known. `known` are those that share any name with one of them."""
    here = {names.key for _, names in items}
    known = list(known)
    keys = {row.key for row in known}
    gone = [row for row in known if row.key not in here]
    links, twins = {row.link for row in gone} - {None}, {row.twin for row in gone} - {None}
    found = Sorted([], [], [])
    for item, names in items:
        if names.key in keys:
            found.again.append(names.key)
        elif names.link in links or names.twin in twins:
            found.renamed.append((item, names))
        else:
            found.new.append((item, names))
    return found
