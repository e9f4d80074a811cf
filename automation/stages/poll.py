"""Poll: ask shops for what their webhooks only name, for all they have and for what they missed; and fetch feeds."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from sqlalchemy import Select, or_, select, text, update
from sqlalchemy.orm import Session

from automation import errands, faults
from automation.app import App
from automation.connections import platform_of
from automation.errors import CartwheelError, Later, Misconfigured, Refused, Unreadable, Unsure
from automation.feeds import news
from automation.intake import Receipt, record
from automation.models import Connection, Errand, InboundWebhook
from automation.platform import Page
from automation.source import Envelope
from automation.upsert import table_of

log = logging.getLogger(__name__)

ERRANDS_AT_ONCE = 4
"""Pages read in one call: each may be a hundred orders, and takes a second or two."""
LEASE = timedelta(minutes=10)
"""How long a claim holds: longer than any page or look-up may take."""
MAX_LOOK_UPS = 12
"""How often an object that a webhook names is looked up before it is given up: for about eight hours."""

# Spelt as the partial index spells it: with a bound parameter SQLite would not see that it fits.
_BARE = text("inbound_webhooks.state = 'bare'")

faults.declare("poll.claimed", "poll.fetched", "poll.feed_fetched", "poll.recorded")


def poll(app: App, now: datetime, limit: int) -> int:
    """Look up the objects of up to `limit` bare webhooks, read a page of each due errand and fetch the due feeds.

    The answer is how many of the three.
    """
    # Only a read while there is nothing to do: on SQLite every writer waits for every other.
    with app.db.read() as session:
        has_bare = session.scalar(select(InboundWebhook.id).where(_BARE).limit(1)) is not None
        has_errands = session.scalar(select(_due_errands(now).limit(1).exists()))
        has_feeds = session.scalar(select(news.due(now).limit(1).exists()))
    moved = _look_up(app, now, limit) if has_bare else 0
    moved += _run_errands(app, now) if has_errands else 0
    return moved + (_visit_feeds(app, now) if has_feeds else 0)


def _due_errands(now: datetime) -> Select[Errand]:
    return (
        select(Errand)
        .join(Connection, Connection.id == Errand.connection_id)
        .where(Errand.state == "waiting", Errand.due_at <= now, Connection.state == "active")
    )


# Webhooks that only name an object


@dataclass(slots=True)
class _Named:
    """A webhook that names an object, and what the look-up brought."""

    row: InboundWebhook
    body: bytes | None = None
    error: CartwheelError | None = None


def _look_up(app: App, now: datetime, limit: int) -> int:
    with app.db.write() as session:
        named, connections = _claim_bare(session, now, limit)
    if not named:
        return 0
    faults.fault("poll.claimed")
    with app.http() as http:
        for connection in connections:
            mine = [n for n in named if n.row.connection_id == connection.id]
            _fetch(app, connection, mine, http)
    faults.fault("poll.fetched")
    with app.db.write() as session:
        _keep(session, named, now)
        faults.fault("poll.recorded")
    return len(named)


def _claim_bare(session: Session, now: datetime, limit: int) -> tuple[list[_Named], Sequence[Connection]]:
    """The oldest whose time has come, of connections that are in use; nobody else takes them while the lease holds."""
    due = or_(InboundWebhook.not_before.is_(None), InboundWebhook.not_before <= now)
    rows = session.scalars(
        select(InboundWebhook)
        .join(Connection, Connection.id == InboundWebhook.connection_id)
        .where(_BARE, due, Connection.state == "active")
        .order_by(InboundWebhook.id)
        .limit(limit)
        .with_for_update(of=InboundWebhook, skip_locked=True)
    ).all()
    if not rows:
        return [], ()
    table = table_of(InboundWebhook)
    session.execute(update(table).where(table.c.id.in_([r.id for r in rows])).values(not_before=now + LEASE))
    connections = session.scalars(select(Connection).where(Connection.id.in_({r.connection_id for r in rows}))).all()
    session.expunge_all()
    return [_Named(row) for row in rows], connections


def _fetch(app: App, connection: Connection, named: list[_Named], http: httpx.Client) -> None:
    """Look up what these name. A shop that asks us to wait, or turns us away, is not asked for the others."""
    stop: CartwheelError | None = None
    try:
        platform = platform_of(app, connection, http)
    except (CartwheelError, KeyError, ValueError) as error:
        stop = Misconfigured(f"the connection's settings cannot be used: {error}")
    for one in named:
        if stop is not None:
            one.error = stop
            continue
        row = one.row
        try:
            one.body = platform.fetch(Envelope(row.delivery_id, row.topic, row.body, row.triggered_at, True)).body
        except (Later, Misconfigured) as error:
            one.error = stop = error
        except CartwheelError as error:
            one.error = error
        except Exception as error:  # noqa: BLE001  an adapter's slip must not hold up the other webhooks
            one.error = Unreadable(f"{type(error).__name__}: {error}")


def _keep(session: Session, named: list[_Named], now: datetime) -> None:
    table = table_of(InboundWebhook)
    for one in named:
        attempts = one.row.attempts + 1
        values: dict[str, object] = {"attempts": attempts, "not_before": None}
        match one.error:
            case None:
                # The listen stage counts its own attempts, and the topic at the first of them.
                values |= {"state": "received", "body": one.body, "attempts": 0, "error": ""}
            case Misconfigured() as error:
                values |= {"attempts": one.row.attempts, "error": str(error)[:1000]}
                errands.mark_broken(session, one.row.connection_id, str(error))
            case (Later() | Unsure()) as error if attempts < MAX_LOOK_UPS:
                after = error.after if isinstance(error, Later) and error.after else errands.pause_after(attempts)
                values |= {"not_before": now + after, "error": str(error)[:1000]}
            case error:
                values |= {"state": "failed", "processed_at": now, "error": str(error).replace("\0", "")[:1000]}
        session.execute(update(table).where(table.c.id == one.row.id, table.c.state == "bare").values(values))


# Errands


@dataclass(slots=True)
class _Trip:
    """An errand that is being done."""

    errand: Errand
    connection: Connection
    page: Page | None = None
    said: str = ""
    error: CartwheelError | None = None
    every: timedelta = field(default_factory=lambda: timedelta(hours=1))


def _run_errands(app: App, now: datetime) -> int:
    with app.db.write() as session:
        trips = _claim_errands(session, now)
    with app.http() as http:
        for trip in trips:
            _go(app, trip, http)
            faults.fault("poll.fetched")
            with app.db.write() as session:
                _come_back(session, trip, now)
                faults.fault("poll.recorded")
    return len(trips)


def _claim_errands(session: Session, now: datetime) -> list[_Trip]:
    """Those that are due longest; the claim moves them to the end of its lease, and the fence tells it from others."""
    found = session.scalars(
        _due_errands(now)
        .order_by(Errand.due_at, Errand.id)
        .limit(ERRANDS_AT_ONCE)
        .with_for_update(of=Errand, skip_locked=True)
    ).all()
    if not found:
        return []
    for errand in found:
        errand.fence += 1
        errand.due_at = now + LEASE
        if errand.cursor is None and not errand.failures:
            errand.started_at, errand.progress, errand.taken, errand.refused = now, 0.0, 0, 0
    session.flush()
    wanted = {errand.connection_id for errand in found}
    connections = {c.id: c for c in session.scalars(select(Connection).where(Connection.id.in_(wanted)))}
    session.expunge_all()
    return [_Trip(errand, connections[errand.connection_id]) for errand in found]


def _go(app: App, trip: _Trip, http: httpx.Client) -> None:
    errand = trip.errand
    try:
        platform = platform_of(app, trip.connection, http)
        trip.every = platform.reconciled_every
        if errand.kind == "subscribe":
            if not app.settings.public_url.startswith("https://"):
                raise Refused("Webhooks need a public https address: set CARTWHEEL_BASE_URL, then do this again.")  # noqa: TRY301  it is recorded like the shop's own refusals
            trip.said = platform.subscribe(f"{app.settings.public_url}/hooks/{trip.connection.public_id}")
        else:
            trip.page = platform.pull(errand.since, errand.cursor)
    except CartwheelError as error:
        trip.error = error
    except Exception as error:
        log.exception("%s of %s failed", errand.kind, trip.connection.public_id)
        trip.error = Later(f"{type(error).__name__}: {error}")


def _come_back(session: Session, trip: _Trip, now: datetime) -> None:
    """Record what a trip brought, if nobody else has gone on the same errand since."""
    errand = session.scalars(select(Errand).where(Errand.id == trip.errand.id).with_for_update()).one()
    if errand.fence != trip.errand.fence:
        return
    errand.updated_at = now
    if trip.error is not None:
        _fail(session, errand, trip.error, now)
    elif trip.page is not None:
        _take(session, errand, trip, trip.page, now)
    else:
        errand.state, errand.progress, errand.message, errand.failures = "done", 1.0, trip.said[:500], 0


def _take(session: Session, errand: Errand, trip: _Trip, page: Page, now: datetime) -> None:
    connection = session.get_one(Connection, errand.connection_id)
    receipt = record(session, connection, page.changes, now) if page.changes else Receipt()
    errand.taken += receipt.applied
    errand.refused += len(page.refused)
    if page.refused:
        errand.message = f"Not readable: {'; '.join(page.refused[:3])}".replace("\0", "")[:500]
    errand.failures = 0
    errand.cursor = page.cursor
    errand.progress = max(errand.progress, min(page.progress, 1.0))
    errand.due_at = now
    if page.cursor is None:
        connection.last_heard_at = now
        _finish(errand, trip.every, now)
        if errand.kind == "reconcile":
            errands.renew_subscription(session, errand.connection_id, now)


def _finish(errand: Errand, every: timedelta, now: datetime) -> None:
    errand.progress = 1.0
    if not errand.refused:
        errand.message = ""
    if errand.kind == "reconcile":
        started_at = errand.started_at or now
        errand.since, errand.due_at = started_at - errands.OVERLAP, started_at + every
        errand.due_at = max(errand.due_at, now + timedelta(seconds=1))
    else:
        errand.state = "done"


def _fail(session: Session, errand: Errand, error: CartwheelError, now: datetime) -> None:
    errand.failures += 1
    errand.message = str(error).replace("\0", "")[:500]
    if isinstance(error, Later | Unsure | Unreadable):
        after = error.after if isinstance(error, Later) and error.after else errands.pause_after(errand.failures)
        errand.due_at = now + after
        return
    errand.state = "failed"
    # A shop whose keys may not subscribe may still be read; one that cannot be read is of no use.
    if isinstance(error, Misconfigured) and errand.kind != "subscribe":
        errands.mark_broken(session, errand.connection_id, str(error))


# Feeds


def _visit_feeds(app: App, now: datetime) -> int:
    with app.db.write() as session:
        visits = news.claim(session, now)
    with app.outside() as http:
        for visit in visits:
            news.visit(http, visit, now)
            faults.fault("poll.feed_fetched")
            with app.db.write() as session:
                # Read only here: what is new is new from when it is written down, see `news.SETTLES`.
                news.record(session, visit, app.clock())
                faults.fault("poll.recorded")
    return len(visits)
