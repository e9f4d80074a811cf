"""Mails per second through a provider that takes one mail in a request and needs 150 ms for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from sqlalchemy import select, update

from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.models import Message
from automation.queue.beat import run_stage, take_turns
from bench import mail
from bench.mail import NOW
from bench.rig import Figure, installation, lanes, sink
from tests import make

LATENCY = 0.15


def measure(quick: bool) -> Iterator[Figure]:
    """Eight senders with eight requests under way each, on each database."""
    take_turns()
    count = 3_000 if quick else 10_000
    with sink(str(LATENCY)) as address:
        for lane in lanes():
            for senders in (1, 8):
                speed = _speed(lane, address, count * senders // 8, senders)
                is_whole = senders == 8
                yield Figure(
                    "singles",
                    f"one request a mail, 150 ms, {senders} sender(s)",
                    lane,
                    round(speed),
                    "mails/s",
                    "350 from 64 threads" if is_whole else "",
                    speed >= 350 if is_whole else None,
                    f"{speed * LATENCY:.0f} requests under way on average",
                )


def _speed(lane: str, address: str, count: int, senders: int) -> float:
    with installation(lane, TurnableClock(NOW), senders=senders, base_url="https://mail.example.com") as app:
        with app.db.write() as session:
            store = make.store(session, timezone="UTC")
            make.connection(app, session, store, "provider", "sendgrid", api_key="SG.bench", base_url=address)
            version = mail.version(app, session, store, NOW)
            mail.drafts(session, mail.audience(session, store, count), version, NOW)
            session.execute(update(Message).values(state="ready"))
        start = stopwatch()
        _drain(app, senders)
        span = stopwatch() - start
        with app.db.read() as session:
            states = set(session.scalars(select(Message.state).distinct()))
        if states != {"accepted"}:
            raise AssertionError(f"{states} instead of accepted")
        return count / span


def _drain(app: App, senders: int) -> None:
    def deliver() -> None:
        while run_stage(app, "deliver", NOW):
            pass

    threads = [threading.Thread(target=deliver) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
