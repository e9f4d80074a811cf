"""Mails per second through decide + render + sign + deliver, beside the naive loop on the same machine.

The provider is a local process that accepts everything; it and the database share the machine's cores. "Per core"
divides by the processor time of the worker and its render children, not by that of database and sink.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import psutil
from jinja2 import Environment
from mjml import mjml2html
from sqlalchemy import func, select, update

from automation.app import App
from automation.clock import TurnableClock, stopwatch
from automation.models import Decision, Message
from automation.queue.beat import run_stage, take_turns
from bench import mail
from bench.rig import Figure, installation, lanes, sink
from tests import make

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def measure(quick: bool) -> Iterator[Figure]:
    """The belt on each database, then the naive loop, and the ratio of the two."""
    take_turns()
    count = 5_000 if quick else 20_000
    with sink() as address:
        bare, naive = _naive(address, 500 if quick else 1500)
        yield Figure("throughput", "naive loop: MJML, Jinja, one request a mail", "-", round(bare), "mails/s")
        yield Figure("throughput", "naive loop that also tracks links and remembers", "-", round(naive), "mails/s")
        for lane in lanes():
            for senders, children in ((1, 1), (2, 2)):
                wall, per_core, size = _belt(lane, address, count, senders, children)
                name = f"belt, {senders} sender(s), {children} render child(ren)"
                yield Figure(
                    "throughput",
                    name,
                    lane,
                    round(wall),
                    "mails/s",
                    note=f"{wall / naive:.1f}× the naive loop, {size:,} B",
                )
                yield Figure(
                    "throughput",
                    f"{name}, per core",
                    lane,
                    round(per_core),
                    "mails/s",
                    "1,200 per core; 4× the naive loop that does as much",
                    per_core >= 1200 and per_core >= 4 * naive,
                    f"{per_core / naive:.1f}× the naive loop, {per_core / bare:.1f}× the bare one",
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


def _naive(address: str, count: int) -> tuple[float, float]:
    """What a script would do for the same mails: everything anew for every recipient; mails per second on one core.

    The first figure is bare: MJML, Jinja, one request. The second ends where the belt ends: links are signed and
    tracked, there is a text part, and that the mail has left is on disk before the next one goes.
    """
    environment = Environment(autoescape=True)
    source, subject = environment.from_string(mail.MJML), environment.from_string(mail.SUBJECT)
    text = environment.from_string(_TEXT)

    def body(i: int) -> dict[str, str]:
        values = _values(i)
        return {
            "From": "hello@wren.example.com",
            "To": f"ada{i}@example.com",
            "Subject": subject.render(values),
            "HtmlBody": mjml2html(source.render(values)),
        }

    with httpx.Client() as client, tempfile.TemporaryDirectory() as folder:
        start = stopwatch()
        for i in range(count):
            client.post(f"{address}/email", json=body(i)).raise_for_status()
        bare = count / (stopwatch() - start)
        sent = sqlite3.connect(f"{folder}/sent.sqlite")
        sent.execute("PRAGMA journal_mode=WAL")
        sent.execute("CREATE TABLE sent (id INTEGER PRIMARY KEY, html TEXT)")
        start = stopwatch()
        for i in range(count):
            made = body(i)
            made["HtmlBody"] = re.sub(r'href="(https?://[^"]+)"', partial(_tracked, i), made["HtmlBody"])
            made["TextBody"] = text.render(_values(i))
            client.post(f"{address}/email", json=made).raise_for_status()
            sent.execute("INSERT INTO sent VALUES (?, ?)", (i, made["HtmlBody"]))
            sent.commit()
        whole = count / (stopwatch() - start)
        sent.close()
        return bare, whole


_TEXT = """Dear {{ customer.first_name }} {{ customer.last_name }} of {{ customer.city }},
{% for product in products %}{{ product.title }}, {{ product.price }}: {{ product.url }}
{% endfor %}{{ store.name }}, {{ store.postal_address }}. Unsubscribe: {{ unsubscribe_url }}
"""


def _tracked(i: int, link: re.Match[str]) -> str:
    signature = hmac.digest(b"a key for benchmarks", f"{i}{link[1]}".encode(), hashlib.sha256).hex()
    return f'href="https://mail.example.com/c/{i}/{quote(link[1], safe="")}/{signature}"'


def _values(i: int) -> dict[str, Any]:
    products = [
        {
            "title": f"Teacup {n}",
            "price": 500 + 200 * n,
            "url": f"https://wren.example.com/products/p{n}",
            "image_url": f"https://wren.example.com/images/p{n}.png",
        }
        for n in range(6)
    ]
    return {
        "customer": {"first_name": f"Ada{i}", "last_name": "Lovelace", "city": "London"},
        "store": {"name": "Wren & Thistle", "postal_address": "1 Market Street"},
        "products": products,
        "unsubscribe_url": f"https://mail.example.com/u/{i}",
    }
