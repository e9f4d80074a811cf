"""What a person may do with a feed: look at it, add, change, pause, fetch now, remove."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from automation import audit
from automation.app import App
from automation.errors import NotAllowed
from automation.feeds.document import Document
from automation.feeds.fetching import fetch
from automation.feeds.reading import read
from automation.models import Feed
from automation.outside import problem_of
from automation.security import random_id
from automation.upsert import table_of

LEAST_MINUTES, MOST_MINUTES = 15, 1440
MOST_FEEDS = 50
"""Feeds of one store."""


@dataclass(frozen=True, slots=True)
class Look:
    """A feed that was looked at before it is added."""

    url: str
    """Where it lives, after redirects for good."""
    document: Document


def look(app: App, url: str, now: datetime) -> Look:
    """Fetch and read a feed, and store nothing. No transaction may be open.

    Raises Refused or Later when it cannot be fetched, Unreadable for what is no feed.
    """
    with app.outside() as http:
        fetched = fetch(http, with_scheme(url), now)
    assert fetched.body is not None  # nothing was asked for conditionally
    return Look(fetched.url, read(fetched.body, fetched.seat, fetched.charset))


def with_scheme(url: str) -> str:
    """An address as people type it, with https where they left it out."""
    url = re.sub("^feed:(//)?", "", url.strip(), flags=re.IGNORECASE)
    return url if "://" in url else f"https://{url}"


def find(session: Session, store_id: int, public_id: str) -> Feed:
    """A store's feed by the id in its addresses. Raises NotAllowed when there is none."""
    row = session.scalars(select(Feed).where(Feed.public_id == public_id, Feed.store_id == store_id)).first()
    if row is None:
        raise NotAllowed("This feed is gone.")
    return row


def add(
    session: Session,
    *,
    store_id: int,
    url: str,
    title: str,
    now: datetime,
    every_minutes: int = 30,
    admin_id: int | None = None,
) -> Feed:
    """Have a feed read from now on. Raises NotAllowed for an address that may not be asked, or one that is there."""
    url = _allowed(url)
    there = session.scalars(select(Feed).where(Feed.store_id == store_id)).all()
    if any(row.url == url for row in there):
        raise NotAllowed("This feed is read already.")
    if len(there) >= MOST_FEEDS:
        raise NotAllowed(f"There are {MOST_FEEDS} feeds already; remove one that nobody needs.")
    title = " ".join(title.split())[:200] or url[:200]
    row = Feed(
        public_id=random_id(),
        store_id=store_id,
        code=_code(title, {f.code for f in there}),
        title=title,
        url=url,
        every_minutes=min(max(every_minutes, LEAST_MINUTES), MOST_MINUTES),
        due_at=now,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    audit.note(session, admin_id, "feed.added", row.public_id, now, code=row.code)
    return row


def _allowed(url: str) -> str:
    url = with_scheme(url)
    problem = problem_of(url, schemes=("http", "https"))
    if problem or len(url) > 2000:
        raise NotAllowed(f"This address is not asked: {problem or 'it is too long'}.")
    return url


def _code(title: str, taken: set[str]) -> str:
    """A word for it that campaigns use: letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    word = re.sub("[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "feed"
    number = 1
    while (code := word if number == 1 else f"{word}-{number}") in taken:
        number += 1
    return code


def change(
    session: Session, row: Feed, *, title: str, url: str, every_minutes: int, now: datetime, admin_id: int | None = None
) -> None:
    """Give it another title, address or interval. Raises NotAllowed for an address that may not be asked."""
    url = _allowed(url)
    if url != row.url:
        # What the old address said of itself is not true of the new one.
        row.url, row.etag, row.last_modified = url, "", ""
        row.due_at = now
        row.fence += 1
        if row.state == "stopped":
            row.state, row.message, row.failures = "active", "", 0
    row.title = " ".join(title.split())[:200] or row.title
    row.every_minutes = min(max(every_minutes, LEAST_MINUTES), MOST_MINUTES)
    row.updated_at = now
    audit.note(session, admin_id, "feed.changed", row.public_id, now)


def pause(session: Session, row: Feed, now: datetime, admin_id: int | None = None) -> None:
    """Fetch it no more until it is resumed. What is published meanwhile is new then."""
    if row.state != "paused":
        row.state, row.updated_at = "paused", now
        row.fence += 1
        audit.note(session, admin_id, "feed.paused", row.public_id, now)


def resume(session: Session, row: Feed, now: datetime, admin_id: int | None = None) -> None:
    """Fetch it again, at once; also after it was stopped."""
    if row.state != "active":
        row.state, row.message, row.failures = "active", "", 0
        audit.note(session, admin_id, "feed.resumed", row.public_id, now)
    row.due_at = row.updated_at = now


def remove(session: Session, row: Feed, now: datetime, admin_id: int | None = None) -> None:
    """Forget it. What it told stays."""
    audit.note(session, admin_id, "feed.removed", row.public_id, now, code=row.code)
    session.execute(delete(table_of(Feed)).where(Feed.id == row.id))
    session.expunge(row)
