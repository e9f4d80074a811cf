"""Mails per second through decide + render + sign + deliver, beside the naive loop on the same machine.

The provider is a local process that accepts everything; it and the database share the machine's cores. "Per core"
divides by the processor time of the worker and its render children, not by that of database and sink.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import psutil
from jinja2 import Environment
from mjml import mjml2html
from sqlalchemy import func, select, update

from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.models import Decision, Message
from automation.queue.beat import run_stage
from bench import mail
from bench.rig import Figure, installation, lanes, sink
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def measure(quick: bool) -> Iterator[Figure]:
    """The belt on each database, then the naive loop, and the ratio of the two."""
    count = 5_000 if quick else 20_000
    with sink() as address:
        naive = _naive(address, 500 if quick else 1500)
        yield Figure("throughput", "naive loop: MJML, Jinja, one request a mail", "-", round(naive), "mails/s")
        for lane in lanes():
            for senders, children in ((1, 1), (2, 2)):
                wall, per_core, size = _belt(lane, address, count, senders, children)
                name = f"belt, {senders} sender(s), {children} render child(ren)"
                yield Figure(
                    "throughput", name, lane, round(wall), "mails/s", note=f"{wall / naive:.1f}× naive, {size:,} B"
                )
                yield Figure(
                    "throughput",
                    f"{name}, per core",
                    lane,
                    round(per_core),
                    "mails/s",
                    "1,200 per core; 4× naive",
                    per_core >= 1200 and wall >= 4 * naive,
                    f"{per_core / naive:.1f}× naive",
                )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    own: float = times.user + times.system
    return own + sum(_cpu(child) for child in process.children())


def _belt(lane: str, address: str, count: int, senders: int, children: int) -> tuple[float, float, int]:
    settings = {"senders": senders, "render_children": children, "base_url": "https://mail.example.com"}
    with installation(lane, TurnableClock(NOW), **settings) as app:
        with app.db.write() as session:
            store = make.store(session, timezone="UTC")
            make.connection(app, session, store, "provider", "postmark", server_token="bench", base_url=address)
            version = mail.version(app, session, store, NOW)
            mail.drafts(session, mail.audience(session, store, count), version, NOW)
        # The first batch warms what stays warm in a running worker: statements, templates, connections.
        _drain(app, 1, only=500)
        process = psutil.Process()
        # The sink is a child of this process too; its time is not the worker's.
        cpu, start = _cpu(process) - _sinks(process), stopwatch()
        _drain(app, senders)
        span = stopwatch() - start
        used = _cpu(process) - _sinks(process) - cpu
        with app.db.read() as session:
            sent = session.scalar(select(func.count()).where(Message.state == "accepted"))
            size = len(_one(app))
        if sent != count:
            raise AssertionError(f"{sent} of {count} accepted")
        return (count - 500) / span, (count - 500) / used, size


def _sinks(process: psutil.Process) -> float:
    return sum(_cpu(child) for child in process.children() if "bench.sink" in " ".join(child.cmdline()))


def _drain(app: App, senders: int, only: int | None = None) -> None:
    if only is not None:
        with app.db.write() as session:
            first = session.scalars(select(Message.id).order_by(Message.id).limit(only)).all()
            session.execute(update(Message).where(Message.id.not_in(first)).values(due_at=NOW.replace(hour=13)))
        while run_stage(app, "decide", NOW) + run_stage(app, "deliver", NOW):
            pass
        with app.db.write() as session:
            session.execute(update(Message).where(Message.state == "draft").values(due_at=NOW))
        return
    stop = threading.Event()

    def decide() -> None:
        while run_stage(app, "decide", NOW):
            pass
        stop.set()

    def deliver() -> None:
        while not (run_stage(app, "deliver", NOW) == 0 and stop.is_set()):
            pass

    threads = [threading.Thread(target=decide), *(threading.Thread(target=deliver) for _ in range(senders))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Decision))


def _one(app: App) -> str:
    from automation.rendering.again import again  # noqa: PLC0415  only the size of the mail is asked of it

    with app.db.read() as session:
        first = session.scalars(select(Message.id).limit(1)).one()
        shown, is_same = again(app, session, first)
    assert is_same
    return shown.html


def _naive(address: str, count: int) -> float:
    """What a script would do: everything anew for every recipient. Mails per second on one core."""
    environment = Environment(autoescape=True)
    source, subject = environment.from_string(mail.MJML), environment.from_string(mail.SUBJECT)
    products = [
        {
            "title": f"Teacup {i}",
            "price": 500 + 200 * i,
            "url": f"https://wren.example.com/products/p{i}",
            "image_url": f"https://wren.example.com/images/p{i}.png",
        }
        for i in range(6)
    ]
    with httpx.Client() as client:
        start = stopwatch()
        for i in range(count):
            values = {
                "customer": {"first_name": f"Ada{i}", "last_name": "Lovelace", "city": "London"},
                "store": {"name": "Wren & Thistle", "postal_address": "1 Market Street"},
                "products": products,
                "unsubscribe_url": f"https://mail.example.com/u/{i}",
            }
            body = {
                "From": "hello@wren.example.com",
                "To": f"ada{i}@example.com",
                "Subject": subject.render(values),
                "HtmlBody": mjml2html(source.render(values)),
            }
            client.post(f"{address}/email", json=body).raise_for_status()
        return count / (stopwatch() - start)
