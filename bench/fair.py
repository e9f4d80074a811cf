"""How long a cart mail takes to leave while a newsletter's backlog is being sent, beside how long it takes alone."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, literal, select

from automation.app import App
from automation.clock import real_time, stopwatch
from automation.models import Customer, Message, Store, TemplateVersion
from automation.queue.beat import run_stage, take_turns
from automation.security import random_id
from bench import mail
from bench.rig import Figure, analyse, installation, lanes, median_ms, sink
from tests import make

PATIENCE = 60.0
"""Seconds after which a cart mail counts as stuck."""
SENDERS = 2
READERS = 1_000


def measure(quick: bool) -> Iterator[Figure]:
    """Each database: a cart mail alone, then during a newsletter; and what a claim costs before so many rows."""
    take_turns()
    backlog, carts = (20_000, 4) if quick else (1_000_000, 20)
    with sink() as address:
        for lane in lanes():
            settings: dict[str, Any] = {
                "senders": SENDERS,
                "render_children": 2,
                "base_url": "https://mail.example.com",
            }
            with installation(lane, **settings) as app:
                store, version = _open(app, address)
                alone = _latencies(app, store, version, carts)
                _newsletter(app, store, version, backlog)
                analyse(app)
                yield _claims(app, lane, backlog)
                busy = _latencies(app, store, version, carts)
                sent = _sent(app)
            name = f"cart mail during a newsletter to {backlog:,}"
            yield Figure(
                "fair",
                f"{name}, slowest of {carts}",
                lane,
                round(max(busy), 2),
                "s",
                "at most 5 s",
                max(busy) <= 5,
                f"median {statistics.median(busy):.2f} s; alone {statistics.median(alone):.2f} s; "
                f"{sent - 2 * carts:,} newsletter mails left meanwhile",
            )


def _open(app: App, address: str) -> tuple[int, int]:
    with app.db.write() as session:
        store = make.store(session, timezone="UTC")
        make.connection(app, session, store, "provider", "postmark", server_token="bench", base_url=address)
        version = mail.version(app, session, store, real_time())
        mail.audience(session, store, READERS)
        return store.id, version.id


def _newsletter(app: App, store_id: int, version_id: int, count: int) -> None:
    """So many ready messages, all due at one instant: as many rounds over the readers as it takes."""
    now = real_time()
    with app.db.write() as session:
        version = session.get_one(TemplateVersion, version_id)
        readers = session.scalars(select(Customer.id).where(Customer.store_id == store_id)).all()
        for start in range(0, count, 50_000):
            rows = [
                _message(store_id, version, readers[n % len(readers)], "promotional", now - timedelta(minutes=1))
                for n in range(start, min(count, start + 50_000))
            ]
            session.execute(insert(Message.__table__), rows)  # type: ignore[arg-type]  # a table all the same


def _message(
    store_id: int, version: TemplateVersion, customer_id: int, mail_class: str, due_at: datetime
) -> dict[str, object]:
    return {
        "public_id": random_id(),
        "store_id": store_id,
        "customer_id": customer_id,
        "template_version_id": version.id,
        "mail_class": mail_class,
        "rank": {"promotional": 3, "lifecycle": 2}[mail_class],
        "state": "ready",
        "due_at": due_at,
        "created_at": due_at,
    }


def _claims(app: App, lane: str, backlog: int) -> Figure:
    from automation.delivery import claims, routes  # noqa: PLC0415  only here
    from automation.delivery.turns import Turns  # noqa: PLC0415  as above

    def claim() -> None:
        with app.db.write() as session:
            found, _ = routes.lanes(session, app, Turns(), real_time())
            claims.claim(session, app, found[0], real_time(), 100)
            session.rollback()

    return Figure("fair", f"claim of 100 before {backlog:,} ready rows", lane, round(median_ms(claim), 1), "ms")


def _latencies(app: App, store_id: int, version_id: int, count: int) -> list[float]:
    """Seconds from a cart mail's falling due to its acceptance, one after the other, while senders work as they do."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            if not run_stage(app, "deliver", app.clock()):
                time.sleep(app.settings.tick_seconds / 10)

    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        # The first batches warm what stays warm.
        time.sleep(2)
        return [_one(app, store_id, version_id, n) for n in range(count)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _one(app: App, store_id: int, version_id: int, number: int) -> float:
    with app.db.write() as session:
        version = session.get_one(TemplateVersion, version_id)
        store = session.get_one(Store, store_id)
        person = make.customer(session, store, f"Cart{number}-{random_id()[:8]}")
        row = _message(store_id, version, person.id, "lifecycle", app.clock())
        session.execute(insert(Message.__table__), [row])  # type: ignore[arg-type]  # a table all the same
    start = stopwatch()
    query = select(literal(1)).where(Message.public_id == row["public_id"], Message.accepted_at.is_not(None))
    while stopwatch() - start < PATIENCE:
        with app.db.read() as session:
            if session.scalar(query):
                break
        time.sleep(0.02)
    return stopwatch() - start


def _sent(app: App) -> int:
    with app.db.read() as session:
        return session.scalar(select(func.count()).where(Message.accepted_at.is_not(None))) or 0
