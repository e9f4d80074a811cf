"""Drafts a second through the decide stage: a newsletter to people who had mails before, one batch after another.

Wall time is what counts on a machine that does nothing else; the processor time of this process is beside it,
because the database takes its share on another core.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from automation import bulk, collecting
from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.models import Consent, ConsentState, Customer, Decision, Message, Store
from automation.queue.beat import lanes_of, run_stage
from automation.security import random_id
from bench.rig import Figure, analyse, installation, lanes
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ZONES = ("Europe/Berlin", "UTC", "America/New_York", "Europe/London", None)
EARLIER = 4
"""Mails that everybody had in the last weeks."""
CHUNK = 10_000


def measure(quick: bool) -> Iterator[Figure]:
    """A newsletter's drafts on each database."""
    size = 20_000 if quick else 100_000
    for lane in lanes():
        wall, cpu, served, went = _decide(lane, size)
        yield Figure(
            "decide",
            f"{size:,} drafts of a newsletter",
            lane,
            round(wall),
            "drafts/s",
            "20,000",
            wall >= 20_000,
            f"processor time a draft: {cpu * 1e6:.1f} µs of our own, {served * 1e6:.1f} of the server; {went:,} may go",
        )


def _decide(lane: str, size: int) -> tuple[float, float, float, int]:
    with installation(lane, TurnableClock(NOW)) as app:
        fill(app, size)
        analyse(app)
        # The first batch warms what stays warm in a running worker: statements, zones, connections.
        first = run_stage(app, "decide", NOW)
        collecting.settle()
        cpu, served, start = time.process_time(), _served(app), stopwatch()
        _drain(app)
        span, used = stopwatch() - start, time.process_time() - cpu
        served = _served(app) - served
        with app.db.read() as session:
            decided = session.scalar(select(func.count()).select_from(Decision))
            went = session.scalar(select(func.count()).where(Message.state == "ready")) or 0
        if decided != size:
            raise AssertionError(f"{decided} of {size} decided")
        count = size - first
        return count / span, used / count, served / count, went


def _drain(app: App) -> None:
    """As many lanes at once as a worker has."""

    def decide() -> None:
        while run_stage(app, "decide", NOW):
            pass

    lanes = [threading.Thread(target=decide) for _ in range(lanes_of(app, "decide"))]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()


def _served(app: App) -> float:
    """Processor time of the server's processes that work for us; 0 on SQLite, which is part of ours."""
    if app.db.is_sqlite:
        return 0.0
    with app.db.read() as session:
        ids = session.scalars(text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")).all()
    times = [psutil.Process(pid).cpu_times() for pid in ids if psutil.pid_exists(pid)]
    return sum(t.user + t.system for t in times)


def fill(app: App, size: int) -> None:
    """Customers who agreed, the mails they had, and a draft for each."""
    with app.db.write() as session:
        store = make.store(session)
        version = make.template(session, store)
        campaign = make.campaign(app, session, store, "newsletter")
        common = {
            "store_id": store.id,
            "campaign_id": campaign.id,
            "version_id": campaign.live_version_id,
            "template_version_id": version.id,
            "mail_class": "promotional",
            "rank": 3,
            "topic": "marketing",
        }
        for start in range(0, size, CHUNK):
            customers = _customers(session, store, range(start, min(start + CHUNK, size)))
            _mails(session, customers, common)


def _customers(session: Session, store: Store, numbers: range) -> list[int]:
    at = NOW - timedelta(days=100)
    rows = [
        {
            "public_id": random_id(),
            "store_id": store.id,
            "email": f"{i}@example.com",
            "email_key": f"{i}@example.com",
            "timezone": ZONES[i % len(ZONES)],
            "created_at": at,
            "updated_at": at,
        }
        for i in numbers
    ]
    ids = [row.id for row in bulk.insert(session, Customer, rows, returning=[Customer.id])]
    line: dict[str, Any] = {"store_id": store.id, "topic": "marketing", "status": "granted", "at": at}
    ledger = [{**line, "customer_id": i, "source": "form", "recorded_at": at} for i in ids]
    lines = bulk.insert(session, Consent, ledger, returning=[Consent.id, Consent.customer_id])
    bulk.insert(session, ConsentState, [{**line, "customer_id": r.customer_id, "consent_id": r.id} for r in lines])
    return ids


def _mails(session: Session, customers: list[int], common: dict[str, Any]) -> None:
    before = [NOW - timedelta(days=5 * n) for n in range(EARLIER, 0, -1)]
    states = [("delivered", "accepted", at) for at in before] + [("draft", "", NOW)]
    for state, reason, at in states:
        is_sent = state != "draft"
        row: dict[str, Any] = {
            **common,
            "state": state,
            "reason": reason,
            "due_at": at,
            "created_at": at,
            "decided_at": at if is_sent else None,
            "accepted_at": at if is_sent else None,
            "expires_at": at + timedelta(hours=48),
        }
        bulk.insert(session, Message, [{**row, "customer_id": i, "public_id": random_id()} for i in customers])
