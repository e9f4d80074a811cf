"""Mails per second from claim to accepted, by worker processes of their own, beside the naive loop on this machine.

A mail is personalised throughout, about 40 KB of HTML with 45 signed links and a text part, rendered in a contained
child, claimed and recorded durably. The provider is a local process that accepts everything; it and the database
share the machine's cores. "Per core" divides by the processor time of the workers and their render children, not by
that of sink and database; "on this machine" is what the clock on the wall says with all of them on it.

To hold listmonk against it on the same machine: give it the same HTML as its template, with `TrackLink` around each
address and the products in the subscribers' attributes, the same number of subscribers, the same PostgreSQL server,
concurrency 20 and a message rate it does not reach, and a messenger (HTTP "postback" or SMTP) that accepts
everything. Version 6.2.0 sent 1,350 to 1,674 a second that way on two cores of a Xeon server. It keeps no row for a
recipient; this belt keeps one, with what the mail was made of.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from sqlalchemy import func, select

from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.models import Message
from automation.queue.beat import run_stage, take_turns
from automation.rendering.again import again
from bench import mail, naive
from bench.mail import NOW
from bench.rig import Figure, installation, lanes, sink
from tests import make

PER_CORE = 2_500
LISTMONK = 1_674
"""Mails per second of listmonk 6.2.0 at its best, on two cores, measured as described above."""


@dataclass(frozen=True, slots=True)
class Run:
    """One drain of the belt."""

    wall: float
    per_core: float
    size: int


def measure(quick: bool) -> Iterator[Figure]:
    """The naive loop, then each database with one worker and two, and the ratios."""
    take_turns()
    count = 6_000 if quick else 30_000
    with sink() as address:
        bare, loop = naive.rates(address, 500 if quick else 1500)
        yield Figure("throughput", "naive loop: MJML, Jinja, one request a mail", "-", round(bare), "mails/s")
        yield Figure("throughput", "naive loop that also tracks links and remembers", "-", round(loop), "mails/s")
        alone: dict[str, Run] = {}
        for lane in lanes():
            alone[lane] = run = _belt(lane, address, count, workers=1)
            yield Figure(
                "throughput", "one worker, claim to accepted, per core", lane, round(run.per_core), "mails/s",
                f"{PER_CORE:,}", run.per_core >= PER_CORE, f"{run.per_core / loop:.1f}× the naive loop, {run.size:,} B",
            )  # fmt: skip
            yield Figure("throughput", "one worker, on this machine", lane, round(run.wall), "mails/s")
            two = _belt(lane, address, count, workers=2)
            least = 3 * LISTMONK
            yield Figure(
                "throughput", "two workers, on this machine", lane, round(two.wall), "mails/s",
                f"{least:,}: 3 × listmonk" if lane == "postgresql" else "",
                two.wall >= least if lane == "postgresql" else None,
                f"{two.wall / run.wall:.1f}× one worker, {two.wall / LISTMONK:.1f}× listmonk, "
                f"{two.per_core:,.0f} per core",
            )  # fmt: skip
        if "postgresql" in alone:
            share = 100 * alone["postgresql"].per_core / alone["sqlite"].per_core
            yield Figure(
                "throughput", "PostgreSQL, of SQLite's mails per core", "", round(share), "%", "85 %", share >= 85
            )


def _belt(lane: str, address: str, count: int, workers: int) -> Run:
    with installation(lane, TurnableClock(NOW), base_url="https://mail.example.com", secret_key=KEY) as app:
        with app.db.write() as session:
            store = make.store(session, timezone="UTC")
            make.connection(app, session, store, "provider", "postmark", server_token="bench", base_url=address)
            version = mail.version(app, session, store, NOW)
            mail.drafts(session, mail.audience(session, store, count), version, NOW)
        while run_stage(app, "decide", NOW):
            pass
        spans, wall, warmed = _drain(app, workers)
        sent = _accepted(app)
        if sent != count:
            raise AssertionError(f"{sent} of {count} accepted")
        counted = count - warmed
        return Run(counted / wall, counted / sum(spans), len(_one(app)))


KEY = "a key for benchmarks"


def _drain(app: App, workers: int) -> tuple[list[float], float, int]:
    """Processor seconds of each worker, seconds on the wall, and how many mails left before the clock was started."""
    given = [sys.executable, "-m", "bench.sender", app.settings.database, str(app.settings.data), "1"]
    started = [
        subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
        for _ in range(workers)
    ]
    for process in started:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise AssertionError("A worker did not start.")
    warmed, began = _accepted(app), stopwatch()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [orjson.loads(process.stdout.readline()) for process in started if process.stdout is not None]
    wall = stopwatch() - began
    for process in started:
        process.communicate()
    return [one["cpu"] for one in told], wall, warmed


def _accepted(app: App) -> int:
    with app.db.read() as session:
        return session.scalar(select(func.count()).where(Message.state == "accepted")) or 0


def _one(app: App) -> str:
    with app.db.read() as session:
        first = session.scalars(select(Message.id).limit(1)).one()
        shown, is_same = again(app, session, first)
    assert is_same
    return shown.html
