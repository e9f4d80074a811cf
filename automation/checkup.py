"""Examines an installation: what must hold for it to keep its promises, each in a sentence."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from automation import migrating, sender_dns
from automation.app import App
from automation.clock import ShiftedClock, real_time
from automation.connections import provider_of
from automation.database import Database, sentence
from automation.errors import CartwheelError
from automation.finding import Finding, Verdict
from automation.models import Connection, Heartbeat, Store
from automation.sender_dns import Resolve

LEAST_DISK = 500_000_000
"""Bytes free in the data folder below which the database may soon not grow."""
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No right clock shows less."""
MOST_SKEW = 3.0
"""Seconds that two clocks may be apart."""
SILENT_AFTER = 60.0
"""Seconds without a heartbeat after which a worker is not taken to be running."""


def examine(app: App, now: datetime, resolve: Resolve | None = None) -> list[Finding]:
    """Look at everything; what cannot even be looked at is bad. `resolve` looks names up; else the machine's does."""
    findings = [_data_folder(app), _disk(app), _secret_key(app), _clock(app)]
    database = _guarded("Database", lambda: _database(app.db))
    findings.append(database)
    if database.verdict == "good" and not app.db.is_sqlite:
        findings.append(_guarded("Clocks", lambda: _skew(app.db)))
    if database.verdict == "bad":
        return findings
    migrations = _guarded("Migrations", lambda: _migrations(app.db))
    findings.append(migrations)
    if migrations.verdict == "bad":
        return findings
    findings.append(_guarded("Worker", lambda: _heartbeat(app, now)))
    findings += _providers(app)
    findings += senders(app, resolve or sender_dns.resolver())
    return findings


def senders(app: App, resolve: Resolve) -> list[Finding]:
    """What the domain of each store's sender says of the provider that its mails leave through."""
    with app.db.read() as session:
        rows = session.execute(
            select(Store, Connection)
            .join(Connection, Connection.store_id == Store.id)
            .where(Connection.role == "provider", Connection.is_default, Connection.kind != "mailbox")
            .order_by(Store.id)
        ).all()
        session.expunge_all()
    found: list[Finding] = []
    with app.http() as http:
        for store, row in rows:
            try:
                provider = provider_of(app, row, http)
            except CartwheelError:
                # Told by the provider's own line.
                continue
            signing = str(getattr(provider.settings, "domain", "") or "")
            found += sender_dns.examine(store.sender_email, provider.label, provider.records, resolve, signing)
    return found


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except DBAPIError as error:
        return Finding(what, "bad", sentence(error))
    except (CartwheelError, OSError) as error:
        said = str(error).strip().splitlines()
        return Finding(what, "bad", said[0] if said else type(error).__name__)


def _data_folder(app: App) -> Finding:
    folder = app.settings.data.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Finding("Data folder", "good", f"{folder} can be written.")
    except OSError as error:
        return Finding("Data folder", "bad", f"{folder} cannot be written: {error.strerror}.")


def _disk(app: App) -> Finding:
    try:
        free = shutil.disk_usage(app.settings.data).free
    except OSError as error:
        return Finding("Disk", "bad", f"cannot be measured: {error.strerror}.")
    return Finding("Disk", "good" if free >= LEAST_DISK else "bad", f"{free / 1e9:.1f} GB free.")


def _secret_key(app: App) -> Finding:
    if app.settings.secret_key is not None:
        return Finding("Secret key", "good", "comes from CARTWHEEL_SECRET_KEY.")
    path = app.settings.data / "secret.key"
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding("Secret key", "bad", f"{path} can be read by others (mode {mode:o}): chmod 600 it.")
    if path.stat().st_uid != os.getuid():
        return Finding("Secret key", "warning", f"{path} belongs to somebody else.")
    return Finding("Secret key", "good", f"{path} is readable by its owner alone.")


def _clock(app: App) -> Finding:
    now = real_time()
    if now < RELEASED:
        return Finding("Clock", "bad", f"the machine's clock shows {now:%Y-%m-%d}: set it.")
    if isinstance(app.clock, ShiftedClock) and app.clock.offset():
        return Finding("Clock", "warning", f"the demo's clock is {app.clock.offset()} ahead of the machine's.")
    return Finding("Clock", "good", f"{now:%Y-%m-%d %H:%M} UTC.")


def _database(database: Database) -> Finding:
    question = "SELECT sqlite_version()" if database.is_sqlite else "SHOW server_version"
    with database.read() as session:
        version = session.scalar(text(question))
    return Finding("Database", "good", f"{'SQLite' if database.is_sqlite else 'PostgreSQL'} {version} answers.")


def _skew(database: Database) -> Finding:
    before = real_time()
    with database.read() as session:
        theirs: datetime = session.scalar(text("SELECT clock_timestamp()"))
    after = real_time()
    return judged_skew(max(before - theirs, theirs - after, timedelta(0)))


def judged_skew(apart: timedelta) -> Finding:
    """How far the database's clock and this machine's may be apart: leases are measured by both."""
    seconds = apart.total_seconds()
    if seconds < MOST_SKEW:
        return Finding("Clocks", "good", "this machine and the database agree.")
    said = f"this machine and the database are {seconds:,.0f} seconds apart."
    advice = "Let both follow a time server (NTP)."
    return Finding("Clocks", "warning" if seconds < 10 * MOST_SKEW else "bad", said, advice)


def _migrations(database: Database) -> Finding:
    present, newest = migrating.present(database), migrating.newest()
    if present != newest:
        return Finding("Migrations", "bad", f"at {present or 'nothing'}, not at {newest}: run `cartwheel migrate`.")
    return Finding("Migrations", "good", f"at {present}, the newest.")


def _heartbeat(app: App, now: datetime) -> Finding:
    with app.db.read() as session:
        at = session.scalar(select(Heartbeat.at).where(Heartbeat.name == "worker"))
    if at is None:
        return Finding("Worker", "warning", "has never run here.")
    age = (now - at).total_seconds()
    verdict: Verdict = "good" if age <= SILENT_AFTER else "warning"
    return Finding("Worker", verdict, f"last heard {max(age, 0):.0f} seconds ago.")


def _providers(app: App) -> list[Finding]:
    with app.db.read() as session:
        rows = list(session.scalars(select(Connection).where(Connection.role == "provider").order_by(Connection.id)))
        session.expunge_all()
    if not rows:
        return [Finding("Provider", "warning", "none is connected: no mail can leave.")]
    with app.http() as http:
        return [_guarded(f"Provider {row.name}", lambda row=row: _provider(app, row, http)) for row in rows]  # type: ignore[misc]  # the default binds the row


def _provider(app: App, row: Connection, http: httpx.Client) -> Finding:
    if row.state != "active":
        return Finding(f"Provider {row.name}", "bad", f"is {row.state}. {row.state_reason}".strip())
    return Finding(f"Provider {row.name}", "good", provider_of(app, row, http).check())
