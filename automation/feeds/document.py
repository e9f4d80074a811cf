"""What a feed says, whatever it is written in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a feed. Addresses are absolute, texts are plain, `html` is clean."""

    guid: str = ""
    """The feed's own name for it; empty where it gives none."""
    link: str = ""
    title: str = ""
    summary: str = ""
    html: str = ""
    image_url: str = ""
    author: str = ""
    published_at: datetime | None = None
    """Aware, in UTC; None where the feed gives no date, or none that can be read."""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A feed as it was read."""

    title: str = ""
    link: str = ""
    ttl: timedelta | None = None
    """How long the feed asks not to be fetched again."""
    items: tuple[Item, ...] = field(default_factory=tuple)
    """In the feed's own order, the newest usually first."""
