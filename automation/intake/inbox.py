"""Keeps verified webhooks until the listen stage reads them. The hot path: one statement each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from automation.models import Connection, InboundWebhook, TopicCount
from automation.source import Envelope
from automation.upsert import table_of


@cache
def _keep(dialect: str) -> Any:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    table = table_of(InboundWebhook)
    kept_once = insert(table).on_conflict_do_nothing(index_elements=["connection_id", "delivery_id"])
    return kept_once.returning(table.c.connection_id, table.c.delivery_id)


@cache
def _count(dialect: str) -> Any:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    table = table_of(TopicCount)
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=["connection_id", "topic"],
        set_={
            "count": table.c.count + statement.excluded.count,
            "last_at": statement.excluded.last_at,
            "is_known": statement.excluded.is_known,
        },
    )


def store(session: Session, connection: Connection, envelope: Envelope, now: datetime, *, is_known: bool) -> bool:
    """Keep a verified webhook for the listen stage; False when its delivery was here before.

    A topic that nobody reads is counted and not kept, so a repetition of it is not noticed. Known topics are
    counted by the listen stage: a counter that every delivery writes would make them wait for one another.
    """
    if not is_known:
        count_topics(session, [(connection.id, envelope.topic, 1)], now, is_known=False)
        return True
    found = session.connection().execute(
        _keep(session.get_bind().dialect.name),
        {
            "connection_id": connection.id,
            "delivery_id": envelope.delivery_id,
            "topic": envelope.topic,
            "triggered_at": envelope.triggered_at,
            "body": envelope.body,
            "state": "bare" if envelope.is_bare else "received",
            "received_at": now,
        },
    )
    return found.first() is not None


def store_all(session: Session, deliveries: Sequence[tuple[int, Envelope, datetime]]) -> list[bool]:
    """The same for many deliveries of known topics, (connection id, envelope, now) each, in one statement."""
    # In one order everywhere: two processes that are told the same things must not wait for each other in a circle.
    rows = [
        {
            "connection_id": connection_id,
            "delivery_id": envelope.delivery_id,
            "topic": envelope.topic,
            "triggered_at": envelope.triggered_at,
            "body": envelope.body,
            "state": "bare" if envelope.is_bare else "received",
            "received_at": now,
        }
        for connection_id, envelope, now in sorted(deliveries, key=lambda d: (d[0], d[1].delivery_id))
    ]
    if not rows:
        return []
    written = session.connection().execute(_keep(session.get_bind().dialect.name), rows)
    new = {(row.connection_id, row.delivery_id) for row in written}
    found = []
    for connection_id, envelope, _ in deliveries:
        found.append((connection_id, envelope.delivery_id) in new)
        new.discard((connection_id, envelope.delivery_id))
    return found


def count_topics(
    session: Session, counts: Iterable[tuple[int, str, int]], now: datetime, *, is_known: bool = True
) -> None:
    """Add to how often topics came in: (connection id, topic, how many more)."""
    rows = [
        {"connection_id": connection_id, "topic": topic, "is_known": is_known, "count": count, "last_at": now}
        for connection_id, topic, count in sorted(counts)
    ]
    if rows:
        session.connection().execute(_count(session.get_bind().dialect.name), rows)
