"""Feeds that are read, and what is known of their items."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from automation.models.record import BigInt, Code, Id, Record, one_of


class Feed(Record):
    """A blog or another feed that a store's campaigns tell of."""

    __tablename__ = "feeds"
    __table_args__ = (
        UniqueConstraint("store_id", "code"),
        one_of("state", "active", "paused", "stopped"),
        Index("ix_feeds_state_due_at", "state", "due_at"),
    )

    id: Mapped[Id]
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    store_id: Mapped[int] = mapped_column(BigInt, ForeignKey("stores.id"))
    code: Mapped[Code]
    """What campaigns call it; stays when the title or the address changes."""
    title: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(String(2000))
    state: Mapped[Code] = mapped_column(default="active")
    """Active, paused by a person, or stopped until a person changes something; `message` says why."""
    every_minutes: Mapped[int] = mapped_column(default=30)
    etag: Mapped[str] = mapped_column(String(500), default="")
    last_modified: Mapped[str] = mapped_column(String(100), default="")
    is_primed: Mapped[bool] = mapped_column(default=False)
    """True once it was read: what stood in it then counts as seen."""
    message: Mapped[str] = mapped_column(String(500), default="")
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    fence: Mapped[int] = mapped_column(default=0)
    """Counts the claims: only the newest may record what it brought."""
    due_at: Mapped[datetime]
    """When it is fetched next; while it is being fetched, when its claim ends."""
    fetched_at: Mapped[datetime | None]
    """When it last answered."""
    changed_at: Mapped[datetime | None]
    """When it last had something new."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class FeedItem(Record):
    """An item that was seen in a feed, by the names it may come back under."""

    __tablename__ = "feed_items"
    __table_args__ = (
        UniqueConstraint("feed_id", "key"),
        Index("ix_feed_items_feed_id_link_key", "feed_id", "link_key"),
        Index("ix_feed_items_feed_id_twin_key", "feed_id", "twin_key"),
        Index("ix_feed_items_feed_id_seen_at", "feed_id", "seen_at"),
    )

    id: Mapped[Id]
    feed_id: Mapped[int] = mapped_column(BigInt, ForeignKey("feeds.id", ondelete="CASCADE"))
    key: Mapped[Code]
    link_key: Mapped[str | None] = mapped_column(String(64))
    twin_key: Mapped[str | None] = mapped_column(String(64))
    """Of title and date."""
    title: Mapped[str] = mapped_column(String(500))
    url: Mapped[str] = mapped_column(String(2000))
    is_told: Mapped[bool]
    """False for what stood there when the feed was first read, and for another name of what is known."""
    published_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """When it last stood in the feed, to the day."""
