"""Listen: webhooks that were verified and stored become customers, carts, orders and what became of mails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from automation import faults
from automation.app import App
from automation.changes import Change
from automation.connections import source_of
from automation.errors import CartwheelError
from automation.intake import count_topics, record
from automation.models import Connection, InboundWebhook
from automation.source import Envelope, Source
from automation.upsert import table_of

MAX_ATTEMPTS = 3
"""How often a webhook is tried that can be read and yet not be recorded."""

faults.declare("listen.translated", "listen.recorded")


@dataclass(slots=True)
class _Heard:
    """A webhook on its way: what it says, or why it cannot be used."""

    id: int
    connection_id: int
    topic: str
    attempts: int
    changes: Sequence[Change] = ()
    error: str = ""
    is_final: bool = False
    """True when trying again cannot help."""


def listen(app: App, now: datetime, limit: int) -> int:
    """Take in up to `limit` webhooks in the order they came; how many were dealt with.

    One that cannot be read fails at once, one that cannot be recorded after three attempts; neither holds up others.
    """
    heard = _translated(app, limit)
    if not heard:
        return 0
    faults.fault("listen.translated")
    with app.db.write() as session:
        mine = _claim(session, heard)
        _record(session, [h for h in mine if not h.error], now)
        _settle(session, mine, now)
        faults.fault("listen.recorded")
    return len(mine)


def _translated(app: App, limit: int) -> list[_Heard]:
    """Read the oldest webhooks and say them in our words, outside any writing transaction."""
    with app.db.read() as session:
        rows = session.scalars(
            select(InboundWebhook).where(InboundWebhook.state == "received").order_by(InboundWebhook.id).limit(limit)
        ).all()
        wanted = {row.connection_id for row in rows}
        connections = session.scalars(select(Connection).where(Connection.id.in_(wanted))).all() if wanted else ()
    if not rows:
        return []
    heard: list[_Heard] = []
    with app.http() as http:
        sources: dict[int, Source | str] = {}
        for connection in connections:
            try:
                sources[connection.id] = source_of(app, connection, http)
            except (CartwheelError, KeyError, ValueError) as error:
                sources[connection.id] = f"The connection's settings cannot be used: {error}"
        for row in rows:
            found = _Heard(row.id, row.connection_id, row.topic, row.attempts)
            _translate(found, sources[row.connection_id], row)
            heard.append(found)
    return heard


def _translate(heard: _Heard, source: Source | str, row: InboundWebhook) -> None:
    if isinstance(source, str):
        heard.error = source
        return
    try:
        heard.changes = source.translate(Envelope(row.delivery_id, row.topic, row.body, row.triggered_at))
    except Exception as error:  # noqa: BLE001  an adapter's slip must not hold up the other webhooks
        heard.error = f"{type(error).__name__}: {error}" if not isinstance(error, CartwheelError) else str(error)
        heard.is_final = True


def _claim(session: Session, heard: list[_Heard]) -> list[_Heard]:
    """Lock those that nobody else has dealt with meanwhile."""
    locked = set(
        session.scalars(
            select(InboundWebhook.id)
            .where(InboundWebhook.id.in_([h.id for h in heard]), InboundWebhook.state == "received")
            .order_by(InboundWebhook.id)
            .with_for_update(skip_locked=True)
        )
    )
    return [h for h in heard if h.id in locked]


def _record(session: Session, heard: list[_Heard], now: datetime) -> None:
    """Record all of a connection's webhooks at once; when that fails, one by one, to find the one to blame."""
    for connection_id, group in groupby(heard, key=lambda h: h.connection_id):
        run = list(group)
        connection = session.get_one(Connection, connection_id)
        if not _try(session, connection, run, now) and len(run) > 1:
            for one in run:
                one.error = ""
                _try(session, connection, [one], now)


def _try(session: Session, connection: Connection, heard: list[_Heard], now: datetime) -> bool:
    try:
        with session.begin_nested():
            record(session, connection, [change for h in heard for change in h.changes], now)
    except OperationalError:  # the database's trouble, not the webhook's: the whole round is tried again
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it must not hold up the other webhooks
        for h in heard:
            h.error = f"{type(error).__name__}: {error}"
        return False
    return True


def _settle(session: Session, heard: list[_Heard], now: datetime) -> None:
    """Write what became of each, count the topics, and remember when each connection was last heard."""
    table = table_of(InboundWebhook)
    done = [h.id for h in heard if not h.error]
    if done:
        session.execute(
            update(table)
            .where(table.c.id.in_(done))
            .values(state="processed", processed_at=now, attempts=table.c.attempts + 1, error="")
        )
    for h in (h for h in heard if h.error):
        failed = h.is_final or h.attempts + 1 >= MAX_ATTEMPTS
        session.execute(
            update(table)
            .where(table.c.id == h.id)
            .values(
                state="failed" if failed else "received",
                processed_at=now if failed else None,
                attempts=h.attempts + 1,
                error=h.error.replace("\0", "")[:1000],
            )
        )
    fresh = [h for h in heard if not h.attempts]
    counts = Counter((h.connection_id, h.topic) for h in fresh)
    count_topics(session, [(connection_id, topic, count) for (connection_id, topic), count in counts.items()], now)
    connections = table_of(Connection)
    newest = (
        select(func.max(table.c.received_at))
        .where(table.c.id.in_([h.id for h in heard]))
        .where(table.c.connection_id == connections.c.id)
    ).scalar_subquery()
    session.execute(
        update(connections).where(connections.c.id.in_({h.connection_id for h in heard})).values(last_heard_at=newest)
    )
