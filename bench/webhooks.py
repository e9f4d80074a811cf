"""Webhooks per second that the real door accepts and has on disk.

Waitress, signatures, and one commit shared by those who wait for it; the clients run on the same cores.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import psutil
from sqlalchemy import func, select

from automation.app import App
from automation.clock import stopwatch
from automation.models import InboundWebhook
from automation.settings import child_environment
from bench.rig import Figure, free_port, installation, lanes
from tests import make

SECRET = "shpss_bench"
CLIENTS, THREADS = 2, 8
WARM = 480
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def measure(quick: bool) -> Iterator[Figure]:
    """Requests per second on each database, each of them found in the table afterwards."""
    count = 2_000 if quick else 10_000
    for lane in lanes():
        with installation(lane, secret_key="a key for benchmarks") as app:
            with app.db.write() as session:
                store = make.store(session)
                row = make.connection(app, session, store, "platform", "shopify", secret=SECRET)
                path = f"/hooks/{row.public_id}"
            with web(app) as (address, process):
                _hammer(address + path, WARM, "warm")
                rate = _hammer(address + path, count, "run")
                resident = process.memory_info().rss / 1e6
            with app.db.read() as session:
                stored = session.scalar(select(func.count(InboundWebhook.id)))
            if stored != count + WARM:
                raise AssertionError(f"{stored} stored of {count + WARM} accepted")
            yield Figure(
                "webhooks",
                "accepted and durable",
                lane,
                round(rate),
                "req/s",
                "500/s",
                rate >= 500,
                f"{count:,} requests",
            )
            yield Figure("memory", "web process, taking webhooks", lane, round(resident), "MB")


@contextmanager
def web(app: App) -> Iterator[tuple[str, psutil.Process]]:
    """The installation's web process, serving; its address and the process."""
    port = free_port()
    given = child_environment(
        CARTWHEEL_DATA=str(app.settings.data),
        CARTWHEEL_DATABASE_URL=app.settings.database,
        CARTWHEEL_SECRET_KEY="a key for benchmarks",
        CARTWHEEL_PORT=str(port),
        CARTWHEEL_LOG_LEVEL="WARNING",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp"], env=given, cwd=Path(__file__).parents[1], stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(f"{address}/healthz", timeout=2, trust_env=False)
                break
            except httpx.TransportError:
                if process.poll() is not None:
                    raise AssertionError("the web process did not start") from None
                threading.Event().wait(0.1)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _hammer(url: str, count: int, key: str) -> float:
    """Post `count` different webhooks from several client processes; how many a second."""
    share = count // CLIENTS
    start = stopwatch()
    clients = [
        subprocess.Popen([sys.executable, "-m", "bench.webhooks", url, str(share), f"{key}{n}"], cwd=os.getcwd())  # noqa: PTH109  the folder that the bench was started in
        for n in range(CLIENTS)
    ]
    if any(client.wait() for client in clients):
        raise AssertionError("a client was not answered with 200")
    return count / (stopwatch() - start)


def _client(url: str, count: int, key: str) -> None:
    """One client process: some threads, each with a connection that it keeps."""
    failed = threading.Event()
    threads = [
        threading.Thread(target=_post, args=(url, count // THREADS, f"{key}-{n}", failed)) for n in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(1 if failed.is_set() else 0)


def _post(url: str, count: int, key: str, failed: threading.Event) -> None:
    try:
        _post_all(url, count, key, failed)
    except OSError:
        failed.set()


def _post_all(url: str, count: int, key: str, failed: threading.Event) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
    for i in range(count):
        body = orjson.dumps(_cart(f"{key}-{i}"))
        signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": "carts/update",
            "X-Shopify-Webhook-Id": f"{key}-{i}",
            "X-Shopify-Hmac-Sha256": signature,
            "X-Shopify-Triggered-At": NOW.isoformat(),
        }
        connection.request("POST", parts.path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            failed.set()
            return


def _cart(token: str) -> dict[str, object]:
    line = {"id": 1, "product_id": 2, "variant_id": 3, "title": "Blue enamel teapot", "quantity": 1, "price": "24.95"}
    return {
        "id": token,
        "token": token,
        "line_items": [line] * 3,
        "created_at": NOW.isoformat(),
        "updated_at": NOW.isoformat(),
    }


if __name__ == "__main__":
    _client(sys.argv[1], int(sys.argv[2]), sys.argv[3])
