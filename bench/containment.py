"""What the render children cost, and how soon they end what must not go on.

The same mail for the same customers, once rendered in this process with nothing between, once in a child as it is
done in earnest; by turns, so that a busy machine is as unfair to the one as to the other. Then every bomb of the
tests, with the time from its coming to the sentence for its author.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psutil

from automation.clock import stopwatch
from automation.errors import TemplateBroken
from automation.rendering.mail import Compiled, MailSource
from automation.rendering.pool import RenderPool
from automation.rendering.sandbox import MailProgram
from bench import mail
from bench.rig import Figure, cpu_seconds
from tests.automation.rendering.bombs import QUICK, SLOW, VALUES

BATCH = 500
LEAST_PERCENT, MOST_SECONDS = 70, 2.0
_KEY = b"k" * 32


def measure(quick: bool) -> Iterator[Figure]:
    """Mails per second with and without containment, and the longest that a bomb lasts."""
    pool = RenderPool(1, _KEY)
    try:
        yield from _throughput(pool, 6 if quick else 20)
        yield _bombs(pool)
    finally:
        pool.close()


def _contexts() -> list[dict[str, Any]]:
    products = [
        {
            "title": f"Teacup {n}",
            "price": 500 + 200 * n,
            "url": f"https://shop.example.com/products/{n}",
            "image_url": f"https://shop.example.com/images/{n}.png",
        }
        for n in range(6)
    ]
    store = {"name": "Wren & Thistle", "postal_address": "1 Market Street, 10115 Berlin"}
    return [
        {
            **VALUES,
            "customer": {"first_name": f"Ada{n}", "last_name": "Lovelace", "city": "London"},
            "store": store,
            "products": products,
            "_click": f"https://mail.example.com/c/token{n}/",
        }
        for n in range(BATCH)
    ]


def _throughput(pool: RenderPool, rounds: int) -> Iterator[Figure]:
    compiled: Compiled = pool.compile(MailSource(subject=mail.SUBJECT, mjml=mail.MJML))
    contexts = _contexts()
    for context in contexts:
        del context["big"], context["digits"]
    program = MailProgram(compiled, _KEY)

    def bare() -> None:
        for context in contexts:
            made = program(context)
            # The hashes are needed either way.
            for part in (made.html, made.text):
                hashlib.sha256(part.encode()).digest()

    def contained() -> None:
        failed = [f for f in pool.finish("bench", compiled, contexts) if isinstance(f, TemplateBroken)]
        assert not failed, failed[0]

    bare()
    contained()
    spans = [(_spent(bare), _spent(contained)) for _ in range(rounds)]
    without, within = (BATCH / statistics.median(wall for wall, _ in side) for side in zip(*spans, strict=True))
    percent = 100 * sum(a for (_, a), _ in spans) / sum(b for _, (_, b) in spans)
    share = 100 * statistics.median(a / b for (a, _), (b, _) in spans)
    yield Figure("containment", "rendered in this process", "", round(without), "mails/s")
    yield Figure("containment", "rendered in a child, and brought over", "", round(within), "mails/s")
    yield Figure(
        "containment",
        "what containment leaves of the throughput",
        "",
        round(share),
        "%",
        f"at least {LEAST_PERCENT} %",
        share >= LEAST_PERCENT,
        f"{rounds} pairs of {BATCH}; of a processor's mails, {percent:.0f} %",
    )


def _spent(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall, and processor seconds of this process and its render child."""
    start, used = stopwatch(), _processor()
    action()
    return stopwatch() - start, _processor() - used


def _processor() -> float:
    children = (child.cpu_times() for child in psutil.Process().children())
    return cpu_seconds() + sum(times.user + times.system for times in children)


def _bombs(pool: RenderPool) -> Figure:
    lasted: dict[str, float] = {}
    for name, source in (QUICK | SLOW).items():
        start = stopwatch()
        with suppress(TemplateBroken):
            pool.render(name, pool.compile(source), [VALUES])
        lasted[name] = stopwatch() - start
        pool.compile(MailSource(subject="x", mjml="<mjml><mj-body></mj-body></mjml>"))
    slowest = max(lasted, key=lasted.__getitem__)
    return Figure(
        "containment",
        f"the slowest of {len(lasted)} bombs",
        "",
        round(lasted[slowest], 2),
        "s",
        f"under {MOST_SECONDS:g} s",
        lasted[slowest] < MOST_SECONDS,
        f"{slowest}; median {statistics.median(lasted.values()):.2f} s",
    )
