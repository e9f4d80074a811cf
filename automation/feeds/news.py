"""The rows of feeds: which are due, and what a fetch brought.

When a feed is first read, what stands in it counts as seen. After that each new item becomes an event, at the moment
it is found rather than at the date it bears: a post that is dated back must not fall behind the last issue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.orm import Session

from automation import bulk
from automation.errors import CartwheelError, Later, Refused, Unreadable
from automation.feeds.document import Document, Item
from automation.feeds.fetching import Fetched, Gone, fetch
from automation.feeds.knowing import Known, Names, Sorted, names_of, tell_apart
from automation.feeds.reading import read
from automation.intake.noting import keep
from automation.models import Event, Feed, FeedItem
from automation.upsert import table_of

ITEM = "feed.item_published"
"""The event that tells of an item."""
AT_ONCE = 4
"""Feeds fetched in one call."""
LEASE = timedelta(minutes=5)
MOST_TOLD = 20
"""New items of one fetch that are told, the newest: more than that is a feed that changed its ways."""
SETTLES = timedelta(seconds=5)
"""An item counts from a moment after it was written down: until then its transaction has ended, and no issue that
goes out meanwhile can have passed it over."""
FORGOTTEN = timedelta(days=400)
"""After so long out of the feed an item is forgotten."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(days=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Visit:
    """A feed that is being fetched, and what came of it."""

    feed: Feed
    fetched: Fetched | None = None
    document: Document | None = None
    error: CartwheelError | None = None


def due(now: datetime) -> Select[Feed]:
    """Feeds to fetch now."""
    return select(Feed).where(Feed.state == "active", Feed.due_at <= now)


def claim(session: Session, now: datetime) -> list[Visit]:
    """Take the feeds that are due longest; the claim moves them to the end of its lease."""
    rows = session.scalars(
        due(now).order_by(Feed.due_at, Feed.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.fence += 1
        row.due_at = now + LEASE
    session.flush()
    session.expunge_all()
    return [Visit(row) for row in rows]


def visit(http: httpx.Client, trip: Visit, now: datetime) -> None:
    """Fetch and read a feed; whatever goes wrong is kept on the visit."""
    feed = trip.feed
    try:
        trip.fetched = fetch(http, feed.url, now, feed.etag, feed.last_modified)
        if trip.fetched.body is not None:
            trip.document = read(trip.fetched.body, trip.fetched.seat, trip.fetched.charset)
    except CartwheelError as error:
        trip.error = error
    except Exception as error:  # noqa: BLE001  a stranger's bytes may upset any reader; the feed's page says how
        trip.error = Later(f"{type(error).__name__}: {error}")


def record(session: Session, trip: Visit, now: datetime) -> int:
    """Write down what a visit brought, if nobody else has visited since; how many items are new."""
    feed = session.scalars(select(Feed).where(Feed.id == trip.feed.id).with_for_update()).one_or_none()
    if feed is None or feed.fence != trip.feed.fence:
        return 0
    feed.updated_at = now
    if trip.error is not None:
        _fail(feed, trip.error, now)
        return 0
    assert trip.fetched is not None
    feed.url, feed.failures, feed.message, feed.fetched_at = trip.fetched.url[:2000], 0, "", now
    told = 0
    ttl = timedelta()
    if trip.document is not None:
        feed.etag, feed.last_modified = trip.fetched.etag, trip.fetched.last_modified
        ttl = trip.document.ttl or ttl
        told = _take(session, feed, trip.document, now)
    feed.due_at = now + pause(feed, max(trip.fetched.rest, ttl))
    return told


def pause(feed: Feed, asked: timedelta) -> timedelta:
    """How long until the next visit: the feed's own interval or what its server asks for, and up to a tenth more.

    The tenth is drawn from the feed's name and the visit's number, so that feeds of one server drift apart.
    """
    span = max(timedelta(minutes=feed.every_minutes), min(asked, _LONGEST_WAIT))
    drawn = hashlib.sha256(f"{feed.public_id}:{feed.fence}".encode()).digest()
    return span * (1 + int.from_bytes(drawn[:4]) / 2**32 / 10)


def _fail(feed: Feed, error: CartwheelError, now: datetime) -> None:
    feed.failures += 1
    feed.message = str(error).replace("\0", "")[:500]
    if isinstance(error, Refused):
        feed.state = "stopped"
        if isinstance(error, Gone):
            feed.message = "The feed is gone for good (410). Give it another address, or remove it."
        return
    after = error.after if isinstance(error, Later) else None
    own = min(_FIRST_WAIT * (1 << min(feed.failures - 1, 10)), _LONGEST_WAIT)
    # What cannot be read is no emergency of the server's: it is asked again in its usual time.
    least = timedelta(minutes=feed.every_minutes) if isinstance(error, Unreadable) else timedelta()
    feed.due_at = now + pause(feed, timedelta()) if least else now + max(after or own, timedelta(minutes=1))


def _take(session: Session, feed: Feed, document: Document, now: datetime) -> int:
    items = names_of(document)
    found = tell_apart(items, _known(session, feed.id, [names for _, names in items]))
    is_first = not feed.is_primed
    feed.is_primed = True
    # The oldest first: where dates are the same, or missing, the feed's own order counts from its end.
    new = list(reversed(found.new))
    new.sort(key=lambda pair: pair[0].published_at or _EARLIEST)
    told = [] if is_first else new[-MOST_TOLD:]
    if not is_first and len(new) > MOST_TOLD:
        feed.message = f"{len(new)} items were new at once: the newest {MOST_TOLD} were told, the others count as seen."
    _remember(session, feed, found, {names.key for _, names in told}, now)
    if told:
        feed.changed_at = now
        keep(session, _untold(session, feed.store_id, [_event(feed, i, n, now) for i, n in told]), now)
    return len(told)


def _untold(session: Session, store_id: int, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those that were told before the feed's item was forgotten."""
    names = [event["external_id"] for event in events]
    told = set(
        session.scalars(select(Event.external_id).where(Event.store_id == store_id, Event.external_id.in_(names)))
    )
    return [event for event in events if event["external_id"] not in told]


def _known(session: Session, feed_id: int, names: Sequence[Names]) -> list[Known]:
    table = table_of(FeedItem)
    given = (
        table.c.key.in_([n.key for n in names]),
        table.c.link_key.in_([n.link for n in names if n.link]),
        table.c.twin_key.in_([n.twin for n in names if n.twin]),
    )
    found = select(table.c.key, table.c.link_key, table.c.twin_key).where(table.c.feed_id == feed_id, or_(*given))
    return [Known(*row) for row in session.execute(found)]


def _remember(session: Session, feed: Feed, found: Sorted, told: set[str], now: datetime) -> None:
    rows = [
        {
            "feed_id": feed.id,
            "key": names.key,
            "link_key": names.link,
            "twin_key": names.twin,
            "title": item.title[:500],
            "url": item.link,
            "is_told": names.key in told,
            "published_at": item.published_at,
            "first_seen_at": now,
            "seen_at": now,
        }
        for item, names in (*found.new, *found.renamed)
    ]
    bulk.insert(session, FeedItem, rows, skip=["feed_id", "key"])
    table = table_of(FeedItem)
    ours = table.c.feed_id == feed.id
    if found.again:
        stale = table.c.key.in_(found.again) & (table.c.seen_at < now - timedelta(days=1))
        session.execute(update(table).where(ours, stale).values(seen_at=now))
    session.execute(delete(table).where(ours, table.c.seen_at < now - FORGOTTEN))


def _event(feed: Feed, item: Item, names: Names, now: datetime) -> dict[str, Any]:
    return {
        "store_id": feed.store_id,
        "customer_id": None,
        "name": ITEM,
        "at": now + SETTLES,
        "properties": properties(feed.code, item),
        "external_id": f"feed:{feed.id}:{names.key}",
        "recorded_at": now,
    }


def properties(code: str, item: Item) -> dict[str, Any]:
    """What an item's event tells of it; `published_at` is the date it bears, in ISO form."""
    return {
        "feed": code,
        "title": item.title,
        "url": item.link,
        "summary": item.summary,
        "html": item.html,
        "image_url": item.image_url,
        "author": item.author,
        "categories": list(item.categories),
        "published_at": item.published_at.isoformat() if item.published_at else "",
    }
