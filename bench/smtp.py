"""SMTP: putting a mail together, beside the standard library's way, and handing mails to a local server."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import httpx

from automation.clock import stopwatch
from automation.provider import Accepted, Mail
from automation.providers.smtp import Smtp
from automation.providers.smtp.letter import letter
from automation.providers.smtp.talk import hang_up
from bench.rig import Figure, cpu_seconds

_LINE = (
    '<tr><td style="padding:0 24px;font-size:14px"><a href="https://mail.example.com/c/{n}">A product, „schön“</a>'
    "</td></tr>\n"
)
_MAIL = Mail(
    message_id="k5zq3mexample00000000000aa",
    from_email="hello@wren.example.com",
    from_name="Wren & Thistle",
    to_email="ada@example.com",
    to_name="Ada Löve",
    reply_to="",
    subject="Your cart is waiting ☕",
    html="".join(_LINE.format(n=n) for n in range(270)),
    text="Your cart is waiting.\n" * 60,
    headers={
        "List-Unsubscribe": "<https://mail.example.com/u/x>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)


def measure(quick: bool) -> Iterator[Figure]:
    """Figures for building a mail of 30 KB and for sending it, over one thread."""
    size = len(_MAIL.html) // 1000
    repeats = 50 if quick else 300
    ours, theirs = _ms(lambda: letter(_MAIL), repeats), _ms(_by_library, repeats // 5)
    yield Figure("smtp", f"a mail of {size} KB put together", "-", ours, "ms", "≤ 1", ours <= 1)
    yield Figure("smtp", "the same by the standard library", "-", theirs, "ms")
    count = 400 if quick else 4000
    for offers, name in (("PIPELINING,8BITMIME,SIZE", "pipelined"), ("8BITMIME,SIZE", "command by command")):
        with _server(offers) as port:
            rate, busy = _rate(port, count)
        yield Figure("smtp", f"sent to a local server, {name}", "-", rate, "mails/s", note=f"{busy:.2f} ms CPU each")


def _ms(action: Callable[[], object], repeats: int) -> float:
    spans = []
    for _ in range(repeats):
        start = stopwatch()
        action()
        spans.append((stopwatch() - start) * 1000)
    return statistics.median(spans)


def _by_library() -> bytes:
    message = EmailMessage()
    message["From"] = f"{_MAIL.from_name} <{_MAIL.from_email}>"
    message["To"] = f"{_MAIL.to_name} <{_MAIL.to_email}>"
    message["Subject"] = _MAIL.subject
    for name, value in _MAIL.headers.items():
        message[name] = value
    message.set_content(_MAIL.text)
    message.add_alternative(_MAIL.html, subtype="html")
    return message.as_bytes()


def _rate(port: int, count: int) -> tuple[float, float]:
    settings = Smtp.Settings.model_validate({"host": "127.0.0.1", "port": port, "security": "none"})
    there = Smtp(settings, httpx.Client())
    mails = [replace(_MAIL, message_id=f"message{n}") for n in range(count)]
    start, busy = stopwatch(), cpu_seconds()
    taken = 0
    for first in range(0, count, there.batch_size):
        outcomes = there.send(mails[first : first + there.batch_size], "key")
        taken += sum(isinstance(o, Accepted) for o in outcomes)
    span, busy = stopwatch() - start, cpu_seconds() - busy
    hang_up()
    there.http.close()
    if taken != count:
        raise RuntimeError(f"{count - taken} mails were not taken")
    return count / span, busy * 1000 / count


@contextmanager
def _server(offers: str) -> Iterator[int]:
    """A server in its own process that takes every mail at once; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.smtp_sink", offers],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
