"""Through which connections a store's mails leave now.

That is its default one and those that share with it, by their weights. One that has been down for some minutes
(turned away, paused, without an answer) is passed over; when all are, the first of the stand-ins takes their place. A
connection that is down but not switched off is tried now and then with one mail, the least urgent, and has its place
back when that was taken: the half-open state of a circuit breaker.

Only messages that have not left are affected. What is in flight or unknown belongs to the connection that it went
through, whatever becomes of it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import exists, not_, select, text, update
from sqlalchemy.orm import Session

from automation import audit
from automation.app import App
from automation.delivery import rates
from automation.delivery.turns import Turns
from automation.models import Connection, Installation, Message, RateState, Store
from automation.pacing import Pacing, pacing_of

PROBE_EVERY = timedelta(minutes=1)
"""How often a connection that is down is tried with a mail."""

# Spelt as the partial index spells it: with bound parameters SQLite would not see that it fits.
_READY = text("messages.state IN ('ready', 'retry')")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """A connection whose turn it is."""

    connection: Connection
    pacing: Pacing
    timezone: str
    """The store's."""
    most: int | None = None
    """How many its rate lets leave now; None for no limit."""
    share: float = 1.0
    """Of what the store may claim."""
    is_probe: bool = False
    """One mail, to see whether it works again."""
    is_covered: bool = False
    """Others of the store's connections work: a mail that this one does not take is theirs at once."""
    state: RateState | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A provider's connection and what is known of it."""

    connection: Connection
    pacing: Pacing
    head: int
    """Rank of the most urgent mail that waits at its store."""
    timezone: str
    state: RateState | None = None


def is_down(row: Connection, now: datetime, patience: timedelta) -> bool:
    """Whether nothing could leave through a connection for so long that others should."""
    return row.down_since is not None and now - row.down_since >= patience


def choose(known: Sequence[Known], now: datetime) -> list[Lane]:
    """One store's lanes among its connections. Pure."""
    first = [k for k in known if k.connection.is_default or k.pacing.use == "share"]
    working = [k for k in first if not is_down(k.connection, now, k.pacing.fail_over)]
    # Where nobody can take its place, one that is down goes on trying as it always does.
    going = working or _stand_ins(known, now) or first
    usable = [k for k in going if _is_usable(k.connection, now)]
    weights = sum(k.pacing.weight for k in usable)
    lanes = [_lane(k, k.pacing.weight / weights) for k in usable]
    tried = [k for k in first if k not in going and _is_usable(k.connection, now)]
    # First: what they do not take can go by the others right away.
    return [replace(_lane(k), is_probe=True, is_covered=bool(usable)) for k in tried] + lanes


def _stand_ins(known: Sequence[Known], now: datetime) -> list[Known]:
    ready = [
        k
        for k in known
        if k.pacing.use == "stand_in"
        and not k.connection.is_default
        and k.connection.state == "active"
        and not is_down(k.connection, now, k.pacing.fail_over)
    ]
    return sorted(ready, key=lambda k: (k.pacing.order, k.connection.id))[:1]


def _is_usable(row: Connection, now: datetime) -> bool:
    return row.state == "active" and (row.not_before is None or row.not_before <= now)


def _lane(known: Known, share: float = 1.0) -> Lane:
    return Lane(known.connection, known.pacing, known.timezone, share=share, state=known.state)


def lanes(session: Session, app: App, turns: Turns, now: datetime) -> tuple[list[Lane], list[tuple[int, bool]]]:
    """Connections with something to send, the most urgent first; and stand-ins that begin or end to be ones.

    Among equally urgent ones, who has waited longest goes first. One statement.
    """
    stores = _known(session, now)
    found: list[tuple[int, Lane]] = []
    changes: list[tuple[int, bool]] = []
    for known in stores.values():
        chosen = choose(known, now)
        found += [(known[0].head, _paced(app, lane, now)) for lane in chosen]
        changes += _changes(known, chosen)
    able = [(head, lane) for head, lane in found if lane.most is None or lane.most > 0]
    able.sort(
        key=lambda pair: (
            pair[0],
            not pair[1].is_probe,
            turns.last_served(pair[1].connection.id),
            pair[1].connection.id,
        )
    )
    return [lane for _, lane in able], changes


def _paced(app: App, lane: Lane, now: datetime) -> Lane:
    kind = app.providers.get(lane.connection.kind)
    most = None if kind is None else rates.left(lane.connection, kind, lane.state, now)
    return replace(lane, most=most)


def _known(session: Session, now: datetime) -> Mapping[int, list[Known]]:
    """The connections of stores with something to send, by store; nothing where sending is paused."""
    head = (
        select(Message.rank)
        .where(Message.store_id == Store.id, _READY, Message.due_at <= now)
        .order_by(Message.rank, Message.due_at, Message.id)
        .limit(1)
        .scalar_subquery()
    )
    busy = (
        select(Store.id.label("store_id"), Store.timezone.label("timezone"), head.label("head"))
        .where(not_(Store.is_paused), not_(exists().where(Installation.is_paused)))
        .subquery()
    )
    rows = session.execute(
        select(Connection, RateState, busy.c.head, busy.c.timezone)
        .join(busy, busy.c.store_id == Connection.store_id)
        .outerjoin(RateState, RateState.connection_id == Connection.id)
        .where(Connection.role == "provider", busy.c.head.is_not(None))
        .order_by(Connection.id)
    )
    found: dict[int, list[Known]] = defaultdict(list)
    for row, state, rank, timezone in rows:
        pacing = pacing_of(row)
        if row.is_default or pacing.use != "off":
            found[row.store_id].append(Known(row, pacing, rank, timezone, state))
    return found


def _changes(known: Sequence[Known], chosen: Sequence[Lane]) -> list[tuple[int, bool]]:
    """Stand-ins whose time begins (True) or ends (False)."""
    going = {lane.connection.id for lane in chosen if not lane.is_probe}
    found = []
    for k in known:
        row = k.connection
        stands_in = row.id in going and k.pacing.use == "stand_in" and not row.is_default
        if stands_in and row.standing_in_since is None:
            found.append((row.id, True))
        elif row.standing_in_since is not None and not stands_in and (going or row.is_default):
            found.append((row.id, False))
    return found


def note(session: Session, changes: Sequence[tuple[int, bool]], now: datetime) -> None:
    """Write down who stands in, and who does no more."""
    for connection_id, begins in changes:
        changed = session.execute(
            update(Connection)
            .where(
                Connection.id == connection_id,
                Connection.standing_in_since.is_(None) if begins else Connection.standing_in_since.is_not(None),
            )
            .values(standing_in_since=now if begins else None)
            .returning(Connection.public_id)
            .execution_options(synchronize_session=False)
        ).scalar()
        if changed is not None:
            action = "connection.stands_in" if begins else "connection.stood_in"
            audit.note(session, None, action, changed, now)
            log.warning(
                "Connection %s %s", connection_id, "stands in for the others" if begins else "stands in no more"
            )


def reserve_probe(session: Session, lane: Lane, now: datetime) -> bool:
    """Whether it is ours to try a connection that is down; others leave it alone meanwhile."""
    seen = lane.connection.not_before
    taken = session.execute(
        update(Connection)
        .where(
            Connection.id == lane.connection.id,
            Connection.not_before.is_(None) if seen is None else Connection.not_before == seen,
        )
        .values(not_before=now + PROBE_EVERY)
        .returning(Connection.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    return taken is not None
