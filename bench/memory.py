"""What the worker and the web process take up: at rest, and the worker with its children at full speed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import func, select

from automation.app import App
from automation.models import Message
from automation.settings import child_environment
from bench import mail
from bench.rig import Figure, installation, lanes, sink
from bench.webhooks import web
from tests import make


def measure(quick: bool) -> Iterator[Figure]:
    """Resident memory in MB; the worker's includes its render children."""
    count = 5_000 if quick else 20_000
    for lane in lanes():
        with sink() as address, installation(lane, secret_key="a key for benchmarks") as app:
            with web(app) as (_, process):
                yield Figure("memory", "web process at rest", lane, round(process.memory_info().rss / 1e6), "MB")
            worker = _start(app)
            try:
                threading.Event().wait(5)
                rest = _resident(worker)
                _fill(app, address, count)
                peak = _watch(app, worker, count)
            finally:
                worker.terminate()
                worker.wait()
            yield Figure("memory", "worker at rest, with its children", lane, round(rest), "MB")
            yield Figure(
                "memory",
                "worker at full speed, with its children",
                lane,
                round(peak),
                "MB",
                "under 300 MB",
                peak < 300,
                f"peak over {count:,} mails",
            )


def _start(app: App) -> psutil.Popen:
    given = child_environment(
        CARTWHEEL_DATA=str(app.settings.data),
        CARTWHEEL_DATABASE_URL=app.settings.database,
        CARTWHEEL_SECRET_KEY="a key for benchmarks",
        CARTWHEEL_LOG_LEVEL="WARNING",
    )
    return psutil.Popen(
        [sys.executable, "-m", "automation", "worker"],
        env=given,
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
    )


def _fill(app: App, address: str, count: int) -> None:
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    # No quiet hours: the worker's clock is the machine's.
    policy = {"quiet_from": "00:00", "quiet_until": "00:00"}
    with app.db.write() as session:
        store = make.store(session, timezone="UTC", policy=policy)
        make.connection(app, session, store, "provider", "postmark", server_token="bench", base_url=address)
        version = mail.version(app, session, store, now)
        mail.drafts(session, mail.audience(session, store, count), version, now)


def _watch(app: App, worker: psutil.Popen, count: int) -> float:
    peak = 0.0
    for _ in range(6000):
        peak = max(peak, _resident(worker))
        with app.db.read() as session:
            if session.scalar(select(func.count(Message.id)).where(Message.state == "accepted")) == count:
                return peak
        threading.Event().wait(0.2)
    raise AssertionError("the worker did not send everything")


def _resident(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(p.memory_info().rss for p in family if p.is_running()) / 1e6
